// An emergency is open until somebody has taken it, and ready texts claim nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openEmergencies } from "../../../console/machine/emergency.js";
import { de } from "../../../console/words/de.js";
import { en } from "../../../console/words/en.js";
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

/** @param {string} state @param {number} version @param {object} [more] */
const emergency = (state, version, more) => ({ state, level: 0, by: null, since, reason: null, version, alerted_at: since, ...more });

/** @param {Bench} bench */
const open = (bench) => openEmergencies(bench.machine.conversations.all.values()).map(({ id }) => id);

test("an emergency is open from its announcement until somebody takes it, and again when it is handed back", () => {
  const bench = new Bench();
  bench.live();
  bench.frame(request("c"));
  assert.deepEqual(open(bench), ["c"]);
  const row = { room_type: "emergency_support", work: work("WAITING", null, 0), emergency: emergency("OPEN", 1) };
  bench.reply(bench.request("get_active_conversations"), { conversations: [summary(1, row)], epoch: "e1" });
  assert.deepEqual(open(bench), ["c"]);
  const entry = (/** @type {number} */ seq, /** @type {object} */ its) =>
    bench.frame({ type: "new_message", conversation_id: "c", message: { id: `msg_${seq}`, sender_id: "jane", content: "", sent_at: since, seq, ...its } });
  entry(2, { work: { action: "TAKE", ...work("TAKEN", "jane", 2) }, emergency: emergency("TAKEN", 2, { by: "jane" }) });
  assert.deepEqual(open(bench), []);
  entry(3, { work: { action: "RELEASE", ...work("WAITING", null, 3) }, emergency: emergency("OPEN", 3) });
  assert.deepEqual(open(bench), ["c"]);
  entry(4, { sender_id: "chat:server", emergency: { action: "ESCALATE", ...emergency("OPEN", 3, { level: 1 }) } });
  const one = bench.machine.conversations.get("c");
  assert.deepEqual([one?.emergency?.level, one?.unread], [1, 0], "an alert is no text");
  entry(5, { emergency: { action: "END", ...emergency("ENDED", 5, { reason: "solved" }) } });
  assert.deepEqual(open(bench), [], "though its work is not resolved");
});

test("an end names the version it was decided on, and a refused one brings the newest state", () => {
  const bench = new Bench();
  bench.live([summary(1, { id: "c", room_type: "emergency_support", work: work("WAITING", null, 0), emergency: emergency("OPEN", 1) })]);
  bench.handle({ kind: "end_emergency", id: "c", reason: "false_alarm", version: 1 });
  const asked = bench.request("end_emergency");
  assert.deepEqual([asked.data.version, asked.data.reason], [1, "false_alarm"]);
  const ended = emergency("ENDED", 4, { by: "omar", reason: "solved" });
  bench.reply(asked, { success: false, error: "The conversation was changed meanwhile", code: "conflict", emergency: ended });
  assert.equal(bench.machine.conversations.get("c")?.emergency?.by, "omar");
  bench.handle({ kind: "end_emergency", id: "c", reason: "withdrawn", version: 4 });
  assert.equal(bench.request("withdraw_emergency").data.reason, undefined);
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
  const texts = [en, de].flatMap((words) => Object.entries(words).filter(([key]) => key.startsWith("phrase.")));
  assert.ok(texts.length > 40);
  const claims = /\b(hurt|injur\w*|nobody|no one|safe|unharmed|fine|all right|ok|verletzt\w*|niemand|unverletzt|sicher|gut|in ordnung)\b/i;
  for (const [, text] of texts) assert.doesNotMatch(String(text), claims);
});
