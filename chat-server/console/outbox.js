// The outbox in the browser's storage, so that a page that is closed or reloaded loses nothing.
//
// Each page has its own part, and each draft its own key: nothing is ever read, changed and written back, so pages can't undo
// each other's writes. A page holds a lock for as long as it lives. Whoever gets the lock of another page knows that it is gone,
// and takes its drafts over. Where there are no locks (a page that did not come from this machine or over TLS), drafts are copied
// and not taken; sent twice, they are stored once, by their `client_message_id`. Where the storage is refused, drafts live as long
// as the page.

import { Kept } from "./kept.js";
import { inOrder } from "./machine/sending.js";

/** @typedef {import("./types.d.ts").Entry} Entry */

/**
 * @typedef {object} Settings
 * @property {string} user whose drafts these are
 * @property {string} page a name that no other page has
 * @property {Storage | Kept} storage
 * @property {LockManager | undefined} locks
 */

export class Outbox {
  #prefix;
  #page;
  #kept;
  #locks;
  #closed = new AbortController();
  /** @type {Set<string>} */
  #watched = new Set();

  /** @param {Settings} settings */
  constructor({ user, page, storage, locks }) {
    this.#prefix = `chat-outbox/${encodeURIComponent(user)}/`;
    this.#page = page;
    this.#kept = storage instanceof Kept ? storage : new Kept(() => storage);
    this.#locks = locks;
  }

  /**
   * Begins to hold this page's part, and to take over what others leave behind.
   *
   * @param {(entries: Entry[]) => void} adopted called with the drafts of each page that is gone
   */
  async start(adopted) {
    if (this.#locks) await this.#hold();
    for (const page of this.#pages()) this.#watch(page, adopted);
  }

  /** Holds this page's lock. Where the browser refuses locks, it goes on as if there were none. */
  #hold() {
    const { signal } = this.#closed;
    return new Promise((held) => {
      const hold = () => {
        held(undefined);
        return new Promise((gone) => signal.addEventListener("abort", gone));
      };
      this.#lock(this.#page, hold).catch(() => {
        this.#locks = undefined;
        held(undefined);
      });
    });
  }

  /** The highest place in the order of what is written, by whatever page. */
  newest() {
    const orders = this.#keys().map((key) => parse(this.#kept.get(key))?.order ?? 0);
    return orders.reduce((one, other) => Math.max(one, other), 0);
  }

  /**
   * Another page has written something. Gives its place in the order.
   *
   * @param {string | null} key
   * @param {(entries: Entry[]) => void} adopted
   */
  changed(key, adopted) {
    const page = key === null ? null : this.#pageOf(key);
    if (key === null || page === null) return 0;
    if (this.#locks) this.#watch(page, adopted);
    return parse(this.#kept.get(key))?.order ?? 0;
  }

  /** Lets go of this page's part: whoever comes next takes it over. */
  close() {
    this.#closed.abort();
  }

  /**
   * Writes a draft. `false` if the storage is full or forbidden.
   *
   * @param {Entry} entry
   */
  keep(entry) {
    return this.#kept.set(this.#key(this.#page, entry), JSON.stringify(entry));
  }

  /** A draft has come to its end, wherever it is kept. @param {string} id */
  forget(id) {
    for (const key of this.#keys()) {
      if (key.endsWith(`/${id}`)) this.#kept.remove(key);
    }
  }

  /**
   * @param {string} page
   * @param {(entries: Entry[]) => void} adopted
   */
  #watch(page, adopted) {
    if (page === this.#page || this.#watched.has(page)) return;
    this.#watched.add(page);
    if (!this.#locks) return adopted(this.#copy(page, false));
    const take = () => {
      this.#watched.delete(page);
      adopted(this.#copy(page, true));
    };
    this.#lock(page, take).catch(() => adopted(this.#copy(page, false)));
  }

  /**
   * Writes another page's drafts as this page's, and only then removes them there.
   *
   * @param {string} page
   * @param {boolean} isGone
   */
  #copy(page, isGone) {
    const entries = [];
    for (const key of this.#keys().filter((key) => this.#pageOf(key) === page)) {
      const entry = parse(this.#kept.get(key));
      const isCopied = entry === null || this.keep(entry);
      if (entry) entries.push(entry);
      if (isGone && isCopied) this.#kept.remove(key);
    }
    return entries.sort(inOrder);
  }

  /**
   * @param {string} page
   * @param {() => unknown} act while the lock is held
   */
  async #lock(page, act) {
    try {
      await this.#locks?.request(`${this.#prefix}${page}`, { signal: this.#closed.signal }, async () => act());
    } catch (error) {
      if (!this.#closed.signal.aborted) throw error;
    }
  }

  /** @returns {string[]} */
  #keys() {
    return this.#kept.keys(this.#prefix);
  }

  #pages() {
    return new Set(this.#keys().flatMap((key) => this.#pageOf(key) ?? []));
  }

  /** @param {string} key */
  #pageOf(key) {
    return key.startsWith(this.#prefix) ? (key.slice(this.#prefix.length).split("/")[0] ?? null) : null;
  }

  /**
   * @param {string} page
   * @param {Entry} entry
   */
  #key(page, entry) {
    return `${this.#prefix}${page}/${entry.client_message_id}`;
  }
}

/**
 * @param {string | null} text
 * @returns {Entry | null}
 */
function parse(text) {
  try {
    const entry = JSON.parse(text ?? "null");
    const isEntry = typeof entry?.client_message_id === "string" && typeof entry.draft?.type === "string";
    return isEntry ? { ...entry, at: Number(entry.at) || 0, order: Number(entry.order) || 0 } : null;
  } catch {
    return null;
  }
}
