// The machine joined to the browser: its WebSocket, its storage, its clock.

import { onDevice } from "./kept.js";
import { Backoff } from "./machine/backoff.js";
import { PERIODS } from "./machine/limits.js";
import { Machine } from "./machine/machine.js";
import { Outbox } from "./outbox.js";

/** @typedef {import("./types.d.ts").Entry} Entry */
/** @typedef {import("./types.d.ts").Input} Input */
/** @typedef {import("./types.d.ts").Output} Output */
/** @typedef {import("./types.d.ts").Told} Told */

/** Where the server speaks the protocol. */
const CONNECT_PATH = "/api/websocket/connect";

/** The longest time that a browser's timer can take. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The close code of a connection that ended without one. */
const LOST = 1006;

/** A random name; `crypto.randomUUID` is there only where the page is trusted. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The wall clock ran this far ahead of the page's: the device slept, or its clock was set. */
const SLEPT = 5_000;

/** Milliseconds that never fall, whatever happens to the clock on the wall. */
const now = () => performance.now();

export class Client {
  machine;
  #user;
  #token;
  #outbox;
  #tell;
  #failed;
  /** @type {{ link: number, socket: WebSocket } | null} */
  #open = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** How far the wall clock is ahead of the page's. */
  #ahead = Date.now() - now();
  /** @type {Input[]} */
  #inputs = [];
  #isHandling = false;
  #closed = new AbortController();
  /** Drafts that the storage did not take. Bounded by the outbox. @type {Set<string>} */
  #unkept = new Set();
  /** The pauses between one failure of the machine and its next start. */
  #pauses = new Backoff(Math.random);
  #startedAt = 0;

  /**
   * @param {{ user: string, token: string, tell: (told: Told) => void, failed?: (error: unknown) => void }} settings `tell` hears
   *   all that the screen may show; `failed` hears of an error in the machine, which starts over by itself, or in `tell`
   */
  constructor({ user, token, tell, failed = () => {} }) {
    this.#user = user;
    this.#token = token;
    this.#tell = tell;
    this.#failed = failed;
    this.#outbox = new Outbox({ user, page: randomName(), storage: onDevice, locks: navigator.locks });
    this.machine = this.#newMachine();
  }

  /** Whether the storage took all drafts that wait. */
  get isKept() {
    return this.#unkept.size === 0;
  }

  /** Adopts what earlier pages left, and connects. */
  async start() {
    const adopted = (/** @type {Entry[]} */ entries) => this.handle({ kind: "adopt", entries });
    const { signal } = this.#closed;
    addEventListener("online", () => this.handle({ kind: "online" }), { signal });
    addEventListener("offline", () => this.handle({ kind: "offline" }), { signal });
    addEventListener(
      "storage",
      (event) => this.handle({ kind: "written_elsewhere", order: this.#outbox.changed(event.key, adopted) }),
      { signal },
    );
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
    if (this.#isHandling) return;
    this.#isHandling = true;
    if (this.#hasSlept()) this.#inputs.unshift({ kind: "online" });
    try {
      for (let next; (next = this.#inputs.shift()); ) this.#step(next);
    } finally {
      this.#isHandling = false;
    }
    this.#wake();
  }

  /** @param {Input} input */
  #step(input) {
    try {
      if (input.kind === "token") this.#token = input.token;
      for (const output of this.machine.handle(now(), input)) this.#do(output);
    } catch (error) {
      this.#startOver(error, input);
    }
  }

  /** The page's clock may stand still while the device sleeps: then the connection is to be asked whether it still stands. */
  #hasSlept() {
    const ahead = Date.now() - now();
    const hasSlept = ahead - this.#ahead > SLEPT;
    this.#ahead = ahead;
    return hasSlept;
  }

  #newMachine() {
    const [user, token, newest] = [this.#user, this.#token, this.#outbox.newest()];
    return new Machine({ user, token, random: Math.random, newId: randomName, newest });
  }

  /**
   * The machine has failed: another one takes its place over a new connection, with all drafts. A draft that it failed with is
   * written again, once.
   *
   * @param {unknown} error
   * @param {Input} input
   */
  #startOver(error, input) {
    this.#disconnect();
    // Drafts that could not be taken over stay where they are kept.
    const entries = input.kind === "adopt" ? [] : this.machine.sending.items.map(({ entry }) => entry);
    for (const entry of entries) this.#keep(entry);
    this.machine = this.#newMachine();
    this.handle({ kind: "adopt", entries });
    const isNew = input.kind === "post" && !input.isRepeated && entries.every(({ draft }) => draft !== input.draft);
    if (isNew) this.handle({ ...input, isRepeated: true });
    if (input.kind !== "close") this.#startLater();
    this.#say(() => this.#failed(error));
  }

  /** Connects after a pause, which grows if the machine fails again and again. */
  #startLater() {
    this.#pauses.wasLive(now() - this.#startedAt);
    const start = () => {
      this.#startedAt = now();
      this.handle({ kind: "start" });
    };
    setTimeout(start, this.#pauses.pause(PERIODS.backoffFrom));
  }

  /** An error of the screen stays there. @param {() => void} say */
  #say(say) {
    try {
      say();
    } catch (error) {
      setTimeout(() => this.#failed(error));
    }
  }

  #wake() {
    clearTimeout(this.#timer);
    const at = this.#deadline();
    if (at === null) return;
    const pause = Math.min(Math.max(at - now(), 0), LONGEST_TIMER);
    this.#timer = setTimeout(() => this.handle({ kind: "tick" }), pause);
  }

  #deadline() {
    try {
      return this.machine.deadline();
    } catch (error) {
      this.#startOver(error, { kind: "tick" });
      return this.machine.deadline();
    }
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
        return this.#keep(output.entry);
      case "forget":
        this.#unkept.delete(output.id);
        return this.#outbox.forget(output.id);
      default:
        this.#say(() => this.#tell(output));
    }
  }

  /** @param {Entry} entry */
  #keep(entry) {
    if (this.#outbox.keep(entry)) this.#unkept.delete(entry.client_message_id);
    else this.#unkept.add(entry.client_message_id);
  }

  /**
   * @param {number} link
   * @param {string} token
   */
  #connect(link, token) {
    const socket = socketWith(token);
    // A browser that refuses it says nothing more: for the machine it is a connection that was lost.
    if (!socket) return this.handle({ kind: "closed", link, code: LOST });
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

/** @param {string} token */
function socketWith(token) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  try {
    return new WebSocket(`${scheme}//${location.host}${CONNECT_PATH}`, ["bearer", token]);
  } catch {
    return null;
  }
}
