// Searching for people, and conversations that control starts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "../support/machine.js";

/** @param {string} id @param {boolean} [connected] */
const person = (id, connected = false) => ({ id, first_name: id, last_name: "", role: "BUS_DRIVER", connected });

/** @param {Bench} bench @param {string} find @param {"control" | "field"} [side] */
const search = (bench, find, side = "field") => bench.handle({ kind: "people", find, side });

/** @param {Bench} bench */
const found = (bench) => bench.machine.people.found.map(({ id }) => id);

test("a search goes through the roles and pages, and those that are connected come first", () => {
  const bench = new Bench();
  bench.live();
  search(bench, "jo");
  const first = bench.request("get_people");
  assert.deepEqual(first.data, { find: "jo", role: "BUS_DRIVER", limit: 50 });
  bench.reply(first, { people: [person("joe")], next_cursor: "u1" });
  const second = bench.request("get_people");
  assert.deepEqual([second.data.cursor, second.data.role], ["u1", "BUS_DRIVER"]);
  bench.reply(second, { people: [], next_cursor: null });
  const third = bench.request("get_people");
  assert.deepEqual([third.data.cursor, third.data.role], [undefined, "QUEUE_REGULATOR"]);
  assert.equal(bench.machine.people.isSearching, true);
  bench.reply(third, { people: [person("jon", true)] });
  assert.deepEqual(found(bench), ["jon", "joe"]);
  assert.deepEqual([bench.machine.people.isSearching, bench.machine.people.isMore], [false, false]);
  assert.equal(bench.machine.conversations.people.get("joe")?.first_name, "joe");
});

test("the newest search counts, also if an earlier one is still under way", () => {
  const bench = new Bench();
  bench.live();
  search(bench, "a", "control");
  const old = bench.request("get_people");
  search(bench, "", "control");
  assert.equal(bench.sent.length, 0, "one at a time");
  bench.reply(old, { people: [person("ann")] });
  const staff = bench.request("get_people");
  assert.deepEqual(staff.data, { role: "CONTROL_STAFF", limit: 50 });
  bench.reply(staff, { people: [person("bob")] });
  bench.reply(bench.request("get_people"), { people: [person("cy")] });
  assert.deepEqual(found(bench), ["bob", "cy"]);
});

test("a search ends with enough people, waits if it is asked to, and is repeated after a loss", () => {
  const bench = new Bench();
  bench.live();
  search(bench, "");
  const asked = bench.request("get_people");
  bench.frame({ success: false, error: "slow", code: "rate_limited", retry_after_ms: 500, request_id: asked.request_id });
  bench.pass(499);
  assert.equal(bench.sent.length, 0);
  bench.pass(1);
  bench.request("get_people");
  bench.close();
  bench.pass(20_000);
  bench.live();
  const people = Array.from({ length: 50 }, (_, index) => person(`p${index}`));
  bench.reply(bench.request("get_people"), { people, next_cursor: "u50" });
  assert.deepEqual([bench.sent.length, found(bench).length, bench.machine.people.isMore], [0, 50, true]);
});

test("a conversation is started once, over a lost connection too, and is its starter's", () => {
  const bench = new Bench();
  bench.live();
  const draft = { type: /** @type {const} */ ("start_conversation"), to: ["ali"], title: "Detour", content: "Left." };
  bench.handle({ kind: "post", draft, at: 1 });
  const first = bench.request("start_conversation");
  assert.deepEqual(first.data, { to: ["ali"], title: "Detour", content: "Left.", client_message_id: "m1" });
  assert.equal(bench.of("keep").length, 1);
  bench.close();
  bench.pass(20_000);
  bench.live();
  const again = bench.request("start_conversation");
  assert.deepEqual(again.data, first.data);
  const work = { state: "TAKEN", assignee: "john", since: "2024-01-15T10:36:00.000Z", waiting_since: null, version: 1 };
  bench.reply(again, { conversation_id: "c9", title: "Detour", participants: ["john", "ali"], timestamp: work.since, work });
  assert.deepEqual([bench.of("created")[0]?.id, bench.of("forget")[0]?.id], ["c9", "m1"]);
  assert.deepEqual(bench.machine.conversations.get("c9")?.work, work);
});
