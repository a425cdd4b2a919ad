// The life of the connection: its states, and what leads from one to the next.

import { Backoff } from "./backoff.js";
import { PERIODS } from "./limits.js";

/** @typedef {import("../types.d.ts").Output} Output */
/** @typedef {import("../types.d.ts").Cause} Cause */
/** @typedef {import("../types.d.ts").Phase} Phase */

/**
 * Where it stands, named for what it waits for.
 *
 * @typedef {{ is: "idle" }
 *   | { is: "opening", link: number, giveUpAt: number }
 *   | { is: "open", link: number, liveSince: number | null, heardAt: number }
 *   | { is: "pausing", until: number }
 *   | { is: "stopped" }
 *   | { is: "closed" }} State
 */

/** What the close codes of the protocol ask for, beside their ranges. */
export const CODES = Object.freeze({
  goingAway: 1001,
  tryAgainLater: 1013,
  tokenExpired: 4001,
  rightsChanged: 4002,
  notAuthenticated: 4501,
  replaced: 4504,
});

/** What a person must hear of, and what may pass by itself: it is tried again, more and more seldom. */
const REFUSALS = /** @type {Set<number>} */ (new Set([CODES.rightsChanged, CODES.replaced]));

/** Close codes from here on ask not to connect again. */
const NEVER_AGAIN = 4500;

export class Connection {
  /** @type {State} */
  state = { is: "idle" };
  #backoff;
  #refusals;
  #links = 0;
  /** Why the last connection ended, if a person must hear of it; until the server answers on another one. @type {Cause | null} */
  cause = null;
  /** What the server said before it closes, and for how long it wants to be left alone. */
  told = { reason: "", pause: 0 };

  /** @param {() => number} random */
  constructor(random) {
    this.#backoff = new Backoff(random);
    this.#refusals = new Backoff(random);
  }

  /** For people. @returns {Phase} */
  get phase() {
    const { state, cause } = this;
    const { failures } = this.#backoff;
    if (state.is === "stopped") return { phase: "stopped", cause };
    if (state.is === "pausing") return { phase: "waiting", failures, until: state.until, cause };
    if (state.is === "open" && state.liveSince !== null) return { phase: "live" };
    return { phase: "connecting", failures, cause };
  }

  /** The transport that stands. */
  get link() {
    return this.state.is === "open" ? this.state.link : null;
  }

  /**
   * Opens one.
   *
   * @param {string} token
   * @param {number} now
   * @param {Output[]} outputs
   */
  connect(token, now, outputs) {
    this.#links += 1;
    this.state = { is: "opening", link: this.#links, giveUpAt: now + PERIODS.connectWithin };
    outputs.push({ kind: "connect", link: this.#links, token });
  }

  /**
   * The transport stands. Whether the server knows us, its first reply says.
   *
   * @param {number} link
   * @param {number} now
   */
  opened(link, now) {
    if (this.state.is !== "opening" || this.state.link !== link) return false;
    this.state = { is: "open", link, liveSince: null, heardAt: now };
    this.told = { reason: "", pause: 0 };
    return true;
  }

  /** Something came. @param {number} now */
  heard(now) {
    if (this.state.is === "open") this.state.heardAt = now;
  }

  /** The server has answered. Gives whether that is news. @param {number} now */
  answered(now) {
    if (this.state.is !== "open" || this.state.liveSince !== null) return false;
    this.state.liveSince = now;
    this.cause = null;
    return true;
  }

  /**
   * It is gone, or given up from this side. `false` if it was gone before.
   *
   * @param {number} now
   * @param {number} [link] of which transport this is said
   */
  leave(now, link) {
    const { state } = this;
    if (state.is !== "opening" && state.is !== "open") return false;
    if (link !== undefined && state.link !== link) return false;
    if (state.is === "open" && state.liveSince !== null) {
      this.#backoff.wasLive(now - state.liveSince, PERIODS.steadyAfter);
      this.#refusals.wasLive(now - state.liveSince, PERIODS.acceptedAfter);
    }
    this.state = { is: "idle" };
    return true;
  }

  /**
   * What a close code asks for (protocol, close codes).
   *
   * @param {number} code
   * @param {number} now
   */
  after(code, now) {
    const { reason, pause } = this.told;
    const [isRefusal, isFinal] = [REFUSALS.has(code), code === CODES.tokenExpired || code >= NEVER_AGAIN];
    if (isRefusal || isFinal) this.cause = { code, reason };
    if (isRefusal) {
      const longer = this.#refusals.pause(PERIODS.refusedFrom, PERIODS.refusedTo);
      this.state = { is: "pausing", until: now + Math.max(PERIODS.refusedFrom, pause) + longer };
      return;
    }
    if (isFinal) {
      this.state = { is: "stopped" };
      return;
    }
    const isCrowd = code === CODES.goingAway || code === CODES.tryAgainLater;
    this.pause(isCrowd ? PERIODS.backoffFromCrowd : PERIODS.backoffFrom, now);
  }

  /**
   * @param {number} from
   * @param {number} now
   */
  pause(from, now) {
    this.state = { is: "pausing", until: now + this.#backoff.pause(from) };
  }

  /** What was learnt of the old network is worth nothing. */
  forgetFailures() {
    this.#backoff.forget();
  }

  close() {
    this.state = { is: "closed" };
  }

  deadline() {
    const { state } = this;
    if (state.is === "pausing") return state.until;
    if (state.is === "opening") return state.giveUpAt;
    return state.is === "open" ? state.heardAt + PERIODS.heartbeat : null;
  }
}
