// Access to the browser's storage, which may be denied or full. Nothing here throws.

/** A storage with a fallback: refused values are kept in memory until the page ends. */
export class Kept {
  #open;
  /** @type {Map<string, string>} */
  #memory = new Map();

  /** @param {() => Storage | null | undefined} open returns the storage, or throws if the browser denies access */
  constructor(open) {
    this.#open = open;
  }

  /** @param {string} key @returns {string | null} */
  get(key) {
    return this.#memory.get(key) ?? this.#try((storage) => storage.getItem(key)) ?? null;
  }

  /**
   * Writes a value. Returns whether the value outlives the page.
   *
   * @param {string} key
   * @param {string} value
   */
  set(key, value) {
    const isKept = this.#try((storage) => (storage.setItem(key, value), true)) === true;
    if (isKept) this.#memory.delete(key);
    else this.#memory.set(key, value);
    return isKept;
  }

  /** @param {string} key */
  remove(key) {
    this.#memory.delete(key);
    this.#try((storage) => storage.removeItem(key));
  }

  /** The keys with this prefix. @param {string} prefix @returns {string[]} */
  keys(prefix) {
    const names = (/** @type {Storage} */ storage) => Array.from({ length: storage.length }, (_, place) => storage.key(place) ?? "");
    const all = new Set([...(this.#try(names) ?? []), ...this.#memory.keys()]);
    return [...all].filter((key) => key.startsWith(prefix));
  }

  /** Whether any value outlives the page. */
  get lasts() {
    const lasts = this.set(PROBE, "");
    this.remove(PROBE);
    return lasts;
  }

  /**
   * @template T
   * @param {(storage: Storage) => T} act
   * @returns {T | undefined} nothing if the storage refuses
   */
  #try(act) {
    try {
      const storage = this.#open();
      return storage ? act(storage) : undefined;
    } catch {
      return undefined;
    }
  }
}

const PROBE = "chat-probe";

/** On this device: shared by all pages, until removed. */
export const onDevice = new Kept(() => localStorage);

/** In this tab: survives a reload, and ends with the tab. */
export const inTab = new Kept(() => sessionStorage);
