// A conversation shows the messages of the server: in order, each once, and all of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, ME, live, message, messages, summary } from "../support/machine.js";

/** A bench with the conversation "c" and its messages up to this number. @param {number} to */
function showing(to) {
  const bench = new Bench();
  bench.live([summary(to)]);
  bench.handle({ kind: "open", id: "c" });
  const join = bench.request("join_conversation");
  assert.deepEqual(join.data, { conversation_id: "c", after_seq: 0, epoch: "" });
  bench.reply(join, page(messages(1, to), to, { reset: true }));
  return bench;
}

/** @param {object[]} list @param {number} last_seq @param {object} [more] */
const page = (list, last_seq, more = {}) => ({ messages: list, last_seq, epoch: "e1", complete: true, ...more });

/** The ids of the list as the screen shows it. @param {Bench} bench */
const listed = (bench) => bench.machine.conversations.byActivity().map((one) => one.id);

test("the list is in the order of arrival, whatever the times of messages say", () => {
  const bench = new Bench();
  const now = Date.parse("2026-01-01T12:00:00Z");
  const at = (/** @type {number} */ ahead) => ({ last_message_at: new Date(now + ahead).toISOString() });
  const [hour, years] = [3_600_000, 2 * 365 * 86_400_000];
  // The clock was two years ahead for a while, and an hour behind later.
  const rows = [summary(1, { id: "a", ...at(-hour) }), summary(1, { id: "b", ...at(years) }), summary(1, { id: "c", ...at(-2) })];
  bench.handle({ kind: "start" });
  bench.open();
  const page = { epoch: "e1", timestamp: new Date(now).toISOString() };
  bench.reply(bench.request("get_active_conversations"), { ...page, conversations: rows, next_cursor: "1" });
  const rest = [summary(1, { id: "d", ...at(years) }), summary(1, { id: "e", ...at(-2 * hour) })];
  bench.reply(bench.request("get_active_conversations"), { ...page, conversations: rest });
  assert.deepEqual(listed(bench), ["a", "b", "c", "d", "e"]);
  const { conversations } = bench.machine;
  assert.ok(conversations.byActivity().every((one) => one.movedAt <= now), "none is urgent for two years");
  bench.pass(1_000);
  bench.frame({ type: "new_message", conversation_id: "e", message: { ...message(2, "jane", "e"), sent_at: at(-hour).last_message_at } });
  assert.deepEqual(listed(bench), ["e", "a", "b", "c", "d"]);
});

test("live messages are appended, each once", () => {
  const bench = showing(2);
  for (const seq of [3, 3, 2, 4]) bench.frame(live(seq));
  assert.deepEqual(bench.seqs(), [1, 2, 3, 4]);
});

test("a hole is filled before what comes after it is shown", () => {
  const bench = showing(2);
  bench.frame(live(5));
  assert.deepEqual(bench.seqs(), [1, 2]);
  const join = bench.request("join_conversation");
  assert.deepEqual(join.data, { conversation_id: "c", after_seq: 2, epoch: "e1" });
  bench.reply(join, page(messages(3, 5), 5));
  assert.deepEqual(bench.seqs(), [1, 2, 3, 4, 5]);
});

