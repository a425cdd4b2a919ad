// The order of the control room's lists: a row changes its place only when its state changes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../../console/machine/conversation.js";
import { Queue, waitingSince } from "../../../console/machine/queue.js";
import { ageOf, typingWords } from "../../../console/view/words.js";

/** @param {number} minute */
const at = (minute) => new Date(minute * 60_000).toISOString();

/** @param {string} id @param {object} more */
function conversation(id, more) {
  return Object.assign(new Conversation(id), { movedAt: 1, ...more });
}

/** @param {string | null} assignee @param {number | null} waiting @param {number} since */
const work = (assignee, waiting, since = 1) => ({
  state: /** @type {"WAITING" | "TAKEN"} */ (assignee === null ? "WAITING" : "TAKEN"),
  assignee,
  since: at(since),
  waiting_since: waiting === null ? null : at(waiting),
  version: 1,
});

/** @param {Queue} queue @param {Conversation[]} all @param {import("../../../console/types.d.ts").WorkList | "all"} list */
const rows = (queue, all, list) => queue.arrange(all, list).rows.map(({ id }) => id);

test("whoever waits for the longest time comes first, and those that nobody waits for come last", () => {
  const all = [
    conversation("late", { work: work(null, 9), movedAt: 9 }),
    conversation("early", { work: work(null, 2), movedAt: 20 }),
    conversation("answered", { work: work("jane", null), movedAt: 30 }),
    conversation("mine", { work: work("jane", 5), movedAt: 5 }),
    conversation("other", { work: work("omar", 1), movedAt: 40 }),
  ];
  const queue = new Queue("jane");
  assert.deepEqual(rows(queue, all, "waiting"), ["early", "late"]);
  assert.deepEqual(rows(queue, all, "mine"), ["mine", "answered"]);
  assert.deepEqual(rows(queue, all, "others"), ["other"]);
  assert.deepEqual(rows(queue, all, "all"), ["other", "answered", "early", "late", "mine"]);
  assert.deepEqual(queue.arrange(all, "all").counts, { waiting: 2, mine: 2, others: 1, resolved: 0 });
});

test("a further message moves no row, and a change of the state does", () => {
  const [one, other] = [conversation("one", { work: work(null, 2), movedAt: 2 }), conversation("other", { work: work(null, 3), movedAt: 3 })];
  const queue = new Queue("jane");
  assert.deepEqual(rows(queue, [one, other], "all"), ["other", "one"]);
  one.movedAt = 9;
  assert.equal(queue.isMoved("one", one), false);
  assert.deepEqual(rows(queue, [one, other], "all"), ["other", "one"]);
  one.work = work("omar", null, 9);
  assert.equal(queue.isMoved("one", one), true);
  assert.deepEqual(rows(queue, [one, other], "all"), ["one", "other"]);
});

test("an emergency stands apart until it is over, and those that nobody has taken come first", () => {
  const room_type = "emergency_support";
  const emergency = (/** @type {any} */ state) => ({ state, level: 0, by: null, since: "", reason: null, version: 1, alerted_at: "" });
  const taken = conversation("taken", { room_type, work: work("omar", 1), emergency: emergency("TAKEN") });
  const free = conversation("free", { room_type, work: work(null, 2), emergency: emergency("OPEN") });
  const queue = new Queue("jane");
  assert.deepEqual(queue.arrange([taken, free], "waiting").urgent.map(({ id }) => id), ["free", "taken"]);
  taken.work = { ...work("omar", null, 3), state: /** @type {any} */ ("RESOLVED") };
  taken.emergency = emergency("ENDED");
  const { urgent, rows } = queue.arrange([taken, free], "resolved");
  assert.deepEqual([urgent.map(({ id }) => id), rows.map(({ id }) => id)], [["free"], ["taken"]]);
});

test("a request whose work is not known yet waits since its begin", () => {
  assert.equal(waitingSince(conversation("new", { since: 7 })), 7);
  assert.equal(waitingSince(conversation("old", {})), null);
  assert.equal(waitingSince(conversation("answered", { since: 7, work: work("jane", null) })), null);
});

test("ages and people who are typing are said in words", () => {
  const minutes = /** @type {[number, string][]} */ ([[-1, "under 1 min"], [0, "under 1 min"], [4, "4 min"], [60, "1 hr"], [65, "1 hr 5 min"], [1_440, "1 day"], [1_620, "1 day 3 hr"]]);
  for (const [age, words] of minutes) assert.equal(ageOf(age * 60_000), words);
  assert.deepEqual([[], ["Ann"], ["Ann", "Bob"], ["Ann", "Bob", "Cy"]].map(typingWords), ["", "Ann is typing…", "Ann and Bob are typing…", "3 people are typing…"]);
});
