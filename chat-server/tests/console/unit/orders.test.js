// Orders: the newest state wins, an answer is sent once, and whoever connects sees what is open.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { mayAnswer, waitsFor } from "../../../console/machine/orders.js";
import { Bench, summary } from "../support/machine.js";

/** The examples of the protocol document about orders: new message, answer, error, overdue and so on. */
const EXAMPLES = await (async () => {
  const text = await readFile(new URL("../../../../chat-core/PROTOCOL.md", import.meta.url), "utf8");
  const [, part = ""] = text.split("### Orders (addition)");
  const [chapter = ""] = part.split("\n### ");
  return [...chapter.matchAll(/```json (?:event|reply \w+|error)\n([^]*?)```/g)].map(([, json = ""]) => JSON.parse(json));
})();
const [GIVEN, , ANSWERED, BEFORE, OVERDUE, , OPEN] = EXAMPLES;

const DRIVER = { id: "user_789", isControl: false };
const SECOND = { id: "user_790", isControl: false };

/** @param {Bench} bench @param {string} [message_id] */
const known = (bench, message_id = "msg_460") => bench.machine.conversations.get("conv_123")?.orders.get(message_id);

/** The states of the people. @param {Bench} bench @param {string} [message_id] */
const states = (bench, message_id) => known(bench, message_id)?.order.people.map(({ state }) => state).join();

const rows = [summary(45, { id: "conv_123" })];

/** @param {string} message_id @param {number} [answer] */
const press = (message_id, answer = 0) =>
  /** @type {const} */ ({ kind: "post", at: 0, draft: { type: "answer_message", conversation_id: "conv_123", message_id, answer, content: "Understood" } });

test("the examples are those of the document", () => {
  assert.deepEqual([EXAMPLES.length, GIVEN.message.order.version, ANSWERED.message.answer.action, BEFORE.code, OVERDUE.type], [7, 46, "ANSWER", "already_answered", "order_overdue"]);
});

test("the state with the highest version wins, whatever comes first, and the texts stay", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  assert.equal(waitsFor(/** @type {any} */ (known(bench)).order, DRIVER), true);
  bench.frame(ANSWERED);
  assert.deepEqual([states(bench), known(bench)?.answers], ["ANSWERED,PENDING", ["Understood", "Not possible"]]);
  // A page that is older.
  bench.handle({ kind: "open", id: "conv_123" });
  bench.reply(bench.request("join_conversation"), { epoch: "e1", last_seq: 46, messages: [{ ...GIVEN.message, conversation_id: "conv_123" }] });
  assert.deepEqual([states(bench), known(bench)?.answers, known(bench)?.content], ["ANSWERED,PENDING", ["Understood", "Not possible"], "Line 7 turns back at the depot."]);
  const one = bench.machine.conversations.get("conv_123");
  assert.deepEqual([one?.last?.content, one?.unread], ["Line 7 turns back at the depot.", 1], "an answer is no text");
});

test("an answer goes out once, again after a loss under the same name, and its reply closes the order", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  bench.close();
  bench.handle(press("msg_460", 1));
  bench.handle(press("msg_460", 0));
  assert.equal(bench.of("keep").length, 1, "the first press counts");
  assert.equal(bench.machine.sending.answerTo("msg_460")?.draft.type, "answer_message");
  bench.pass(20_000);
  bench.live(rows, "e1", [{ ...GIVEN.message, conversation_id: "conv_123" }]);
  const first = bench.request("answer_message");
  assert.deepEqual(first.data, { conversation_id: "conv_123", message_id: "msg_460", answer: 1, client_message_id: "m1" });
  bench.close();
  bench.pass(20_000);
  bench.live(rows, "e1", [{ ...GIVEN.message, conversation_id: "conv_123" }]);
  const again = bench.request("answer_message");
  assert.deepEqual(again.data, first.data);
  assert.equal(bench.sent.some(({ type }) => type === "get_conversation_messages"), false, "the list has the order");
  bench.reply(again, { conversation_id: "conv_123", message_id: "msg_461", seq: 47, order: ANSWERED.message.answer.order });
  assert.deepEqual([states(bench), bench.machine.sending.items.length], ["ANSWERED,PENDING", 0]);
});

test("an answer that came second brings the first, and leaves no draft", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.handle(press("msg_450"));
  bench.frame({ ...BEFORE, request_id: bench.request("answer_message").request_id });
  assert.equal(known(bench, "msg_450")?.order.people[0]?.answer?.by, "control_456");
  assert.deepEqual([bench.machine.sending.items.length, bench.of("forget").length, bench.of("answered_before").length], [0, 1, 1]);
});

test("a refused answer waits for its author, who may press again", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.handle(press("msg_460"));
  bench.frame({ success: false, error: "No", code: "forbidden", request_id: bench.request("answer_message").request_id });
  assert.equal(bench.machine.sending.of("conv_123")[0]?.refused, "No");
  bench.handle(press("msg_460"));
  assert.equal(bench.request("answer_message").data.client_message_id, "m2");
  assert.equal(bench.machine.sending.items.length, 1);
});