test("after reconnecting what was missed comes page by page", () => {
  const bench = showing(2);
  bench.close();
  bench.pass(1_000);
  bench.open();
  const first = bench.request("join_conversation");
  assert.deepEqual(first.data, { conversation_id: "c", after_seq: 2, epoch: "e1" });
  bench.frame(live(9));
  bench.reply(first, page(messages(3, 5), 9, { complete: false }));
  const second = bench.request("join_conversation");
  assert.equal(second.data.after_seq, 5);
  bench.reply(second, page(messages(6, 9), 9));
  assert.deepEqual(bench.seqs(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(bench.sent.every((request) => request.type !== "join_conversation"));
});

test("another history replaces what is shown, and the outbox stays", () => {
  const bench = showing(4);
  bench.post("unsent");
  bench.close();
  bench.pass(1_000);
  bench.open();
  bench.frame(live(2));
  assert.deepEqual(bench.seqs(), [1, 2, 3, 4], "of which history it is, nobody has said");
  const join = bench.request("join_conversation");
  bench.reply(bench.request("get_active_conversations"), { conversations: [summary(2)], epoch: "e2" });
  bench.reply(join, page([message(2)], 2, { epoch: "e2", reset: true }));
  assert.deepEqual(bench.seqs(), [2]);
  assert.equal(bench.machine.conversations.get("c")?.hasOlder, true);
  assert.deepEqual(bench.texts(), ["unsent"]);
});

test("a catch-up that is put off comes later", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  bench.handle({ kind: "open", id: "c" });
  const error = { success: false, error: "Wait", code: "rate_limited", retry_after_ms: 40 };
  bench.reply(bench.request("join_conversation"), error);
  bench.pass(40);
  bench.reply(bench.request("join_conversation"), page([message(1)], 1, { reset: true }));
  assert.deepEqual(bench.seqs(), [1]);
});

test("older messages come before the held ones, until the first", () => {
  const bench = new Bench();
  bench.live([summary(60)]);
  bench.handle({ kind: "open", id: "c" });
  bench.reply(bench.request("join_conversation"), page(messages(51, 60), 60, { reset: true }));
  bench.handle({ kind: "older", id: "c" });
  bench.handle({ kind: "older", id: "c" });
  const older = bench.request("get_conversation_messages");
  assert.deepEqual(older.data, { conversation_id: "c", limit: 50, before_seq: 51 });
  assert.deepEqual(bench.sent, []);
  bench.reply(older, { messages: messages(1, 50) });
  assert.deepEqual(bench.seqs(), messages(1, 60).map(({ seq }) => seq));
  bench.handle({ kind: "older", id: "c" });
  assert.deepEqual(bench.sent, []);
});

test("what the server has taken is shown until its message comes", () => {
  const bench = showing(2);
  bench.post("mine");
  bench.reply(bench.request("send_chat_message"), { seq: 3, message_id: "msg_3" });
  const conversation = bench.machine.conversations.get("c");
  assert.deepEqual(conversation?.settled.map(({ content }) => content), ["mine"]);
  assert.equal(bench.machine.sending.waiting, 0);
  bench.frame(live(3, ME));
  assert.deepEqual([conversation?.settled, bench.seqs()], [[], [1, 2, 3]]);
});

test("unread messages are counted by the list and live, and end by reading here or elsewhere", () => {
  const bench = new Bench();
  bench.live([summary(3, { read_up_to: 1, unread_count: 2 })]);
  const one = bench.machine.conversations.get("c");
  bench.frame(live(4));
  bench.frame(live(5, ME));
  assert.equal(one?.unread, 3);
  bench.handle({ kind: "open", id: "c" });
  bench.reply(bench.request("join_conversation"), page(messages(1, 5), 5, { reset: true }));
  bench.handle({ kind: "read", id: "c" });
  bench.handle({ kind: "read", id: "c" });
  const read = bench.request("mark_message_read");
  assert.deepEqual([read.data.message_id, one?.unread, bench.sent], ["msg_5", 0, []]);
  bench.close();
  bench.pass(1_000);
  bench.open();
  bench.reply(bench.request("mark_message_read"), {});
  assert.equal(one?.readUpTo, 5);
  bench.frame({ ...live(6), conversation_id: "c" });
  bench.frame({ type: "read_position", conversation_id: "c", message_id: "msg_6", read_up_to: 6 });
  assert.equal(one?.unread, 0);
});

test("a message counts as read when the other side has read it, never for a colleague", () => {
  const people = [
    { id: "john", role: "BUS_DRIVER", first_name: "", last_name: "" },
    { id: "maria", role: "QUEUE_REGULATOR", first_name: "", last_name: "" },
    { id: "jane", role: "CONTROL_STAFF", first_name: "", last_name: "" },
    { id: "omar", role: "CONTROL_ADMIN", first_name: "", last_name: "" },
  ];
  const bench = new Bench();
  bench.live([summary(9, { participants: people })]);
  const { conversations } = bench.machine;
  const one = /** @type {NonNullable<ReturnType<typeof conversations.get>>} */ (conversations.get("c"));
  people.forEach(({ id }, index) => {
    bench.frame({ type: "message_read", conversation_id: "c", user_id: id, message_id: "m", read_up_to: index + 1 });
  });
  bench.frame({ type: "message_read", conversation_id: "c", user_id: "stranger", message_id: "m", read_up_to: 9 });
  for (const role of /** @type {const} */ (["CONTROL_STAFF", "CONTROL_ADMIN"])) {
    assert.deepEqual([...conversations.readersOf(one, role)], [["john", 1], ["maria", 2]], role);
  }
  for (const role of /** @type {const} */ (["BUS_DRIVER", "QUEUE_REGULATOR"])) {
    // A brief list leaves out control users who have not written.
    assert.deepEqual([...conversations.readersOf(one, role)], [["jane", 3], ["omar", 4], ["stranger", 9]], role);
  }
});

test("what was read during a pause is known from the list and from a catch-up", () => {
  const people = [{ id: "john", role: "BUS_DRIVER", first_name: "", last_name: "" }];
  const position = (/** @type {string} */ user_id, /** @type {number} */ read_up_to) => ({ user_id, read_up_to });
  const bench = new Bench();
  bench.live([summary(9, { participants: people, positions: [position("chat:control", 7), position("john", 2)] })]);
  const { conversations } = bench.machine;
  const one = /** @type {NonNullable<ReturnType<typeof conversations.get>>} */ (conversations.get("c"));
  assert.deepEqual([...conversations.readersOf(one, "BUS_DRIVER")], [["chat:control", 7]]);
  assert.deepEqual([...conversations.readersOf(one, "CONTROL_STAFF")], [["john", 2]]);
  one.positionsAre([position("john", 4), position("chat:control", 3)]);
  assert.deepEqual([...one.readers], [["chat:control", 7], ["john", 4]], "a position never falls");
});

test("the time of the server is known whatever the clock of the device says", () => {
  const bench = new Bench();
  assert.equal(bench.machine.conversations.timeAt(bench.now), 0, "and before that, no emergency is old");
  bench.handle({ kind: "start" });
  bench.open();
  const timestamp = "2024-01-15T10:35:00.000Z";
  bench.reply(bench.request("get_active_conversations"), { conversations: [], epoch: "e", timestamp });
  bench.pass(7_000);
  assert.equal(bench.machine.conversations.timeAt(bench.now), Date.parse(timestamp) + 7_000);
});

test("a list that is older than what was heard takes nothing back", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.open();
  const list = bench.request("get_active_conversations");
  bench.frame(live(4));
  bench.reply(list, { conversations: [summary(3)], epoch: "e1" });
  bench.frame(live(5));
  assert.equal(bench.machine.conversations.get("c")?.lastSeq, 5);
});

