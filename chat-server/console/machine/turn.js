// When something is to be asked for, and when again.

import { PERIODS } from "./limits.js";

/** @typedef {import("../types.d.ts").Turn} Turn */
/** @typedef {import("../types.d.ts").Json} Json */

/** At once. */
export const NOW = 0;

/**
 * Whether it is to be asked now.
 *
 * @param {Turn} turn
 * @param {number} now
 */
export const isDue = (turn, now) => typeof turn === "number" && turn <= now;

/**
 * Something that is asked for whenever it is wanted, but not again at once.
 *
 * `isFull` is whether more is wanted than a brief answer, and `isWantedAgain` whether it was wanted while it was on the wire.
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
    // What is asked for in full is asked for once, and needs no pause.
    if (this.turn !== "wire" && isFull) this.turn = NOW;
    else if (this.turn === "done") this.turn = Math.max(now, this.#lastAt + PERIODS.rowPause);
    else if (this.turn === "wire") this.#isWantedAgain = true;
  }

  /** It is asked for. Gives whether all of it is wanted. */
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
 * After the connection was lost: what was on the wire is asked again.
 *
 * @param {Turn} turn
 * @returns {Turn}
 */
export const afterLoss = (turn) => (turn === "wire" ? NOW : turn);

/** Errors after which the same may be asked again (protocol, errors: the kinds *pace* and *server*). */
const PASSING = new Set(["rate_limited", "budget_exceeded", "storage_low", "unavailable"]);

/**
 * When to ask again after this reply, if it is an error that waiting helps against.
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

/** Errors that are about the session: its close comes next, and says what to do. */
const OF_THE_SESSION = new Set(["not_authenticated", "token_expired", "rights_changed", "deactivated"]);

/**
 * Whether an error says nothing about the request.
 *
 * @param {Json} reply
 */
export const isOfTheSession = (reply) => reply.success === false && OF_THE_SESSION.has(reply.code);

/**
 * The earliest of some times after this one; of none, none. What is due already waits for something else than time.
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