test("whoever connects sees all open orders, of all pages, once the epoch is known", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.open();
  assert.equal(bench.sent.some(({ type }) => type === "get_open_orders"), false);
  bench.reply(bench.request("get_active_conversations"), { conversations: [], epoch: "e1" });
  bench.reply(bench.request("get_open_orders"), { ...OPEN, orders: [], next_cursor: "o1" });
  const second = bench.request("get_open_orders");
  assert.equal(second.data.cursor, "o1");
  bench.reply(second, { ...OPEN, next_cursor: null });
  assert.equal(states(bench, "msg_462"), "PENDING");
  assert.equal(bench.request("get_active_conversations").data.conversation_id, "conv_123", "its conversation was not known");
  assert.equal(bench.sent.length, 0);
});

test("an order that ended while the connection was lost is looked up", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  bench.close();
  bench.pass(20_000);
  bench.live(rows);
  const asked = bench.request("get_conversation_messages");
  assert.deepEqual(asked.data, { conversation_id: "conv_123", after_seq: 45, limit: 1 });
  const order = { ...OVERDUE.order, answers: GIVEN.message.order.answers };
  bench.reply(asked, { messages: [{ ...GIVEN.message, conversation_id: "conv_123", order }] });
  assert.equal(states(bench), "ANSWERED,OVERDUE");
  assert.equal(bench.of("overdue").length, 1);
});

test("the end of an order's time is told once, by the event or the entry, and an old one is not", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  const entry = { id: "msg_462", sender_id: "chat:server", content: "", sent_at: OVERDUE.timestamp, seq: 48, answer: { action: "EXPIRE", order: OVERDUE.order } };
  bench.frame({ type: "new_message", conversation_id: "conv_123", message: entry });
  bench.frame(OVERDUE);
  assert.deepEqual(bench.of("overdue").map(({ id, order }) => [id, order.version]), [["conv_123", 48]]);
  assert.equal(mayAnswer(/** @type {any} */ (known(bench)).order, SECOND), true, "late");
  assert.equal(mayAnswer(/** @type {any} */ (known(bench)).order, DRIVER), false);
  const other = new Bench();
  other.live(rows);
  other.frame(OVERDUE);
  other.frame(OVERDUE);
  assert.equal(other.of("overdue").length, 1);
  const third = new Bench();
  third.live(rows);
  third.handle({ kind: "open", id: "conv_123" });
  third.reply(third.request("join_conversation"), { epoch: "e1", last_seq: 48, messages: [{ ...entry, conversation_id: "conv_123" }] });
  assert.equal(third.of("overdue").length, 0);
});

test("an order in another epoch is none", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  bench.close();
  bench.pass(20_000);
  bench.live(rows, "e2");
  assert.equal(known(bench), undefined);
  assert.deepEqual(bench.sent.filter(({ type }) => type === "get_conversation_messages"), []);
});

test("a withdrawal is requested once, and its refusal brings the state", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  for (let times = 0; times < 2; times += 1) bench.handle({ kind: "withdraw_order", id: "conv_123", message_id: "msg_460" });
  const asked = bench.request("withdraw_order");
  assert.deepEqual(asked.data, { conversation_id: "conv_123", message_id: "msg_460", client_message_id: "m1" });
  assert.equal(bench.sent.some(({ type }) => type === "withdraw_order"), false);
  bench.frame({ success: false, error: "Changed", code: "conflict", order: OVERDUE.order, request_id: asked.request_id });
  assert.equal(states(bench), "ANSWERED,OVERDUE");
  assert.deepEqual(bench.of("lost").map(({ code }) => code), ["order_over"]);
});

test("an order is a message of the outbox", () => {
  const bench = new Bench();
  bench.live(rows);
  const order = { answers: ["Yes", "No"], answer_within_ms: 60_000 };
  bench.handle({ kind: "post", at: 0, draft: { type: "send_chat_message", conversation_id: "conv_123", content: "Stop?", ...order } });
  assert.deepEqual(bench.request("send_chat_message").data, { conversation_id: "conv_123", content: "Stop?", ...order, client_message_id: "m1" });
  assert.deepEqual(bench.of("keep")[0]?.entry.draft.type, "send_chat_message");
});

test("of many orders the oldest ended one is forgotten, and no open one", () => {
  const bench = new Bench();
  bench.live(rows);
  bench.frame(GIVEN);
  const { orders } = /** @type {any} */ (bench.machine.conversations.get("conv_123"));
  const ended = (/** @type {number} */ seq) => ({ ...OVERDUE.order, message_id: `msg_${seq}`, seq, version: seq });
  for (let seq = 1_000; seq < 2_001; seq += 1) orders.take(ended(seq));
  assert.deepEqual([orders.get("msg_1000"), [...orders.all].length, orders.get("msg_460").order.version], [undefined, 1_000, 46]);
});
