// Two machines and a server, over links that are cut at random. In the end both machines show the
// messages of the server, and each draft is stored once, in the order in which it was written. The
// name of a test has its seed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Machine } from "../../../console/machine/machine.js";

const SEEDS = Number(process.env.CONSOLE_SEEDS ?? 200);
const USERS = ["john", "jane"];

/** Random numbers from a seed (mulberry32). @param {number} seed */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A server with one conversation that keeps the promises of the protocol. */
class Server {
  epoch = "e1";
  /** @type {any[]} */
  messages = [];
  /** @type {Map<string, any>} */
  originals = new Map();

  /** @param {any} request @param {string} user @param {number} page */
  answer({ type, data }, user, page) {
    switch (type) {
      case "get_active_conversations": {
        const people = USERS.map((id) => ({ id, role: "BUS_DRIVER", first_name: id, last_name: "" }));
        const last_message_at = new Date(this.messages.length).toISOString();
        const one = { id: "c", title: "T", created_by: "john", last_message_at, participants: people, room_type: "driver_support" };
        const counts = { last_seq: this.messages.length, read_up_to: 0, unread_count: 0 };
        return { conversations: [{ ...one, ...counts }], epoch: this.epoch };
      }
      case "join_conversation": {
        const reset = data.epoch !== this.epoch || data.after_seq > this.messages.length;
        const after = reset ? Math.max(0, this.messages.length - page) : data.after_seq;
        const messages = this.messages.slice(after, after + page);
        const complete = after + page >= this.messages.length;
        return { messages, last_seq: this.messages.length, epoch: this.epoch, complete, ...(reset ? { reset } : {}) };
      }
      case "get_conversation_messages": {
        const end = data.before_seq - 1;
        return { messages: this.messages.slice(Math.max(0, end - page), end) };
      }
      case "send_chat_message": {
        const name = `${user}/${data.client_message_id}`;
        const original = this.originals.get(name);
        if (original) return { ...original.reply, isRepeat: true };
        const seq = this.messages.length + 1;
        const message = { id: `msg_${seq}`, conversation_id: "c", sender_id: user, content: data.content, sent_at: new Date(seq).toISOString(), seq };
        this.messages.push(message);
        const reply = { seq, message_id: message.id };
        this.originals.set(name, { reply });
        return { ...reply, message };
      }
      default:
        return { orders: [] };
    }
  }
}

/** A machine, its link, and the frames in flight. */
class App {
  /** @type {string[]} */
  up = [];
  /** @type {string[]} */
  down = [];
  link = 0;
  isOpen = false;
  now = 0;
  #ids = 0;

  /** @param {string} user @param {() => number} random */
  constructor(user, random) {
    this.user = user;
    this.machine = new Machine({ user, token: "t", random, newId: () => `m${(this.#ids += 1)}` });
    this.handle({ kind: "start" });
    this.handle({ kind: "open", id: "c" });
  }

  /** @param {import("../../../console/types.d.ts").Input} input */
  handle(input) {
    for (const output of this.machine.handle(this.now, input)) {
      if (output.kind === "connect") this.link = output.link;
      if (output.kind === "send") this.up.push(output.text);
      if (output.kind === "disconnect") this.drop();
    }
  }

  drop() {
    Object.assign(this, { up: [], down: [], isOpen: false });
  }

  cut() {
    if (!this.isOpen) return;
    this.drop();
    this.handle({ kind: "closed", link: this.link, code: 1006 });
  }

  connect() {
    if (this.isOpen || this.machine.connection.state.is !== "opening") return;
    this.isOpen = true;
    this.handle({ kind: "opened", link: this.link });
  }

  /** @param {number} time */
  pass(time) {
    this.now += time;
    this.handle({ kind: "tick" });
  }

  receive() {
    const text = this.down.shift();
    if (text !== undefined) this.handle({ kind: "frame", link: this.link, text });
  }
}

/** Does one random step. @param {Server} server @param {App[]} apps @param {App} app @param {() => number} random */
function serve(server, apps, app, random) {
  const text = app.up.shift();
  if (text === undefined) return false;
  const request = JSON.parse(text);
  if (request.type === "send_chat_message" && random() < 0.1) {
    app.down.push(JSON.stringify({ success: false, error: "Wait", code: "rate_limited", retry_after_ms: 50, request_id: request.request_id }));
    return true;
  }
  const { message, ...reply } = server.answer(request, app.user, 1 + Math.floor(random() * 5));
  app.down.push(JSON.stringify({ success: true, ...reply, request_id: request.request_id }));
  if (message) {
    const event = JSON.stringify({ type: "new_message", conversation_id: "c", message });
    for (const other of apps) if (other.isOpen) other.down.push(event);
  }
  return true;
}

/** @param {number} seed */
function run(seed) {
  const random = randomFrom(seed);
  const server = new Server();
  const apps = USERS.map((user) => new App(user, random));
  /** @type {Record<string, string[]>} */
  const written = { john: [], jane: [] };
  for (let step = 0; step < 400; step += 1) {
    const app = apps[Math.floor(random() * 2)];
    if (!app) continue;
    const what = random();
    if (what < 0.12) {
      const content = `${app.user} ${step}`;
      written[app.user]?.push(content);
      app.handle({ kind: "post", draft: { type: "send_chat_message", conversation_id: "c", content }, at: step });
    } else if (what < 0.17) app.cut();
    else if (what < 0.35) app.connect();
    else if (what < 0.45) app.pass(random() * 3_000);
    else if (what < 0.7) serve(server, apps, app, random);
    else app.receive();
  }
  for (let calm = 0; calm < 2_000; calm += 1) {
    for (const app of apps) {
      app.connect();
      while (serve(server, apps, app, () => 1));
      while (app.down.length > 0) app.receive();
      app.pass(100);
    }
  }
  for (const { user, machine } of apps) {
    assert.equal(machine.sending.waiting, 0, `${user} has drafts left`);
    const shown = machine.conversations.get("c")?.messages ?? [];
    const first = shown[0]?.seq ?? 1;
    assert.deepEqual(shown, server.messages.slice(first - 1), `${user} shows what the server holds`);
    const stored = server.messages.filter((message) => message.sender_id === user).map((message) => message.content);
    assert.deepEqual(stored, written[user], `${user}'s drafts, once and in order`);
  }
  return server.messages.length;
}

test(`${SEEDS} seeds of two machines over links that are cut`, () => {
  let stored = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      stored += run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  assert.ok(stored > SEEDS * 10, `only ${stored} messages`);
});
