// Text that is written and not sent: kept in the tab, so that neither a reload nor an error takes it from its author.

import { inTab } from "../kept.js";

const KEPT = "chat-unsent/";

/** A text longer than this is not kept, in characters: no message may be as long. */
const LONGEST = 50_000;

/** The unsent texts of a user, each under the place where it was written. */
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
