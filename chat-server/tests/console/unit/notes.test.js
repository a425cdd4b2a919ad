// Notes of control: a conversation of their own beside another one, in no list.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, message, summary } from "../support/machine.js";

const NOTES = "notes_c";

/** A live note. @param {number} seq @param {string} [sender] */
const note = (seq, sender = "jane") => {
  const { conversation_id, ...one } = message(seq, sender, NOTES);
  return { type: "new_message", conversation_id, message: one };
};

/** @param {Bench} bench */
const beside = (bench) => {
  const one = bench.machine.conversations.get("c");
  assert.ok(one);
  return one;
};

/** @param {Bench} bench @param {string} content */
const write = (bench, content) => bench.handle({ kind: "post", at: 0, draft: { type: "add_note", conversation_id: "c", content } });

test("a note is counted beside its conversation, and is in no list and no announcement", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  bench.frame(note(1));
  bench.frame(note(2));
  assert.deepEqual([beside(bench).hasNotes, beside(bench).newNotes, beside(bench).unread], [true, 2, 0]);
  assert.deepEqual([...bench.machine.conversations.all.keys()], ["c"]);
  assert.deepEqual([bench.of("message"), bench.sent], [[], []]);
});

test("notes that are shown go on by themselves, across a loss of the connection too", () => {
  const bench = new Bench();
  bench.live([summary(1, { notes_conversation_id: NOTES })]);
  bench.handle({ kind: "open", id: NOTES });
  const join = bench.request("join_conversation");
  assert.equal(join.data.conversation_id, NOTES);
  bench.reply(join, { epoch: "e1", last_seq: 1, messages: [message(1, "jane", NOTES)], complete: true });
  bench.frame(note(2));
  assert.deepEqual([bench.seqs(NOTES), beside(bench).newNotes], [[1, 2], 0]);
  bench.close();
  bench.pass(20_000);
  bench.live([summary(1, { notes_conversation_id: NOTES })]);
  const again = bench.request("join_conversation");
  assert.deepEqual(again.data, { conversation_id: NOTES, after_seq: 2, epoch: "e1" });
  bench.reply(again, { epoch: "e1", last_seq: 3, messages: [message(3, "jane", NOTES)], complete: true });
  assert.deepEqual(bench.seqs(NOTES), [1, 2, 3]);
});

test("nothing is requested before the first note, and the first note is shown", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  bench.handle({ kind: "open", id: NOTES });
  assert.deepEqual([bench.sent, bench.seqs(NOTES)], [[], []]);
  write(bench, "Call the depot.");
  const request = bench.request("add_note");
  assert.deepEqual(request.data, { conversation_id: "c", content: "Call the depot.", client_message_id: "m1" });
  assert.deepEqual([bench.machine.sending.of(NOTES).length, bench.machine.sending.of("c").length], [1, 0]);
  bench.reply(request, { conversation_id: "c", notes_conversation_id: NOTES, message_id: "n1", seq: 1 });
  bench.frame(note(1, "john"));
  assert.deepEqual([bench.seqs(NOTES), bench.machine.sending.items.length, beside(bench).newNotes], [[1], 0, 0]);
  assert.deepEqual(bench.machine.conversations.get(NOTES)?.settled, [], "the note takes the place of the draft");
});

test("a note is sent again after a loss, under the same name", () => {
  const bench = new Bench();
  bench.live([summary(1)]);
  write(bench, "Call the depot.");
  const first = bench.request("add_note");
  bench.close();
  bench.pass(20_000);
  bench.live([summary(1)]);
  assert.deepEqual(bench.request("add_note").data, first.data);
});

test("the notes of another epoch are loaded anew, and are gone if it has none", () => {
  const bench = new Bench();
  bench.live([summary(1, { notes_conversation_id: NOTES })]);
  bench.handle({ kind: "open", id: NOTES });
  bench.reply(bench.request("join_conversation"), { epoch: "e1", last_seq: 2, messages: [message(1), message(2)], complete: true });
  const restored = (/** @type {string} */ epoch, /** @type {object} */ more) => {
    bench.close();
    bench.pass(20_000);
    bench.live([summary(1, more)], epoch);
    return bench.request("join_conversation");
  };
  bench.reply(restored("e2", { notes_conversation_id: NOTES }), { epoch: "e2", last_seq: 1, messages: [message(1)], complete: true, reset: true });
  assert.deepEqual(bench.seqs(NOTES), [1]);
  bench.frame({ success: false, code: "conversation_not_found", error: "Conversation not found", request_id: restored("e3", {}).request_id });
  assert.deepEqual([bench.of("gone").map(({ id }) => id), bench.seqs(NOTES)], [[NOTES], undefined]);
});
