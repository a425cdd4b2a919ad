// Handing over all conversations of a user, one after another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "../support/machine.js";

const since = "2024-01-15T10:30:00.000Z";
const work = (/** @type {string | null} */ assignee, /** @type {number} */ version) => ({ state: assignee === null ? "WAITING" : "TAKEN", assignee, since, waiting_since: null, version });

/** @param {string} id @param {object} its */
const row = (id, its) => ({
  id,
  title: `Support: ${id}`,
  created_by: "driver",
  last_message_at: since,
  participants: [],
  room_type: "driver_support",
  last_seq: 4,
  read_up_to: 4,
  unread_count: 0,
  work: its,
});

/** A bench with three conversations of the user. */
function bench() {
  const bench = new Bench();
  bench.live(["a", "b", "c"].map((id) => row(id, work("john", 2))));
  return bench;
}

/** @param {Bench} bench */
const states = (bench) => bench.machine.handover.items.map(({ id, state }) => `${id} ${state}`);

/** @param {Bench} bench */
const transfer = (bench) => bench.request("transfer_conversation");

/** @param {Bench} bench @param {{ request_id: number }} asked @param {string} code @param {object} [more] */
const refuse = (bench, asked, code, more) => bench.frame({ success: false, error: "no", code, request_id: asked.request_id, ...more });

test("one after another goes to the colleague, and the rest is listed with its reason", () => {
  const its = bench();
  its.handle({ kind: "hand_over", ids: ["a", "b", "c"], to: "omar" });
  const first = transfer(its);
  assert.deepEqual(first.data, { conversation_id: "a", version: 2, client_message_id: "m1", to: "omar" });
  assert.equal(its.sent.length, 0, "one at a time");
  its.reply(first, { seq: 5, work: work("omar", 5) });
  refuse(its, transfer(its), "user_not_found");
  // Somebody else has changed the third, and it is still the user's.
  refuse(its, transfer(its), "conflict", { work: work("john", 9) });
  const again = transfer(its);
  assert.deepEqual([again.data.version, again.data.conversation_id], [9, "c"]);
  refuse(its, again, "conflict", { work: work("ann", 11) });
  assert.equal(its.sent.length, 0);
  assert.deepEqual(states(its), ["a done", "b failed", "c failed"]);
  assert.deepEqual(its.machine.handover.items.map(({ problem }) => problem), ["", "no", ""]);
  assert.deepEqual([its.machine.handover.isRunning, its.of("lost").length], [false, 0]);
});

test("a conversation that goes on changing is tried three times", () => {
  const its = bench();
  its.handle({ kind: "hand_over", ids: ["a"], to: "omar" });
  for (const version of [5, 6, 7]) refuse(its, transfer(its), "conflict", { work: work("john", version) });
  assert.deepEqual([states(its), its.sent.length], [["a failed"], 0]);
});

test("a lost connection goes on with the same request, and a stop leaves the rest", () => {
  const its = bench();
  its.handle({ kind: "hand_over", ids: ["a", "b", "c"], to: "omar" });
  const first = transfer(its);
  its.close();
  its.pass(20_000);
  its.live(["a", "b", "c"].map((id) => row(id, work("john", 2))));
  const again = transfer(its);
  assert.deepEqual(again.data, first.data);
  its.handle({ kind: "hand_over_stop" });
  its.reply(again, { seq: 5, work: work("omar", 5) });
  assert.deepEqual([states(its), its.sent.length, its.machine.handover.isRunning], [["a done"], 0, false]);
});

test("another change of the user goes first", () => {
  const its = bench();
  its.handle({ kind: "work", id: "a", action: "resolve", version: 2 });
  const resolve = its.request("resolve_conversation");
  its.handle({ kind: "hand_over", ids: ["a", "b"], to: "omar" });
  assert.equal(its.sent.length, 0);
  its.reply(resolve, { seq: 5, work: { ...work("john", 5), state: "RESOLVED" } });
  assert.equal(transfer(its).data.conversation_id, "b");
  assert.deepEqual(states(its), ["a failed", "b asked"]);
});

test("whoever gets a conversation is told, once", () => {
  const its = new Bench();
  its.live([row("a", work("jane", 2))]);
  const message = { id: "msg_5", sender_id: "jane", content: "Jane has handed over.", sent_at: since, seq: 5, work: { action: "TRANSFER", ...work("john", 5) } };
  for (let times = 0; times < 2; times += 1) its.frame({ type: "new_message", conversation_id: "a", message });
  assert.deepEqual(its.of("handed").map(({ id, by }) => [id, by]), [["a", "jane"]]);
});
