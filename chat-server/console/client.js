// The machine joined to the browser: its WebSocket, its storage, its clock.

import { Machine } from "./machine/machine.js";
import { Outbox } from "./outbox.js";

/** @typedef {import("./types.d.ts").Input} Input */
/** @typedef {import("./types.d.ts").Output} Output */
/** @typedef {import("./types.d.ts").Told} Told */

/** Where the server speaks the protocol. */
const CONNECT_PATH = "/api/websocket/connect";

/** The longest time that a browser's timer can take. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A random name; `crypto.randomUUID` is there only where the page is trusted. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Client {
  machine;
  /** Whether the storage took all drafts. */
  isKept = true;
  #outbox;
  #tell;
  /** @type {{ link: number, socket: WebSocket } | null} */
  #open = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #now = 0;
  /** @type {Input[]} */
  #inputs = [];
  #closed = new AbortController();

  /**
   * @param {{ user: string, token: string, tell: (told: Told) => void }} settings `tell` hears all that the screen may show
   */
  constructor({ user, token, tell }) {
    this.#tell = tell;
    this.machine = new Machine({ user, token, random: Math.random, newId: randomName });
    this.#outbox = new Outbox({ user, page: randomName(), storage: localStorage, locks: navigator.locks });
  }

  /** Adopts what earlier pages left, and connects. */
  async start() {
    const adopted = (/** @type {import("./types.d.ts").Entry[]} */ entries) => this.handle({ kind: "adopt", entries });
    const { signal } = this.#closed;
    addEventListener("online", () => this.handle({ kind: "online" }), { signal });
    addEventListener("offline", () => this.handle({ kind: "offline" }), { signal });
    addEventListener("storage", (event) => this.#outbox.changed(event.key, adopted), { signal });
    // The timers of a page that is not seen come late.
    document.addEventListener("visibilitychange", () => this.handle({ kind: "tick" }), { signal });
    await this.#outbox.start(adopted);
    this.handle({ kind: "start" });
  }

  /** Leaves the server, and the outbox to whoever comes next. */
  close() {
    this.handle({ kind: "close" });
    this.#closed.abort();
    this.#outbox.close();
    clearTimeout(this.#timer);
  }

  /** Something happened. @param {Input} input */
  handle(input) {
    if (this.#closed.signal.aborted) return;
    // What the screen does while it is told something comes after what it is told.
    this.#inputs.push(input);
    if (this.#inputs.length > 1) return;
    for (let next; (next = this.#inputs[0]); this.#inputs.shift()) this.#step(next);
    this.#wake();
  }

  /** @param {Input} input */
  #step(input) {
    // The clock of the wall, for the other one stands still while the device sleeps; but it may not fall.
    this.#now = Math.max(this.#now, Date.now());
    for (const output of this.machine.handle(this.#now, input)) this.#do(output);
  }

  #wake() {
    clearTimeout(this.#timer);
    const at = this.machine.deadline();
    if (at === null) return;
    const pause = Math.min(Math.max(at - Date.now(), 0), LONGEST_TIMER);
    this.#timer = setTimeout(() => this.handle({ kind: "tick" }), pause);
  }

  /** @param {Output} output */
  #do(output) {
    switch (output.kind) {
      case "connect":
        return this.#connect(output.link, output.token);
      case "disconnect":
        return this.#disconnect();
      case "send":
        return this.#open?.socket.send(output.text);
      case "keep":
        this.isKept = this.#outbox.keep(output.entry) && this.isKept;
        return;
      case "forget":
        return this.#outbox.forget(output.id);
      default:
        this.#tell(output);
    }
  }

  /**
   * @param {number} link
   * @param {string} token
   */
  #connect(link, token) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${CONNECT_PATH}`, ["bearer", token]);
    this.#open = { link, socket };
    socket.onopen = () => this.handle({ kind: "opened", link });
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.handle({ kind: "frame", link, text: event.data });
    };
    socket.onclose = (event) => this.handle({ kind: "closed", link, code: event.code });
  }

  #disconnect() {
    const { socket } = this.#open ?? {};
    this.#open = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
