// An emergency is open until somebody has taken it, and ready texts claim nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openEmergencies } from "../../../console/machine/emergency.js";
import { PHRASES } from "../../../console/view/phrases.js";
import { Bench, summary } from "../support/machine.js";

const since = "2024-01-15T10:30:00.000Z";

/** @param {string} conversation_id @param {object} [more] */
const request = (conversation_id, more) => ({
  type: "new_support_conversation",
  conversation_id,
  title: "Support: Emergency",
  creator_id: "ali",
  creator_name: "Ali Kaya",
  creator_role: "BUS_DRIVER",
  room_type: "emergency_support",
  message: "Help",
  timestamp: since,
  ...more,
});

/** @param {string} state @param {string | null} assignee @param {number} version */
const work = (state, assignee, version) => ({ state, assignee, since, waiting_since: since, version });

/** @param {Bench} bench */
const open = (bench) => openEmergencies(bench.machine.conversations.all.values()).map(({ id }) => id);

test("an emergency is open from its announcement until somebody takes it, and again when it is handed back", () => {
  const bench = new Bench();
  bench.live();
  bench.frame(request("c"));
  assert.deepEqual(open(bench), ["c"]);
  const row = (/** @type {number} */ seq, /** @type {object} */ its) => summary(seq, { room_type: "emergency_support", work: its });
  bench.reply(bench.request("get_active_conversations"), { conversations: [row(1, work("WAITING", null, 0))], epoch: "e1" });
  assert.deepEqual(open(bench), ["c"]);
  const entry = (/** @type {number} */ seq, /** @type {object} */ its) =>
    bench.frame({ type: "new_message", conversation_id: "c", message: { id: `msg_${seq}`, sender_id: "jane", content: "", sent_at: since, seq, work: its } });
  entry(2, { action: "TAKE", ...work("TAKEN", "jane", 2) });
  assert.deepEqual(open(bench), []);
  entry(3, { action: "RELEASE", ...work("WAITING", null, 3) });
  assert.deepEqual(open(bench), ["c"]);
  entry(4, { action: "RESOLVE", ...work("RESOLVED", "jane", 4) });
  assert.deepEqual(open(bench), []);
});

test("the oldest comes first, and other requests are none", () => {
  const bench = new Bench();
  bench.live();
  bench.frame(request("late", { timestamp: "2024-01-15T10:40:00.000Z" }));
  bench.frame(request("early"));
  bench.frame(request("other", { room_type: "driver_support" }));
  assert.deepEqual(open(bench), ["early", "late"]);
});

test("a new epoch and a row without work raise no alarm", () => {
  const bench = new Bench();
  bench.live([summary(1, { room_type: "emergency_support", work: work("RESOLVED", "jane", 0) })]);
  bench.frame(request("new"));
  bench.close();
  bench.pass(20_000);
  bench.live([summary(1, { id: "d", room_type: "emergency_support" })], "e2");
  assert.deepEqual(open(bench), []);
});

test("no ready text claims that nobody is hurt", () => {
  const texts = Object.values(PHRASES).flat().map(({ title, content }) => `${title} ${content}`);
  assert.ok(texts.length > 10);
  for (const text of texts) assert.doesNotMatch(text, /\b(hurt|injur\w*|nobody|no one|safe|unharmed|fine|all right|ok)\b/i);
});
