// The work on a conversation: known from lists, catch-ups, messages and refusals, the newest by
// number.

import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf } from "../../../console/machine/works.js";
import { Bench } from "../support/machine.js";

const since = "2024-01-15T10:30:00.000Z";
const work = (/** @type {string | null} */ assignee, /** @type {number} */ version) => ({
  state: assignee === null ? "WAITING" : "TAKEN",
  assignee,
  since,
  waiting_since: since,
  version,
});
const row = (/** @type {number} */ last_seq, /** @type {object} */ its) => ({
  id: "c",
  title: "Support: Help",
  created_by: "driver",
  last_message_at: since,
  participants: [],
  room_type: "driver_support",
  last_seq,
  read_up_to: last_seq,
  unread_count: 0,
  work: its,
});
const entry = (/** @type {number} */ seq, /** @type {object} */ its) => ({
  type: "new_message",
  conversation_id: "c",
  message: { id: `msg_${seq}`, sender_id: "jane", content: "Jane has taken this conversation.", sent_at: since, seq, work: its },
});
const known = (/** @type {Bench} */ bench) => bench.machine.conversations.get("c")?.work;

test("an entry changes the work, and is neither unread nor the last message", () => {
  const bench = new Bench();
  bench.live([row(1, work(null, 0))]);
  assert.equal(known(bench)?.state, "WAITING");
  bench.frame(entry(2, { action: "TAKE", ...work("jane", 2) }));
  const one = bench.machine.conversations.get("c");
  assert.equal(known(bench)?.assignee, "jane");
  assert.deepEqual([one?.unread, one?.lastSeq, one?.last], [0, 2, null]);
  assert.deepEqual(bench.of("message"), [], "nobody is called for an entry");
});

test("a missed message moves a conversation to its place, and a missed entry does not", () => {
  const bench = new Bench();
  const at = (/** @type {number} */ ms) => new Date(Date.parse(since) + ms).toISOString();
  const page = (/** @type {object[]} */ conversations) =>
    bench.reply(bench.request("get_active_conversations"), { epoch: "e1", timestamp: at(60_000), conversations });
  const movedAt = () => (bench.machine.conversations.get("c")?.movedAt ?? 0) - Date.parse(since);
  bench.handle({ kind: "start" });
  bench.open();
  page([]);
  bench.frame(entry(2, { action: "TAKE", ...work("jane", 2) }));
  page([row(2, work("jane", 2))]);
  assert.equal(movedAt(), 0, "a new conversation has the place of its text");
  // The server's clock was behind when it stamped this text.
  bench.frame({ ...entry(3, {}), message: { id: "msg_3", sender_id: "jane", content: "3", sent_at: at(-5_000), seq: 3 } });
  assert.equal(movedAt(), 60_000);
  // The name of a stranger is requested, and the row has a further entry.
  const frame = entry(4, { action: "RELEASE", ...work(null, 4) });
  bench.frame({ ...frame, message: { ...frame.message, sender_id: "stranger" } });
  page([{ ...row(5, work(null, 5)), last_message_at: at(-5_000) }]);
  assert.equal(movedAt(), 60_000);
});

test("a row that is older than an entry still has the newest text", () => {
  const bench = new Bench();
  bench.live([row(3, work(null, 0))]);
  bench.close();
  bench.pass(20_000);
  bench.open();
  bench.reply(bench.request("get_active_conversations"), { conversations: [], epoch: "e1" });
  // Nobody knows Jane's name yet, so the row is requested.
  bench.frame(entry(5, { action: "TAKE", ...work("jane", 5) }));
  const text = { last_message_at: "2024-01-15T10:30:04.000Z", last_message: { content: "4", sender_id: "driver" } };
  bench.reply(bench.request("get_active_conversations"), { conversations: [{ ...row(4, work(null, 0)), ...text }], epoch: "e1" });
  const one = bench.machine.conversations.get("c");
  assert.deepEqual([one?.last?.content, one?.lastSeq, one?.work?.version], ["4", 5, 5]);
  assert.deepEqual([one?.lastAt, one?.movedAt], Array(2).fill(Date.parse(text.last_message_at)));
});

test("a row that is older than an entry does not undo it", () => {
  const bench = new Bench();
  bench.live([row(1, work(null, 0))]);
  bench.frame(entry(2, { action: "TAKE", ...work("jane", 2) }));
  bench.close();
  bench.pass(20_000);
  bench.live([row(1, work(null, 0))]);
  assert.equal(known(bench)?.assignee, "jane");
  bench.close();
  bench.pass(20_000);
  bench.live([row(3, work(null, 3))]);
  assert.equal(known(bench)?.assignee, null);
});

test("a change is requested once, again after a loss under the same name, and its reply is taken up", () => {
  const bench = new Bench();
  bench.live([row(1, work(null, 0))]);
  const take = /** @type {const} */ ({ kind: "work", id: "c", action: "take", version: 0 });
  bench.handle(take);
  bench.handle(take);
  const first = bench.request("take_conversation");
  assert.equal(bench.sent.length, 0, "one change at a time");
  assert.equal(first.data.version, 0);
  bench.close();
  bench.pass(20_000);
  bench.live([row(1, work(null, 0))]);
  const again = bench.request("take_conversation");
  assert.deepEqual(again.data, first.data);
  bench.reply(again, { conversation_id: "c", message_id: "msg_2", seq: 2, timestamp: since, work: work("john", 2) });
  assert.equal(known(bench)?.assignee, "john");
  assert.equal(bench.machine.works.isPending("c"), false);
});

test("a loser learns who won", () => {
  const bench = new Bench();
  bench.live([row(1, work(null, 0))]);
  bench.handle({ kind: "work", id: "c", action: "take", version: 0 });
  const asked = bench.request("take_conversation");
  bench.frame({ success: false, error: "changed", code: "conflict", work: work("jane", 2), request_id: asked.request_id });
  assert.equal(known(bench)?.assignee, "jane");
  assert.equal(bench.of("lost").length, 1);
});

test("each work is in one list of a user, and unknown work waits", () => {
  const lists = [
    [null, "waiting"],
    [work(null, 0), "waiting"],
    [work("jane", 2), "mine"],
    [work("bob", 2), "others"],
    [{ ...work("jane", 2), state: "RESOLVED" }, "resolved"],
    [{ ...work(null, 2), state: "RESOLVED" }, "resolved"],
  ];
  for (const [its, list] of lists) assert.equal(listOf(/** @type {any} */ (its), "jane"), list, JSON.stringify(its));
});
