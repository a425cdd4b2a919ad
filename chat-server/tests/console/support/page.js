// A page without a browser: its clocks, its timers, its storage and its sockets, all under the test's hand.

/** @typedef {import("node:test").TestContext} TestContext */

/** The browser's storage, as far as it is used. */
export class Storage {
  /** @type {Map<string, string>} */
  kept = new Map();
  isFull = false;

  get length() {
    return this.kept.size;
  }

  /** @param {number} index */
  key(index) {
    return [...this.kept.keys()][index] ?? null;
  }

  /** @param {string} key */
  getItem(key) {
    return this.kept.get(key) ?? null;
  }

  /** @param {string} key @param {string} value */
  setItem(key, value) {
    if (this.isFull) throw new Error("QuotaExceededError");
    this.kept.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.kept.delete(key);
  }
}

/** A storage whose every use the browser refuses. */
export const refusing = () =>
  new Proxy({}, {
    get() {
      throw new Error("SecurityError");
    },
  });

/** What the page runs in. Its clock on the wall may jump; the other one never does. */
export class Page {
  /** Milliseconds since the page began. */
  passed = 1_000;
  wall = Date.UTC(2024, 0, 15, 10, 30);
  /** Sockets that were opened, the oldest first. @type {Socket[]} */
  sockets = [];
  /** What answers a request; nothing by default but an empty list. @type {(request: any, socket: Socket) => object | null} */
  answer = ({ type }) => (type === "get_active_conversations" ? { conversations: [], epoch: "e" } : null);
  /** @type {Map<string, (event: any) => void>} */
  #listeners = new Map();
  #timers;

  /** @param {TestContext} t @param {{ storage?: object | null, locks?: object }} [settings] no storage: even naming it is refused */
  constructor(t, { storage = new Storage(), locks } = {}) {
    this.#timers = t.mock.timers;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    t.mock.method(performance, "now", () => this.passed);
    t.mock.method(Date, "now", () => this.wall);
    const page = this;
    const listen = (/** @type {string} */ kind, /** @type {any} */ heard) => this.#listeners.set(kind, heard);
    const refuse = () => {
      throw new Error("SecurityError");
    };
    const stored = { get: storage ? () => storage : refuse };
    const value = (/** @type {unknown} */ it) => ({ value: it, writable: true });
    this.#define({ localStorage: stored, sessionStorage: stored });
    this.#define({ addEventListener: value(listen), document: value({ addEventListener: listen }) });
    this.#define({ location: value({ protocol: "http:", host: "localhost" }), navigator: value({ locks }) });
    this.#define({
      WebSocket: value(
        class extends Socket {
          constructor() {
            super(page);
            page.sockets.push(this);
          }
        },
      ),
    });
  }

  /** @param {PropertyDescriptorMap} globals */
  #define(globals) {
    for (const [name, one] of Object.entries(globals)) Object.defineProperty(globalThis, name, { configurable: true, ...one });
  }

  /** Lets time pass, on both clocks. @param {number} time */
  async pass(time) {
    for (const end = this.passed + time; this.passed < end; ) {
      this.passed += STEP;
      this.wall += STEP;
      this.#timers.tick(STEP);
      await settled();
    }
  }

  /** Something that the browser tells the page. @param {string} kind @param {object} [event] */
  tell(kind, event = {}) {
    this.#listeners.get(kind)?.(event);
  }

  /** The newest socket. */
  get socket() {
    return /** @type {Socket} */ (this.sockets.at(-1));
  }
}

const STEP = 50;

/** All that was started has gone as far as it can. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A socket that opens at once, and what was sent over it. */
export class Socket {
  /** @type {any[]} */
  sent = [];
  isClosed = false;
  /** @type {any} */
  onopen = null;
  /** @type {any} */
  onmessage = null;
  /** @type {any} */
  onclose = null;
  #page;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
    queueMicrotask(() => this.onopen?.());
  }

  /** @param {string} text */
  send(text) {
    const request = JSON.parse(text);
    this.sent.push(request);
    const reply = this.#page.answer(request, this);
    if (reply) queueMicrotask(() => this.say({ success: true, ...reply, request_id: request.request_id }));
  }

  /** @param {object} frame */
  say(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The connection ends from the other side. @param {number} [code] */
  end(code = 1006) {
    this.onclose?.({ code });
  }

  close() {
    this.isClosed = true;
  }

  /** What was sent of drafts. */
  texts() {
    return this.sent.filter(({ type }) => type === "send_chat_message").map(({ data }) => data.content);
  }
}
