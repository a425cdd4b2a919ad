// The client in a page with a jumping clock, without storage, and with failing code.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../../../console/client.js";
import { EMPTY, Page, Storage, refusing, settled } from "../support/page.js";

const HOUR = 3_600_000;

/** @param {Partial<ConstructorParameters<typeof Client>[0]>} [settings] */
async function start(settings = {}) {
  const client = new Client({ user: "john", token: "t", tell: () => {}, ...settings });
  await client.start();
  await settled();
  return client;
}

/** @param {Client} client @param {string} content */
const post = (client, content) =>
  client.handle({ kind: "post", draft: { type: "send_chat_message", conversation_id: "c", content }, at: Date.now() });

const phase = (/** @type {Client} */ client) => client.machine.connection.phase.phase;

for (const jump of [-24 * HOUR, -HOUR, -1_000, HOUR, 365 * 24 * HOUR]) {
  test(`a clock that is set by ${jump / 1000} s changes no timer`, async (t) => {
    const page = new Page(t);
    const client = await start();
    assert.equal(phase(client), "live");
    page.wall += jump;
    page.socket.end();
    assert.equal(phase(client), "waiting");
    await page.pass(1_000);
    assert.equal(phase(client), "live");
    page.answer = () => null;
    page.wall -= jump;
    await page.pass(30_000);
    assert.notEqual(phase(client), "live", "a dead connection is found within 30 s");
    client.close();
  });
}

test("a device that slept asks at once whether its connection still stands", async (t) => {
  const page = new Page(t);
  const client = await start();
  page.answer = () => null;
  page.wall += HOUR;
  page.tell("visibilitychange");
  assert.deepEqual(page.socket.sent.at(-1).data, { limit: 1, participants: "brief" });
  await page.pass(5_000);
  assert.notEqual(phase(client), "live");
  client.close();
});

test("drafts keep their order over pages and tabs, whatever the clock does", async (t) => {
  const storage = new Storage();
  const page = new Page(t, { storage });
  page.answer = () => null;
  const write = async (/** @type {string} */ text, /** @type {number} */ jump) => {
    page.wall += jump;
    const client = await start();
    post(client, text);
    return client;
  };
  (await write("one", 0)).close();
  (await write("two", -HOUR)).close();
  const tab = await write("three", -HOUR);
  const other = await write("four", 24 * HOUR);
  page.wall -= 48 * HOUR;
  // The first tab learns of the draft that the other tab wrote.
  page.tell("storage", { key: [...storage.kept.keys()].findLast((key) => storage.getItem(key)?.includes("four")) });
  post(other, "five");
  tab.close();
  other.close();
  page.answer = ({ type, data }) => (type === "send_chat_message" ? { seq: 1, message_id: data.client_message_id } : (EMPTY[type] ?? null));
  const last = await start();
  await settled();
  assert.deepEqual(page.socket.texts(), ["one", "two", "three", "four", "five"]);
  last.close();
});

const refusals = {
  "is not there": () => null,
  "refuses all": refusing,
  "is full": () => Object.assign(new Storage(), { isFull: true }),
};
for (const [words, storage] of Object.entries(refusals)) {
  test(`where the storage ${words}, it connects, sends, and says that drafts are not kept`, async (t) => {
    const page = new Page(t, { storage: storage() });
    const client = await start();
    assert.equal(phase(client), "live");
    post(client, "one");
    assert.deepEqual([page.socket.texts(), client.isKept], [["one"], false]);
    const [{ request_id }] = page.socket.sent.slice(-1);
    page.socket.say({ success: true, seq: 1, message_id: "msg_1", request_id });
    assert.deepEqual([client.machine.sending.waiting, client.isKept], [0, true]);
    client.close();
  });
}

for (const locks of [
  { request: () => Promise.reject(new Error("SecurityError")) },
  {
    request: () => {
      throw new Error("SecurityError");
    },
  },
]) {
  test("where locks are refused, it connects all the same", async (t) => {
    new Page(t, { locks });
    const client = await start();
    assert.equal(phase(client), "live");
    client.close();
  });
}

