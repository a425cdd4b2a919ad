// A page without a browser. The test controls its clocks, timers, storage and sockets.

/** @typedef {import("node:test").TestContext} TestContext */

/** The browser's storage, as far as the console uses it. */
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

/** A storage that refuses every use. */
export const refusing = () =>
  new Proxy({}, {
    get() {
      throw new Error("SecurityError");
    },
  });

/** Empty lists. @type {Record<string, object>} */
export const EMPTY = { get_active_conversations: { conversations: [], epoch: "e" }, get_open_orders: { orders: [] } };

/** The world of a page. Its wall clock may jump, and its monotonic clock never does. */
export class Page {
  /** Milliseconds since the page was opened. */
  passed = 1_000;
  wall = Date.UTC(2024, 0, 15, 10, 30);
  /** All opened sockets, the oldest first. @type {Socket[]} */
  sockets = [];
  /** Answers a request. By default only requests for lists get an answer, an empty list. @type {(request: any, socket: Socket) => object | null} */
  answer = ({ type }) => EMPTY[type] ?? null;
  /** @type {Map<string, (event: any) => void>} */
  #listeners = new Map();
  #timers;

  /** @param {TestContext} t @param {{ storage?: object | null, locks?: object }} [settings] no storage: even naming it is refused */
  constructor(t, { storage = new Storage(), locks } = {}) {
    this.#timers = t.mock.timers;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    t.mock.method(performance, "now", () => this.passed);
    t.mock.method(Date, "now", () => this.wall);
    // The pauses of the backoff: none is zero.
    t.mock.method(Math, "random", () => 0.5);
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

  /** Sends an event of the browser to the page. @param {string} kind @param {object} [event] */
  tell(kind, event = {}) {
    this.#listeners.get(kind)?.(event);
  }

  /** The newest socket. */
  get socket() {
    return /** @type {Socket} */ (this.sockets.at(-1));
  }
}

const STEP = 50;

/** Waits until all pending promises have run. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A socket that opens at once, with the frames that were sent over it. */
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

  /** Ends the connection from the other side. @param {number} [code] */
  end(code = 1006) {
    this.onclose?.({ code });
  }

  close() {
    this.isClosed = true;
  }

  /** The contents of the drafts that were sent. */
  texts() {
    return this.sent.filter(({ type }) => type === "send_chat_message").map(({ data }) => data.content);
  }
}
