// Drafts are sent once and in order, whatever happens to the connection.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "../support/machine.js";

const done = { seq: 1, message_id: "msg_1" };

test("a draft is kept before it is sent, and waits for a connection", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  bench.post("one");
  assert.equal(bench.of("keep").length, 1);
  assert.deepEqual(bench.texts(), []);
  bench.live();
  assert.deepEqual(bench.texts(), ["one"]);
  bench.post("other", "d");
  const kinds = bench.outputs.map((output) => output.kind);
  assert.ok(kinds.lastIndexOf("keep") < kinds.lastIndexOf("send"));
});

test("of each conversation only the oldest draft is on the wire", () => {
  const bench = new Bench();
  bench.live();
  for (const text of ["one", "two", "three"]) bench.post(text);
  bench.post("elsewhere", "d");
  assert.deepEqual(bench.texts(), ["one", "elsewhere"]);
  bench.reply(bench.request("send_chat_message"), done);
  assert.deepEqual(bench.texts(), ["elsewhere", "two"]);
});

test("what has no answer is sent again under the same name, and before what was written later", () => {
  const bench = new Bench();
  bench.live();
  bench.post("one");
  bench.post("two");
  const first = bench.request("send_chat_message");
  bench.close();
  bench.pass(20_000);
  bench.live();
  const again = bench.request("send_chat_message");
  assert.deepEqual(again.data, first.data);
  assert.deepEqual(bench.texts(), []);
  bench.reply(again, done);
  assert.deepEqual(bench.texts(), ["two"]);
  assert.deepEqual(bench.of("forget").map((output) => output.id), ["m1"]);
});

test("a rate lets no later draft overtake", () => {
  const bench = new Bench();
  bench.live();
  bench.post("one");
  bench.post("two");
  const error = { success: false, error: "Too many", code: "rate_limited", retry_after_ms: 300 };
  bench.reply(bench.request("send_chat_message"), error);
  bench.pass(299);
  assert.deepEqual(bench.texts(), []);
  bench.pass(1);
  assert.deepEqual(bench.texts(), ["one"]);
  bench.reply(bench.request("send_chat_message"), { success: false, error: "No", code: "unavailable" });
  bench.pass(1_000);
  assert.deepEqual(bench.texts(), ["one"]);
});

test("what is refused goes back to its author, stays kept, and holds up nothing", () => {
  const bench = new Bench();
  bench.live();
  bench.post("one");
  bench.post("two");
  bench.reply(bench.request("send_chat_message"), { success: false, error: "Not yours", code: "conversation_not_found" });
  assert.deepEqual(bench.texts(), ["two"]);
  assert.equal(bench.of("refused")[0]?.entry.refused, "Not yours");
  assert.equal(bench.of("keep").at(-1)?.entry.refused, "Not yours");
  assert.equal(bench.of("forget").length, 0);
  bench.handle({ kind: "retry", id: "m1" });
  bench.reply(bench.request("send_chat_message"), done);
  assert.deepEqual(bench.texts(), ["one"]);
  bench.handle({ kind: "discard", id: "m1" });
  assert.deepEqual(bench.of("forget").map((output) => output.id).sort(), ["m1", "m2"]);
});

test("an error about the session keeps a draft for the next one", () => {
  const bench = new Bench();
  bench.live();
  bench.post("one");
  for (const [code, close] of /** @type {const} */ ([["deactivated", 4503], ["rights_changed", 4002], ["token_expired", 4001]])) {
    bench.reply(bench.request("send_chat_message"), { success: false, error: "Gone", code });
    assert.equal(bench.of("refused").length, 0);
    bench.close(close);
    bench.handle({ kind: "resume" });
    bench.live();
    assert.deepEqual(bench.texts(), ["one"]);
  }
});

test("adopted drafts come in the order in which they were written, each once", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  const entry = (/** @type {string} */ id, /** @type {number} */ at) => ({
    client_message_id: id,
    at: 0,
    order: at,
    draft: { type: /** @type {const} */ ("send_chat_message"), conversation_id: "c", content: id },
  });
  bench.handle({ kind: "adopt", entries: [entry("b", 2), entry("a", 1)] });
  bench.handle({ kind: "adopt", entries: [entry("a", 1)] });
  bench.live();
  for (const id of ["a", "b"]) {
    const request = bench.request("send_chat_message");
    assert.equal(request.data.client_message_id, id);
    bench.reply(request, done);
  }
  assert.deepEqual(bench.texts(), []);
});

test("a clock that goes back does not put a draft before an earlier one", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  for (const at of [5_000, 10]) {
    bench.handle({ kind: "post", draft: { type: "send_chat_message", conversation_id: "c", content: `at ${at}` }, at });
  }
  const [one, other] = bench.of("keep");
  assert.ok(one && other && one.entry.order < other.entry.order);
});

test("the outbox is bounded, and says so", () => {
  const bench = new Bench();
  bench.handle({ kind: "start" });
  for (let count = 0; count < 501; count += 1) bench.post(`text ${count}`);
  assert.equal(bench.machine.sending.items.length, 500);
  assert.equal(bench.of("full").length, 1);
});

test("new conversations keep their order too, and their answer names them", () => {
  const bench = new Bench();
  bench.live();
  for (const title of ["one", "two"]) {
    bench.handle({ kind: "post", draft: { type: "create_support_conversation", title, content: "x" }, at: bench.now });
  }
  const request = bench.request("create_support_conversation");
  assert.deepEqual([request.data.title, bench.sent.length], ["one", 0]);
  bench.reply(request, { conversation_id: "new", title: "Support: one", participants: [], timestamp: "2024-01-15T10:30:00.000Z" });
  assert.deepEqual(bench.of("created"), [{ kind: "created", client_message_id: "m1", id: "new" }]);
  assert.equal(bench.request("create_support_conversation").data.title, "two");
});
