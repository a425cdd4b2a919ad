// The times of connecting and reconnecting, and the reasons to stop.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Backoff } from "../../../console/machine/backoff.js";
import { PERIODS } from "../../../console/machine/limits.js";
import { Bench, messages, summary } from "../support/machine.js";

const phase = (/** @type {Bench} */ bench) => bench.machine.connection.phase;

test("pauses double from half a second to twenty, and are drawn from zero", () => {
  const longest = new Backoff(() => 0.999_999_999);
  const pauses = Array.from({ length: 8 }, () => longest.pause(500));
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  assert.equal(new Backoff(() => 0).pause(500), 0);
});

test("only a connection that held makes the next pause short again", () => {
  const backoff = new Backoff(() => 0.999_999_999);
  for (let failures = 0; failures < 9; failures += 1) backoff.pause(500);
  backoff.wasLive(9_999);
  assert.equal(backoff.pause(500), 20_000);
  backoff.wasLive(10_000);
  assert.equal(backoff.pause(500), 500);
});

test("it is live when the server has answered, not before", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.open();
  assert.equal(phase(bench).phase, "connecting");
  bench.reply(bench.request("get_active_conversations"), { conversations: [], epoch: "e" });
  assert.equal(phase(bench).phase, "live");
});

test("the server's name is that of the present connection", () => {
  const bench = new Bench();
  const list = (/** @type {object} */ more) =>
    bench.reply(bench.request("get_active_conversations"), { conversations: [], epoch: "e", ...more });
  bench.handle({ kind: "start" });
  bench.open();
  list({ served_by: "node 1" });
  assert.equal(bench.machine.connection.server, "node 1");
  assert.ok(bench.of("changed").some(({ what }) => what === "connection"));
  bench.close();
  bench.pass(1_000);
  bench.open();
  assert.equal(bench.machine.connection.server, null);
  list({ served_by: 7 });
  assert.equal(bench.machine.connection.server, null, "a name is a text");
});

test("it connects again by itself after a pause", () => {
  const bench = new Bench();
  bench.live();
  bench.close();
  assert.equal(phase(bench).phase, "waiting");
  bench.pass(249);
  assert.equal(bench.of("connect").length, 1);
  bench.pass(1);
  assert.equal(bench.of("connect").length, 2);
});

test("a network that is back is used at once", () => {
  const bench = new Bench();
  bench.live();
  bench.close();
  bench.handle({ kind: "online" });
  assert.equal(bench.of("connect").length, 2);
});

test("an attempt that takes too long is given up", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.pass(15_000);
  assert.equal(bench.of("disconnect").length, 1);
  bench.pass(20_000);
  assert.ok(bench.of("connect").length >= 2);
});

test("what an old connection says is not heard", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  bench.close();
  bench.pass(250);
  bench.handle({ kind: "closed", link: 1, code: 4501 });
  bench.handle({ kind: "frame", link: 1, text: "{}" });
  assert.equal(phase(bench).phase, "connecting");
});

test("a connection that changes network or falls silent is asked, and given up without an answer", () => {
  for (const sign of ["online", "offline", "silence"]) {
    const bench = new Bench();
    bench.live();
    if (sign === "silence") bench.pass(25_000);
    else bench.handle({ kind: /** @type {"online" | "offline"} */ (sign) });
    const probe = bench.request("get_active_conversations");
    assert.deepEqual(probe.data, { limit: 1, participants: "brief" }, sign);
    bench.pass(4_999);
    assert.equal(phase(bench).phase, "live", sign);
    bench.pass(1);
    assert.equal(phase(bench).phase, "waiting", sign);
  }
});

test("a probe that is answered changes nothing", () => {
  const bench = new Bench();
  bench.live();
  bench.handle({ kind: "online" });
  bench.reply(bench.request("get_active_conversations"), { conversations: [summary(9)], epoch: "e1" });
  bench.pass(24_000);
  assert.equal(phase(bench).phase, "live");
  assert.equal(bench.machine.conversations.all.size, 0);
});

test("a request without a reply means that the connection is dead", () => {
  const bench = new Bench();
  bench.live();
  bench.post("one");
  bench.frame({ type: "typing_status", conversation_id: "x", user_id: "y", is_typing: true });
  bench.pass(20_000);
  assert.equal(phase(bench).phase, "waiting");
});

test("a reply that comes slowly is awaited longer each time, and what came makes the next wait short again", () => {
  const bench = new Bench();
  bench.live([summary(3)]);
  bench.handle({ kind: "open", id: "c" });
  for (const within of [20_000, 40_000, 80_000, 160_000, 160_000]) {
    bench.request("join_conversation");
    bench.pass(within - 1);
    assert.equal(phase(bench).phase, "live", String(within));
    bench.pass(1);
    assert.equal(phase(bench).phase, "waiting", String(within));
    bench.sent = [];
    while (phase(bench).phase === "waiting") bench.pass(100);
    bench.live([summary(3)]);
  }
  const page = { messages: messages(1, 3), last_seq: 3, epoch: "e1", complete: true, reset: true };
  bench.reply(bench.request("join_conversation"), page);
  bench.post("one");
  bench.pass(20_000);
  assert.equal(phase(bench).phase, "waiting");
});

test("close codes say whether to connect again", () => {
  const cases = /** @type {const} */ ([
    [1000, "waiting"],
    [1001, "waiting"],
    [1006, "waiting"],
    [1013, "waiting"],
    [4001, "waiting"],
    [4002, "waiting"],
    [4008, "waiting"],
    [4012, "waiting"],
    [4100, "waiting"],
    [4501, "waiting"],
    [4503, "stopped"],
    [4504, "waiting"],
    [4999, "stopped"],
  ]);
  for (const [code, wanted] of cases) {
    const bench = new Bench();
    bench.live();
    bench.frame({ type: "error", success: false, error: "Because", code: "x" });
    bench.close(code);
    assert.equal(phase(bench).phase, wanted, String(code));
    bench.pass(60_000);
    assert.equal(bench.of("connect").length > 1, wanted === "waiting", String(code));
    if (wanted === "stopped") assert.deepEqual(phase(bench), { phase: "stopped", cause: { code, reason: "Because" } });
  }
});