/** Makes the machine of a client fail once, at an input of this kind. @param {Client} client @param {string} kind @param {boolean} isTaken */
function breakAt(client, kind, isTaken) {
  const { machine } = client;
  const handle = machine.handle.bind(machine);
  machine.handle = (now, input) => {
    if (input.kind !== kind) return handle(now, input);
    if (isTaken) handle(now, input);
    throw new Error("broken");
  };
}

for (const kind of ["frame", "closed", "tick", "post", "typing"]) {
  for (const isTaken of [false, true]) {
    test(`a machine that fails at "${kind}", ${isTaken ? "after" : "before"} taking it, is said and starts over with all drafts`, async (t) => {
      const page = new Page(t);
      /** @type {unknown[]} */
      const errors = [];
      const client = await start({ failed: (error) => errors.push(error) });
      page.socket.end();
      post(client, "one");
      await page.pass(1_000);
      breakAt(client, kind, isTaken);
      post(client, "two");
      client.handle({ kind: "typing", id: "c", is_typing: true });
      page.socket.say({ type: "typing_status", conversation_id: "c", user_id: "x", is_typing: true });
      page.socket.end();
      await page.pass(40_000);
      assert.equal(errors.length, 1);
      assert.equal(phase(client), "live");
      assert.deepEqual(client.machine.sending.items.map(({ entry }) => entry.draft.content), ["one", "two"]);
      client.close();
      const next = await start();
      assert.deepEqual(next.machine.sending.items.map(({ entry }) => entry.draft.content), ["one", "two"], "and all are kept");
      next.close();
    });
  }
}

test("a machine that can't say when it is to be woken starts over too", async (t) => {
  const page = new Page(t);
  /** @type {unknown[]} */
  const errors = [];
  const client = await start({ failed: (error) => errors.push(error) });
  post(client, "one");
  client.machine.deadline = () => {
    throw new Error("broken");
  };
  client.handle({ kind: "tick" });
  await page.pass(1_000);
  page.socket.end();
  await page.pass(1_000);
  assert.deepEqual([errors.length, phase(client), client.machine.sending.waiting], [1, "live", 1]);
  client.close();
});

test("a machine that fails at each start tries again after growing pauses", async (t) => {
  const page = new Page(t);
  t.mock.method(Math, "random", () => 0.999_999);
  page.answer = () => ({ conversations: null, epoch: "e" });
  /** @type {number[]} */
  const at = [];
  const client = await start({ failed: () => at.push(page.passed) });
  await page.pass(120_000);
  const pauses = at.slice(1).map((one, index) => one - (at[index] ?? 0));
  assert.ok(pauses.length >= 5 && pauses.length < 15, `${pauses}`);
  assert.ok((pauses.at(-1) ?? 0) >= 10_000, `${pauses}`);
  client.close();
});

test("an error of the screen is said, and stops nothing", async (t) => {
  const page = new Page(t);
  /** @type {unknown[]} */
  const errors = [];
  const tell = () => {
    throw new Error("the screen");
  };
  const client = await start({ tell, failed: (error) => errors.push(error) });
  post(client, "one");
  await page.pass(100);
  assert.ok(errors.length > 0);
  assert.deepEqual([phase(client), page.socket.texts()], ["live", ["one"]]);
  client.close();
});

test("a browser that refuses a socket is asked again after a pause", async (t) => {
  const page = new Page(t);
  const { WebSocket } = globalThis;
  globalThis.WebSocket = /** @type {any} */ (
    class {
      constructor() {
        throw new Error("SecurityError");
      }
    }
  );
  const client = await start();
  assert.equal(phase(client), "waiting");
  globalThis.WebSocket = WebSocket;
  await page.pass(1_000);
  assert.equal(phase(client), "live");
  client.close();
});
