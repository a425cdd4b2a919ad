// Dates in words, and a conversation as text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../../console/machine/conversation.js";
import { dayOf, transcriptOf, wholeTimeOf } from "../../../console/view/words.js";

const DAY = 86_400_000;

test("a date names the year if it is another one", () => {
  const now = new Date();
  assert.deepEqual([dayOf(now.getTime()), dayOf(now.getTime() - DAY)], ["Today", "Yesterday"]);
  const last = new Date(now.getFullYear() - 1, 5, 15).getTime();
  assert.match(dayOf(last), new RegExp(String(now.getFullYear() - 1)));
  const early = new Date(now.getFullYear(), now.getMonth() > 5 ? 1 : 10, 15).getTime();
  assert.doesNotMatch(dayOf(early), new RegExp(String(now.getFullYear())));
});

test("a whole time has its offset from UTC", () => {
  assert.match(wholeTimeOf(Date.UTC(2024, 0, 15, 12)), /2024.*UTC[+−-]\d\d:\d\d$/);
});

test("a conversation as text has all messages, with names, roles and whole dates", () => {
  const one = new Conversation("conv_1");
  one.title = "Support: Road";
  const message = (/** @type {number} */ seq, /** @type {string} */ sender_id, /** @type {string} */ content) => ({ id: `m${seq}`, conversation_id: "conv_1", sender_id, content, sent_at: new Date(seq).toISOString(), seq });
  one.held = { epoch: "e", messages: [message(1, "john", "first\nsecond line"), message(2, "ghost", "boo")] };
  const people = new Map([["john", { id: "john", role: /** @type {const} */ ("BUS_DRIVER"), first_name: "John", last_name: "Doe" }]]);
  const at = wholeTimeOf(1);
  assert.equal(transcriptOf(one, people), `Road\nconv_1, 2 messages\n\n[${at}] John Doe (Bus driver): first\n    second line\n[${at}] ghost: boo\n`);
  one.held.messages.shift();
  assert.match(transcriptOf(one, people), /Messages before number 2 are not part of this text\./);
});