for (const [code, most, what] of /** @type {const} */ ([
  [1001, 500, "that stops is left for another one within half a second"],
  [1013, 5_000, "that is full is asked again within five seconds"],
])) {
  test(`a server ${what}`, () => {
    const bench = new Bench({ random: () => 0.999_999_999 });
    bench.live();
    bench.close(code);
    bench.pass(most - 1);
    assert.equal(bench.of("connect").length, 1);
    bench.pass(1);
    assert.equal(bench.of("connect").length, 2);
  });
}

test("an expired session goes on with another token, and so do its drafts", () => {
  const bench = new Bench();
  bench.live();
  bench.post("one");
  bench.close(4001);
  bench.handle({ kind: "online" });
  assert.equal(bench.of("connect").length, 1, "the old token is not tried at once");
  bench.handle({ kind: "token", token: "new" });
  assert.equal(bench.of("connect").at(-1)?.token, "new");
  bench.live();
  assert.deepEqual(bench.texts(), ["one"]);
});

const TO_A_MINUTE = [10, 15, 25, 45, 65, 65, 65, 65];

for (const [code, longest] of /** @type {const} */ ([[4001, TO_A_MINUTE], [4002, TO_A_MINUTE], [4501, TO_A_MINUTE], [4504, [10, 15, 25, 45, 85, 165, 325, 605]]])) {
  test(`after ${code} it is never live unheard: it says why, and tries the same token after growing pauses`, () => {
    const bench = new Bench({ random: () => 0.999_999_999 });
    bench.live();
    bench.post("one");
    const pauses = [];
    for (let count = 0; count < 8; count += 1) {
      bench.frame({ type: "error", success: false, error: "Because", code: "x" });
      bench.close(code);
      const before = bench.now;
      assert.deepEqual([phase(bench).phase, bench.machine.connection.cause], ["waiting", { code, reason: "Because" }]);
      bench.handle({ kind: "online" });
      while (phase(bench).phase === "waiting") bench.pass(1_000);
      assert.equal(bench.machine.connection.cause?.code, code, "it is said until the server answers");
      pauses.push(Math.round((bench.now - before) / 1_000));
      bench.open();
    }
    assert.deepEqual(pauses, longest);
    bench.reply(bench.request("get_active_conversations"), { conversations: [], epoch: "e1" });
    assert.deepEqual([phase(bench).phase, bench.machine.connection.cause, bench.texts()], ["live", null, ["one"]]);
  });

  test(`after ${code} another token, or the user's wish, is tried at once`, () => {
    for (const wish of /** @type {const} */ ([{ kind: "token", token: "new" }, { kind: "resume" }])) {
      const bench = new Bench();
      bench.live();
      bench.close(code);
      bench.handle(wish);
      assert.equal(bench.of("connect").at(-1)?.token, wish.kind === "token" ? "new" : "token");
      assert.equal(bench.of("connect").length, 2);
    }
  });
}

test("periods that the Rust SDK has too are the same there", async () => {
  const source = await readFile(new URL("../../../../chat-client/src/machine/limits.rs", import.meta.url), "utf8");
  const units = /** @type {Record<string, number>} */ ({ millis: 1, secs: 1_000, mins: 60_000, hours: 3_600_000 });
  const theirs = new Map([...source.matchAll(/(\w+): Duration::from_(\w+)\((\d+)\)/g)].map(([, name = "", unit = "", count]) => [name, Number(count) * (units[unit] ?? NaN)]));
  const snake = (/** @type {string} */ name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const shared = Object.entries(PERIODS).filter(([name]) => theirs.has(snake(name)) && name !== "probeWithin");
  assert.ok(shared.length >= 9, `${shared}`);
  for (const [name, period] of shared) assert.equal(period, theirs.get(snake(name)), name);
});

test("a pause that the server names before it closes is kept", () => {
  const bench = new Bench({ random: () => 0 });
  bench.live();
  bench.frame({ type: "error", success: false, error: "Because", code: "rights_changed", retry_after_ms: 600_000 });
  bench.close(4002);
  bench.pass(599_000);
  assert.equal(bench.of("connect").length, 1);
  bench.pass(1_000);
  assert.equal(bench.of("connect").length, 2);
});

test("a network that comes and goes takes away no attempt that is under way", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.handle({ kind: "online" });
  bench.handle({ kind: "online" });
  assert.deepEqual([bench.of("connect").length, bench.of("disconnect").length], [1, 0]);
});

test("a session that stands is prolonged by another token", () => {
  const bench = new Bench();
  bench.live();
  bench.handle({ kind: "token", token: "new" });
  const request = bench.request("refresh_token");
  assert.equal(request.data.token, "new");
  bench.reply(request, { expires_at: "2024-01-15T18:30:00.000Z" });
  assert.equal(bench.of("renewed").at(-1)?.ok, true);
  bench.close();
  bench.pass(1_000);
  assert.equal(bench.of("connect").at(-1)?.token, "new");
});

test("nothing happens after the end", () => {
  const bench = new Bench();
  bench.live();
  bench.handle({ kind: "close" });
  assert.equal(bench.of("disconnect").length, 1);
  bench.handle({ kind: "online" });
  bench.handle({ kind: "start" });
  bench.pass(60_000);
  assert.equal(bench.of("connect").length, 1);
});
