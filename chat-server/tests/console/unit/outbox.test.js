// The outbox in the browser's storage, with pages that open, close, and are open together.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Kept } from "../../../console/kept.js";
import { Outbox, othersHere } from "../../../console/outbox.js";
import { Storage, settled } from "../support/page.js";

/** The browser's locks, as far as the console uses them: one holder, and a queue. */
class Locks {
  /** @type {Map<string, Promise<unknown>>} */
  #lines = new Map();

  /** @param {string} name @param {{ signal: AbortSignal }} options @param {() => unknown} act */
  request(name, { signal }, act) {
    const before = this.#lines.get(name) ?? Promise.resolve();
    const turn = before.then(() => (signal.aborted ? undefined : act()));
    this.#lines.set(name, turn);
    return turn;
  }
}

/** @param {string} id @param {number} order */
const entry = (id, order) => ({
  client_message_id: id,
  at: 0,
  order,
  draft: { type: /** @type {const} */ ("send_chat_message"), conversation_id: "c", content: id },
});

/** @param {{ storage: Storage, locks?: Locks | undefined, user?: string }} settings @param {string} page */
async function start({ storage, locks, user = "john" }, page) {
  /** @type {string[]} */
  const adopted = [];
  const outbox = new Outbox({ user, page, storage: /** @type {any} */ (storage), locks: /** @type {any} */ (locks) });
  const take = (/** @type {import("../../../console/types.d.ts").Entry[]} */ entries) =>
    adopted.push(...entries.map((one) => one.client_message_id));
  await outbox.start(take);
  await settled();
  return { outbox, adopted, take };
}

test("a page that comes after another takes its drafts over, in their order", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  const first = await start(browser, "one");
  for (const [id, at] of /** @type {const} */ ([["b", 2], ["a", 1], ["c", 3]])) first.outbox.keep(entry(id, at));
  first.outbox.forget("c");
  first.outbox.close();
  const second = await start(browser, "two");
  assert.deepEqual(second.adopted, ["a", "b"]);
  assert.equal(browser.storage.length, 2);
});

test("a page that lives keeps its drafts, and when it ends another page takes them over", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  const first = await start(browser, "one");
  const second = await start(browser, "two");
  first.outbox.keep(entry("a", 1));
  second.outbox.changed([...browser.storage.kept.keys()][0] ?? null, second.take);
  await settled();
  assert.deepEqual(second.adopted, []);
  first.outbox.close();
  await settled();
  assert.deepEqual(second.adopted, ["a"]);
});

test("of two pages that wait for a third one, only one takes its drafts", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  const first = await start(browser, "one");
  first.outbox.keep(entry("a", 1));
  const [second, third] = [await start(browser, "two"), await start(browser, "three")];
  first.outbox.close();
  await settled();
  assert.deepEqual([...second.adopted, ...third.adopted], ["a"]);
});

test("a page that ends half way through taking over loses nothing and doubles nothing", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  const first = await start(browser, "one");
  first.outbox.keep(entry("a", 1));
  first.outbox.close();
  // Both the copy and the original exist.
  const [[key, text] = ["", ""]] = [...browser.storage.kept];
  browser.storage.setItem(key.replace("/one/", "/two/"), text);
  const third = await start(browser, "three");
  assert.deepEqual(new Set(third.adopted), new Set(["a"]), "the machine takes each name once");
  assert.equal(browser.storage.length, 1);
  third.outbox.forget("a");
  assert.equal(browser.storage.length, 0);
});

test("without locks drafts are copied, and end everywhere", async () => {
  const browser = { storage: new Storage(), locks: undefined };
  const first = await start(browser, "one");
  first.outbox.keep(entry("a", 1));
  const second = await start(browser, "two");
  assert.deepEqual(second.adopted, ["a"]);
  assert.equal(browser.storage.length, 2);
  second.outbox.forget("a");
  assert.equal(browser.storage.length, 0);
});

test("nobody gets another user's drafts", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  const john = await start({ ...browser, user: "john" }, "one");
  john.outbox.keep(entry("a", 1));
  john.outbox.close();
  for (const user of ["jane", "john/", "john%2F", "joh"]) {
    assert.deepEqual((await start({ ...browser, user }, "two")).adopted, [], user);
  }
  assert.deepEqual((await start({ ...browser, user: "john" }, "three")).adopted, ["a"]);
});

test("drafts of an older version, which have a time and no place, come first", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  const put = (/** @type {object} */ draft, /** @type {string} */ id) =>
    browser.storage.setItem(`chat-outbox/john/old/${id}`, JSON.stringify(draft));
  put({ ...entry("c", 1), at: 0 }, "c");
  for (const [id, at] of /** @type {const} */ ([["b", 2_000], ["a", 1_000]])) {
    const { order: _, ...old } = entry(id, 0);
    put({ ...old, at }, id);
  }
  const { adopted, outbox } = await start(browser, "new");
  assert.deepEqual([adopted, outbox.newest()], [["a", "b", "c"], 1]);
});

test("a storage that is full, and what is no draft in it", async () => {
  const browser = { storage: new Storage(), locks: new Locks() };
  for (const text of ["", "{", "null", "[]", '{"client_message_id":"x"}']) browser.storage.setItem(`chat-outbox/john/old/${text}`, text);
  const { outbox, adopted } = await start(browser, "one");
  assert.deepEqual([adopted, browser.storage.length], [[], 0]);
  browser.storage.isFull = true;
  assert.equal(outbox.keep(entry("a", 1)), false);
});

test("other users of the device are known by their drafts and by the locks of their pages", async () => {
  const storage = new Storage();
  for (const key of ["chat-outbox/a%2Fb/p1/m1", "chat-outbox/a%2Fb/p1/m2", "chat-outbox/me/p2/m3", "other"]) storage.setItem(key, "{}");
  const kept = new Kept(() => /** @type {any} */ (storage));
  const locks = /** @type {any} */ ({ query: async () => ({ held: [{ name: "chat-outbox/ann/p3" }, { name: "chat-outbox/me/p4" }, { name: "foreign" }] }) });
  assert.deepEqual(await othersHere("me", kept, locks), ["a/b", "ann"]);
  assert.deepEqual(await othersHere("me", kept, undefined), ["a/b"]);
  const refusing = /** @type {any} */ ({ query: () => Promise.reject(new Error("SecurityError")) });
  assert.deepEqual(await othersHere("me", kept, refusing), ["a/b"]);
  storage.setItem("chat-outbox/50%/p5/m4", "{}");
  assert.deepEqual(await othersHere("me", kept, undefined), ["a/b", "50%"]);
});
