// Connects the state machine to the browser: WebSocket, storage and clock.

import { onDevice } from "./kept.js";
import { Backoff } from "./machine/backoff.js";
import { PERIODS } from "./machine/limits.js";
import { Machine } from "./machine/machine.js";
import { Outbox } from "./outbox.js";

/** @typedef {import("./types.d.ts").Entry} Entry */
/** @typedef {import("./types.d.ts").Input} Input */
/** @typedef {import("./types.d.ts").Output} Output */
/** @typedef {import("./types.d.ts").Told} Told */

/** The path of the WebSocket. */
const CONNECT_PATH = "/api/websocket/connect";

/** The longest timeout that browsers support. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The close code of a connection that ended without one. */
const LOST = 1006;

/** A random id. `crypto.randomUUID` exists only in secure contexts. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** If the wall clock jumps ahead of the page's clock by this much, the device slept or its clock was set. */
const SLEPT = 5_000;

/** Monotonic milliseconds, independent of the wall clock. */
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
  /** Difference between the wall clock and the page's clock. */
  #ahead = Date.now() - now();
  /** @type {Input[]} */
  #inputs = [];
  #isHandling = false;
  #closed = new AbortController();
  /** Ids of drafts that could not be stored. Bounded by the outbox. @type {Set<string>} */
  #unkept = new Set();
  /** Pauses before the machine is restarted after a failure. */
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

  /** Whether all pending drafts are stored. */
  get isKept() {
    return this.#unkept.size === 0;
  }

  /** Adopts the drafts of earlier pages, and connects. */
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
    // Timers of hidden pages fire late.
    document.addEventListener("visibilitychange", () => this.handle({ kind: "tick" }), { signal });
    await this.#outbox.start(adopted);
    this.handle({ kind: "start" });
  }

  /** Disconnects, and leaves the outbox to the next page. */
  close() {
    this.handle({ kind: "close" });
    this.#closed.abort();
    this.#outbox.close();
    clearTimeout(this.#timer);
  }

  /** Passes an input to the machine. @param {Input} input */
  handle(input) {
    if (this.#closed.signal.aborted) return;
    // Inputs caused by the screen while it handles an output come after that output.
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

  /** The page's clock may stop while the device sleeps. The connection must then be probed. */
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
   * Replaces the machine after a failure: a new one gets all drafts and a new connection. A draft
   * being posted during the failure is posted again, once.
   *
   * @param {unknown} error
   * @param {Input} input
   */
  #startOver(error, input) {
    this.#disconnect();
    // Drafts that could not be taken over stay in the storage.
    const entries = input.kind === "adopt" ? [] : this.machine.sending.items.map(({ entry }) => entry);
    for (const entry of entries) this.#keep(entry);
    this.machine = this.#newMachine();
    this.handle({ kind: "adopt", entries });
    const isNew = input.kind === "post" && !input.isRepeated && entries.every(({ draft }) => draft !== input.draft);
    if (isNew) this.handle({ ...input, isRepeated: true });
    if (input.kind !== "close") this.#startLater();
    this.#say(() => this.#failed(error));
  }

  /** Connects after a pause, longer with each consecutive failure. */
  #startLater() {
    this.#pauses.wasLive(now() - this.#startedAt);
    const start = () => {
      this.#startedAt = now();
      this.handle({ kind: "start" });
    };
    setTimeout(start, this.#pauses.pause(PERIODS.backoffFrom));
  }

  /** Isolates the machine from errors of the screen. @param {() => void} say */
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
    // The browser reports nothing further. The machine treats this as a lost connection.
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