test("a list of several pages is read to its end", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.open();
  const first = bench.request("get_active_conversations");
  assert.deepEqual(first.data, { limit: 20, participants: "brief" });
  bench.reply(first, { conversations: [summary(1)], epoch: "e1", has_more: true, next_cursor: "behind c" });
  const second = bench.request("get_active_conversations");
  assert.deepEqual(second.data, { limit: 200, cursor: "behind c", participants: "brief" });
  bench.reply(second, { success: false, error: "Wait", code: "rate_limited", retry_after_ms: 40 });
  bench.pass(40);
  const again = bench.request("get_active_conversations");
  assert.deepEqual(again.data, second.data, "it goes on where it was");
  assert.equal(bench.machine.conversations.isListed, false);
  bench.reply(again, { conversations: [summary(1, { id: "d" })], epoch: "e1" });
  assert.deepEqual([...bench.machine.conversations.all.keys()], ["c", "d"]);
  assert.equal(bench.machine.conversations.isListed, true);
});

/** The event of a new support conversation. @param {string} conversation_id */
const request = (conversation_id) => ({
  type: "new_support_conversation",
  conversation_id,
  title: "Support: Help",
  creator_id: "ali",
  creator_name: "Ali Kaya",
  creator_role: "BUS_DRIVER",
  room_type: "driver_support",
  message: "",
  timestamp: "2024-01-15T10:30:00.000Z",
});

test("an emergency that was there before begins with its first message, which is asked for once", () => {
  const bench = new Bench();
  const emergency = (/** @type {number} */ seq, more = {}) => summary(seq, { room_type: "emergency_support", ...more });
  const rows = [emergency(5), emergency(1, { id: "d" }), summary(7, { id: "e" })];
  bench.live(rows);
  const since = (/** @type {string} */ id) => bench.machine.conversations.get(id)?.since;
  assert.deepEqual([since("c"), since("d"), since("e")], [0, 1_000, 0]);
  const lost = bench.request("get_conversation_messages");
  assert.deepEqual([lost.data, bench.sent], [{ conversation_id: "c", after_seq: 0, limit: 1 }, []]);
  bench.close();
  bench.pass(1_000);
  bench.live(rows);
  bench.reply(bench.request("get_conversation_messages"), { messages: messages(1, 1) });
  assert.equal(since("c"), 1_000);
  bench.close();
  bench.pass(1_000);
  bench.live([emergency(6)]);
  assert.deepEqual([since("c"), bench.sent], [1_000, []]);
});

test("of a new request its row alone is asked for, however many come", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  for (let count = 0; count < 20; count += 1) bench.frame(request(`new ${count}`));
  const rows = bench.sent.filter(({ type }) => type === "get_active_conversations");
  assert.deepEqual(rows.map(({ data }) => data), rows.map((_, count) => ({ conversation_id: `new ${count}`, participants: "brief" })));
  assert.equal(rows.length, 20);
  rows.forEach((row, count) => bench.reply(row, { conversations: [summary(1, { id: `new ${count}`, participant_count: 41 })], epoch: "e1" }));
  bench.sent = [];
  assert.equal(bench.machine.conversations.get("new 7")?.participantCount, 41);
  bench.frame(request("new 7"));
  bench.frame(request("new 7"));
  assert.deepEqual(bench.sent, [], "not again at once");
  bench.pass(2_000);
  assert.equal(bench.request("get_active_conversations").data.conversation_id, "new 7");
  assert.deepEqual(bench.sent, []);
});

