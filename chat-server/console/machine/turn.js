// Turns: the times of requests and their repetitions.

import { PERIODS } from "./limits.js";

/** @typedef {import("../types.d.ts").Turn} Turn */
/** @typedef {import("../types.d.ts").Json} Json */

/** At once. */
export const NOW = 0;

/**
 * Whether a request is due.
 *
 * @param {Turn} turn
 * @param {number} now
 */
export const isDue = (turn, now) => typeof turn === "number" && turn <= now;

/**
 * A repeatable request with a least pause.
 *
 * `isFull`: whether more than a brief answer is wanted. `isWantedAgain`: whether it was wanted
 * again while on the wire.
 */
export class Wanted {
  turn = /** @type {Turn} */ ("done");
  isFull = false;
  #isWantedAgain = false;
  #lastAt = -Infinity;

  /**
   * @param {number} now
   * @param {boolean} [isFull]
   */
  want(now, isFull = false) {
    this.isFull ||= isFull;
    // A full request is made once, and needs no pause.
    if (this.turn !== "wire" && isFull) this.turn = NOW;
    else if (this.turn === "done") this.turn = Math.max(now, this.#lastAt + PERIODS.rowPause);
    else if (this.turn === "wire") this.#isWantedAgain = true;
  }

  /** The request is sent. Returns whether it is a full one. */
  ask() {
    const { isFull } = this;
    Object.assign(this, { turn: "wire", isFull: false });
    return isFull;
  }

  /**
   * @param {Json} reply
   * @param {number} now
   */
  answered(reply, now) {
    this.turn = again(reply, now) ?? "done";
    this.#lastAt = now;
    if (this.#isWantedAgain && this.turn === "done") this.want(now, this.isFull);
    this.#isWantedAgain = false;
  }

  lost() {
    this.turn = afterLoss(this.turn);
    this.#isWantedAgain = false;
  }
}

/**
 * The turn after a loss of the connection: requests on the wire are repeated.
 *
 * @param {Turn} turn
 * @returns {Turn}
 */
export const afterLoss = (turn) => (turn === "wire" ? NOW : turn);

/** Errors after which a request may be repeated (protocol, errors: the kinds *pace* and *server*). */
const PASSING = new Set(["rate_limited", "budget_exceeded", "storage_low", "unavailable"]);

/**
 * The time at which to repeat a request after this reply; `null` unless waiting helps.
 *
 * @param {Json} reply
 * @param {number} now
 * @returns {number | null}
 */
export function again(reply, now) {
  if (reply.success !== false || !PASSING.has(reply.code)) return null;
  const named = reply.retry_after_ms;
  return now + (Number.isFinite(named) && named >= 0 ? named : PERIODS.repeatAfter);
}

/** Errors about the session: the server closes it next, with the reason. */
const OF_THE_SESSION = new Set(["not_authenticated", "token_expired", "rights_changed", "deactivated"]);

/**
 * Whether an error concerns the session, and not the request.
 *
 * @param {Json} reply
 */
export const isOfTheSession = (reply) => reply.success === false && OF_THE_SESSION.has(reply.code);

/**
 * The earliest of these times after `after`; `null` without any. A turn already due waits for
 * something other than time.
 *
 * @param {Iterable<Turn | null | undefined>} turns
 * @param {number} [after]
 * @returns {number | null}
 */
export function earliest(turns, after = -Infinity) {
  let first = null;
  for (const turn of turns) {
    if (typeof turn === "number" && turn > after && (first === null || turn < first)) first = turn;
  }
  return first;
}
