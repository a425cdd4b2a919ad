// Dates in words, and a conversation as text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../../console/machine/conversation.js";
import { Orders } from "../../../console/machine/orders.js";
import { chooseLanguage } from "../../../console/language.js";
import { ageOf, contentOf, dayOf, problemOf, stateOf, timeLeft, transcriptOf, typingWords, wholeTimeOf } from "../../../console/view/words.js";

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

test("an entry is worded in the language, unless a name or the action is unknown", () => {
  const people = new Map(["jane", "omar"].map((id) => [id, { id, role: /** @type {const} */ ("CONTROL_STAFF"), first_name: id, last_name: "S" }]));
  const work = { state: /** @type {const} */ ("TAKEN"), assignee: "omar", since: "", waiting_since: null, version: 2 };
  const entry = (/** @type {string} */ action, by = "jane") => contentOf({ sender_id: by, content: "as the server says", work: { ...work, action } }, people);
  assert.equal(entry("TRANSFER"), "jane S has handed this conversation to omar S.");
  assert.deepEqual([entry("TAKE", "ghost"), entry("JUGGLE")], ["as the server says", "as the server says"]);
  const emergency = { state: /** @type {const} */ ("OPEN"), level: 2, by: null, since: "", reason: null, version: 2, alerted_at: "", action: "ESCALATE" };
  assert.equal(contentOf({ sender_id: "chat:server", content: "", emergency }, people), "Nobody has taken this emergency yet (alert 2).");
  const ended = /** @type {const} */ ({ ...emergency, state: "ENDED", reason: "solved", action: "END" });
  assert.equal(contentOf({ sender_id: "jane", content: "", emergency: ended }, people), "jane S has ended this emergency: solved.");
  assert.equal(contentOf({ sender_id: "jane", content: "I come", emergency: { ...emergency, action: undefined } }, people), "I come");
});

test("numbers, ages and lists have the forms of German", (t) => {
  Object.assign(globalThis, { document: { documentElement: {} } });
  t.after(() => chooseLanguage("en"));
  chooseLanguage("de");
  assert.equal(/** @type {any} */ (globalThis).document.documentElement.lang, "de");
  assert.deepEqual([dayOf(Date.now()), dayOf(Date.now() - DAY)], ["Heute", "Gestern"]);
  assert.deepEqual([60, 65, 2_880].map((minutes) => ageOf(minutes * 60_000)), ["1 Std.", "1 Std. 5 Min.", "2 Tg."]);
  assert.equal(typingWords(["Ann", "Bob"]), "Ann und Bob schreiben…");
  assert.deepEqual([1, 2].map((count) => stateOf({ phase: "live" }, count, true).text), ["Verbunden · 1 Nachricht unterwegs", "Verbunden · 2 Nachrichten unterwegs"]);
});

test("entries and errors about orders are worded, and the time left in its largest units", () => {
  const people = new Map([["jane", { id: "jane", role: /** @type {const} */ ("CONTROL_STAFF"), first_name: "Jane", last_name: "S" }]]);
  const order = { message_id: "m1", seq: 1, sender_id: "jane", choices: 2, due: "", version: 2, people: [{ user_id: "john", state: /** @type {const} */ ("OVERDUE") }] };
  const orders = new Orders();
  orders.take({ ...order, version: 1, answers: ["Yes", "No"] });
  const entry = (/** @type {object} */ its, by = "jane") => contentOf({ sender_id: by, content: "as the server says", answer: /** @type {any} */ ({ order, ...its }) }, people, orders);
  assert.deepEqual([entry({ action: "ANSWER", answer: 1 }), entry({ action: "ANSWER", answer: 0, late: true })], ["Jane S has answered: No", "Jane S has answered late: Yes"]);
  assert.deepEqual([entry({ action: "WITHDRAW" }), entry({ action: "EXPIRE" })], ["Jane S has withdrawn this order.", "This order was not answered in time."]);
  assert.equal(entry({ action: "EXPIRE", order: { ...order, people: [] } }), "This order no longer waits for everybody who was asked.");
  for (const unknown of [entry({ action: "ANSWER", answer: 2 }), entry({ action: "JUGGLE", answer: 0 }), entry({ action: "ANSWER", answer: 0 }, "ghost")]) {
    assert.equal(unknown, "as the server says");
  }
  assert.deepEqual([9_001, 59_000, 60_000, 3_900_000, -1].map(timeLeft), ["10 sec", "59 sec", "1 min", "1 hr 5 min", "0 sec"]);
  for (const code of ["already_answered", "too_many_orders", "order_not_possible", "order_over", "conflict"]) assert.notEqual(problemOf("the server's words", code), "the server's words");
});
