// Unsent text, kept in the tab to survive reloads and errors.

import { inTab } from "../kept.js";

const KEPT = "chat-unsent/";

/** Longest text to keep, in characters: longer than any message. */
const LONGEST = 50_000;

/** The unsent texts of a user, by place of writing. */
export class Unsent {
  #prefix;

  /** @param {string} user */
  constructor(user) {
    this.#prefix = `${KEPT}${encodeURIComponent(user)}/`;
  }

  /** @param {string} place */
  get(place) {
    return inTab.get(`${this.#prefix}${place}`) ?? "";
  }

  /**
   * @param {string} place
   * @param {string} text
   */
  set(place, text) {
    if (text === "" || text.length > LONGEST) inTab.remove(`${this.#prefix}${place}`);
    else inTab.set(`${this.#prefix}${place}`, text);
  }

  /** The user signs out. */
  forget() {
    for (const key of inTab.keys(this.#prefix)) inTab.remove(key);
  }
}
