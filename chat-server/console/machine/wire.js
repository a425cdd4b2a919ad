// What was asked over the connection and is not answered yet.

import { earliest } from "./turn.js";

/** @typedef {import("../types.d.ts").Purpose} Purpose */

/** Requests by their ids. Bounded by `LIMITS.onWire`. */
export class Wire {
  /** @type {Map<number, { purpose: Purpose, answerBy: number }>} */
  #asked = new Map();
  #last = 0;

  get size() {
    return this.#asked.size;
  }

  /**
   * Writes a request down; gives its text.
   *
   * @param {import("../types.d.ts").Ask} ask
   * @param {number} answerBy when the connection counts as dead without a reply
   */
  put({ purpose, type, data }, answerBy) {
    this.#last += 1;
    this.#asked.set(this.#last, { purpose, answerBy });
    return JSON.stringify({ type, request_id: this.#last, data });
  }

  /**
   * What a reply answers.
   *
   * @param {unknown} id its `request_id`
   * @returns {Purpose | null}
   */
  take(id) {
    if (typeof id !== "number") return null;
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked?.purpose ?? null;
  }

  /** When the first reply is overdue. */
  deadline() {
    return earliest([...this.#asked.values()].map((asked) => asked.answerBy));
  }

  clear() {
    this.#asked.clear();
  }
}
