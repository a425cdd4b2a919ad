// The ready texts of the server's operator.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "../support/machine.js";

const SET = { version: "1", phrases: [{ id: "late", kind: "answer", title: "Late", content: "I am late.", emergency: false }] };

test("ready texts are requested in the language of the page, by each connection", () => {
  const bench = new Bench();
  bench.handle({ kind: "phrases", language: "de-AT" });
  bench.live();
  const first = bench.request("get_phrases");
  assert.deepEqual(first.data, { language: "de-AT" });
  bench.reply(first, SET);
  assert.deepEqual(bench.machine.phrases.known, SET);
  assert.deepEqual(bench.of("changed").filter(({ what }) => what === "phrases").length, 1);
  bench.close();
  bench.pass(20_000);
  bench.live();
  assert.deepEqual(bench.machine.phrases.known, SET, "the texts stay until the reply");
  bench.reply(bench.request("get_phrases"), { ...SET, version: "2" });
  assert.equal(bench.machine.phrases.known?.version, "2");
});

test("a reply in the language before is not shown", () => {
  const bench = new Bench();
  bench.live();
  bench.handle({ kind: "phrases", language: "en" });
  const english = bench.request("get_phrases");
  bench.handle({ kind: "phrases", language: "de" });
  bench.reply(english, SET);
  assert.equal(bench.machine.phrases.known, null);
  bench.reply(bench.request("get_phrases"), { ...SET, version: "de" });
  assert.equal(bench.machine.phrases.known?.version, "de");
});

test("a server that is busy is asked again, and one that knows no ready texts is not", () => {
  const bench = new Bench();
  bench.live();
  bench.handle({ kind: "phrases", language: "en" });
  bench.reply(bench.request("get_phrases"), { success: false, code: "rate_limited", retry_after_ms: 250, error: "" });
  bench.pass(300);
  bench.reply(bench.request("get_phrases"), { success: false, code: "unknown_type", error: "" });
  bench.pass(10_000);
  assert.equal(bench.sent.some(({ type }) => type === "get_phrases"), false);
  assert.equal(bench.machine.phrases.known, null);
});
