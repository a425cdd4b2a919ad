// The operator's ready texts, requested anew by each connection.

import { NOW, again, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").PhraseSet} PhraseSet */
/** @typedef {import("../types.d.ts").Turn} Turn */

export class Phrases {
  /** The texts in the wanted language, once the server has sent them. @type {PhraseSet | null} */
  known = null;
  /** @type {string | null} */
  #language = null;
  /** @type {Turn} */
  #turn = "done";
  /** Whether another language was wanted while this one was on the wire. */
  #isOutdated = false;

  /** Requests the texts in a language. @param {string} language */
  want(language) {
    if (language !== this.#language) this.known = null;
    this.#language = language;
    this.#isOutdated = this.#turn === "wire";
    if (!this.#isOutdated) this.#turn = NOW;
  }

  /**
   * Applies a reply. A server that does not know the request has no texts.
   *
   * @param {Json} reply
   * @param {number} now
   */
  answered(reply, now) {
    this.#turn = this.#isOutdated ? NOW : (again(reply, now) ?? "done");
    if (reply.success === true && !this.#isOutdated) this.known = { version: reply.version, phrases: reply.phrases };
    this.#isOutdated = false;
  }

  /** The next connection may be to a server with other texts. */
  lost() {
    if (this.#language !== null) this.#turn = NOW;
    this.#isOutdated = false;
  }

  /**
   * @param {number} now
   * @returns {Ask | null}
   */
  next(now) {
    if (!isDue(this.#turn, now)) return null;
    this.#turn = "wire";
    return { purpose: { kind: "phrases" }, type: "get_phrases", data: { language: this.#language } };
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest([this.#turn], now);
  }
}