test("a row whose conversation is not ours any more takes it from the list", () => {
  const bench = new Bench();
  bench.live();
  bench.frame(request("new"));
  bench.reply(bench.request("get_active_conversations"), { success: false, error: "Not found", code: "conversation_not_found" });
  assert.deepEqual([bench.of("gone"), bench.machine.conversations.get("new")], [[{ kind: "gone", id: "new" }], undefined]);
});

test("names that a brief list has left out are asked for once, where they are seen", () => {
  const bench = showing(2);
  bench.frame({ ...live(3, "omar"), conversation_id: "c" });
  const row = bench.request("get_active_conversations");
  assert.deepEqual([row.data, bench.of("message").length], [{ conversation_id: "c" }, 0]);
  bench.reply(row, { conversations: [summary(3)], epoch: "e1" });
  assert.deepEqual(bench.of("message").map(({ message }) => message.seq), [3], "and then the message is told of");
  bench.frame({ ...live(4, "omar"), conversation_id: "c" });
  bench.frame({ type: "typing_status", conversation_id: "c", user_id: "omar", is_typing: true });
  bench.pass(10_000);
  assert.ok(bench.sent.every(({ type }) => type !== "get_active_conversations"), "nobody knows more of omar");
});

test("a brief row forgets nobody who is known to take part", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  const one = bench.machine.conversations.get("c");
  bench.frame(request("c"));
  const [john] = summary(1).participants;
  bench.reply(bench.request("get_active_conversations"), { conversations: [summary(2, { participants: [john], participant_count: 2 })], epoch: "e1" });
  assert.deepEqual(one?.participants, [ME, "jane"]);
  bench.pass(2_000);
  bench.frame(request("c"));
  bench.reply(bench.request("get_active_conversations"), { conversations: [summary(2, { participants: [john], participant_count: 1 })], epoch: "e1" });
  assert.deepEqual(one?.participants, [ME]);
});

test("a conversation that is not ours any more is left", () => {
  const bench = showing(1);
  bench.frame(live(3));
  const error = { success: false, error: "Not found", code: "conversation_not_found" };
  bench.reply(bench.request("join_conversation"), error);
  assert.deepEqual(bench.of("gone"), [{ kind: "gone", id: "c" }]);
  assert.equal(bench.machine.conversations.get("c"), undefined);
});

test("typing is told, told again while it goes on, and ended", () => {
  const bench = new Bench();
  bench.live();
  const told = () => bench.request("typing_indicator").data.is_typing;
  bench.handle({ kind: "typing", id: "c", is_typing: true });
  assert.equal(told(), true);
  bench.pass(3_000);
  bench.handle({ kind: "typing", id: "c", is_typing: true });
  assert.deepEqual(bench.sent, []);
  bench.pass(2_000);
  assert.equal(told(), true);
  bench.pass(3_000);
  assert.equal(told(), false);
  bench.handle({ kind: "typing", id: "c", is_typing: true });
  assert.equal(told(), true);
  bench.post("sent");
  bench.pass(10_000);
  assert.ok(bench.sent.every((request) => request.type !== "typing_indicator"), "a message ends it by itself");
});

test("what others type is shown, and ends if nothing more is heard", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  const typing = () => [...(bench.machine.conversations.get("c")?.typing.keys() ?? [])];
  bench.frame({ type: "typing_status", conversation_id: "c", user_id: "jane", is_typing: true });
  assert.deepEqual(typing(), ["jane"]);
  bench.pass(15_000);
  assert.deepEqual(typing(), []);
});

test("rooms are joined again by each connection, and left by another one", () => {
  const bench = new Bench();
  bench.live();
  const room = /** @type {const} */ ("driver_support");
  bench.handle({ kind: "room", room, wanted: true });
  bench.reply(bench.request("join_support_room"), { room_type: room });
  bench.close();
  assert.equal(bench.machine.rooms.joined.has(room), false);
  bench.pass(1_000);
  bench.open();
  bench.reply(bench.request("join_support_room"), { room_type: room });
  bench.handle({ kind: "room", room, wanted: false });
  bench.open();
  assert.ok(bench.sent.every((request) => request.type !== "join_support_room" || request.request_id < 4));
  assert.equal(bench.of("connect").length, 3);
});
