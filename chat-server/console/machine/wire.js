// Pending requests of the connection.

import { earliest } from "./turn.js";

/** @typedef {import("../types.d.ts").Purpose} Purpose */

/** Requests by id. Bounded by `LIMITS.onWire`. */
export class Wire {
  /** @type {Map<number, { purpose: Purpose, answerBy: number }>} */
  #asked = new Map();
  #last = 0;

  get size() {
    return this.#asked.size;
  }

  /**
   * Registers a request. Returns its text.
   *
   * @param {import("../types.d.ts").Ask} ask
   * @param {number} answerBy the deadline of the reply
   */
  put({ purpose, type, data }, answerBy) {
    this.#last += 1;
    this.#asked.set(this.#last, { purpose, answerBy });
    return JSON.stringify({ type, request_id: this.#last, data });
  }

  /**
   * The purpose of the request that a reply answers.
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

  /** The deadline of the first reply. */
  deadline() {
    return earliest([...this.#asked.values()].map((asked) => asked.answerBy));
  }

  clear() {
    this.#asked.clear();
  }
}
