// The outbox in the browser's storage, to survive the closing and reloading of a page.
//
// Each page has its own part, and each draft its own key. No value is read, changed and written
// back, because pages would undo each other's writes. A page holds a lock while it lives; another
// page that gets the lock knows that the owner is gone, and takes its drafts over. Without locks (a
// page from another machine without TLS), drafts are copied instead: a draft sent twice is stored
// once, thanks to its `client_message_id`. Without storage, drafts live as long as the page.

import { Kept } from "./kept.js";
import { inOrder } from "./machine/sending.js";

/** @typedef {import("./types.d.ts").Entry} Entry */

/**
 * @typedef {object} Settings
 * @property {string} user the owner of the drafts
 * @property {string} page the unique name of the page
 * @property {Storage | Kept} storage
 * @property {LockManager | undefined} locks
 */

/** The prefix of all keys and locks. */
const PREFIX = "chat-outbox/";

/**
 * The other users who have unsent drafts on this device, or a live page. Without locks, live pages
 * are not known.
 *
 * @param {string} user
 * @param {Kept} kept
 * @param {LockManager | undefined} locks
 */
export async function othersHere(user, kept, locks) {
  const held = await locks?.query().catch(() => null);
  const names = [...kept.keys(PREFIX), ...(held?.held ?? []).map(({ name }) => name ?? "")];
  const users = names.filter((name) => name.startsWith(PREFIX)).map((name) => userOf(name));
  return [...new Set(users)].filter((other) => other !== user);
}

/** The user in a name, as it stands if it was not written by this version. @param {string} name */
function userOf(name) {
  const part = name.split("/")[1] ?? "";
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

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
    this.#prefix = `${PREFIX}${encodeURIComponent(user)}/`;
    this.#page = page;
    this.#kept = storage instanceof Kept ? storage : new Kept(() => storage);
    this.#locks = locks;
  }

  /**
   * Claims this page's part, and starts taking over abandoned ones.
   *
   * @param {(entries: Entry[]) => void} adopted called with the drafts of each page that is gone
   */
  async start(adopted) {
    if (this.#locks) await this.#hold();
    for (const page of this.#pages()) this.#watch(page, adopted);
  }

  /** Holds this page's lock. If the browser refuses locks, works without. */
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

  /** The highest order of all drafts, of any page. */
  newest() {
    const orders = this.#keys().map((key) => parse(this.#kept.get(key))?.order ?? 0);
    return orders.reduce((one, other) => Math.max(one, other), 0);
  }

  /**
   * Another page has stored a draft. Returns its order.
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

  /** Releases this page's part for another page to take over. */
  close() {
    this.#closed.abort();
  }

  /**
   * Stores a draft. Returns `false` if the storage is full or denied.
   *
   * @param {Entry} entry
   */
  keep(entry) {
    return this.#kept.set(this.#key(this.#page, entry), JSON.stringify(entry));
  }

  /** A draft is settled. Removes it, in any page's part. @param {string} id */
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
   * Stores another page's drafts in this page's part before removing them there.
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
