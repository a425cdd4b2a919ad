// The states of the connection and their transitions.

import { Backoff } from "./backoff.js";
import { PERIODS } from "./limits.js";

/** @typedef {import("../types.d.ts").Output} Output */
/** @typedef {import("../types.d.ts").Cause} Cause */
/** @typedef {import("../types.d.ts").Phase} Phase */

/**
 * The state of the connection, named for the event it waits for.
 *
 * @typedef {{ is: "idle" }
 *   | { is: "opening", link: number, giveUpAt: number }
 *   | { is: "open", link: number, liveSince: number | null, heardAt: number }
 *   | { is: "pausing", until: number }
 *   | { is: "stopped" }
 *   | { is: "closed" }} State
 */

/** Close codes with a meaning beyond their range. */
export const CODES = Object.freeze({
  tryAgainLater: 1013,
  tokenExpired: 4001,
  rightsChanged: 4002,
  notAuthenticated: 4501,
  replaced: 4504,
});

/**
 * Close codes to report to the user, although attempts continue at growing intervals, each with
 * the highest ceiling of its pauses. The clock of the server or of the tokens' issuer may be wrong:
 * then a refused token is accepted later.
 *
 * @type {Map<number, number>}
 */
const REFUSALS = new Map([
  [CODES.tokenExpired, PERIODS.refusedTo],
  [CODES.rightsChanged, PERIODS.refusedTo],
  [CODES.notAuthenticated, PERIODS.refusedTo],
  [CODES.replaced, PERIODS.replacedTo],
]);

/** Close codes from here on forbid reconnecting, except the refusals. */
const NEVER_AGAIN = 4500;

export class Connection {
  /** @type {State} */
  state = { is: "idle" };
  #backoff;
  #refusals;
  #links = 0;
  /** The reason that the last connection ended, if the user must know; reset by the server's first reply. @type {Cause | null} */
  cause = null;
  /** The name of the server that this connection leads to, if the server has told one. @type {string | null} */
  server = null;
  /** The server's announcement before closing: a reason, and the least pause before reconnecting. */
  told = { reason: "", pause: 0 };

  /** @param {() => number} random */
  constructor(random) {
    this.#backoff = new Backoff(random);
    this.#refusals = new Backoff(random);
  }

  /** The phase, for display. @returns {Phase} */
  get phase() {
    const { state, cause } = this;
    const { failures } = this.#backoff;
    if (state.is === "stopped") return { phase: "stopped", cause };
    if (state.is === "pausing") return { phase: "waiting", failures, until: state.until, cause };
    if (state.is === "open" && state.liveSince !== null) return { phase: "live" };
    return { phase: "connecting", failures, cause };
  }

  /** The link of the open transport, if any. */
  get link() {
    return this.state.is === "open" ? this.state.link : null;
  }

  /**
   * Opens a connection.
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
   * The transport is open. The server's first reply shows whether the token was accepted.
   *
   * @param {number} link
   * @param {number} now
   */
  opened(link, now) {
    if (this.state.is !== "opening" || this.state.link !== link) return false;
    this.state = { is: "open", link, liveSince: null, heardAt: now };
    this.told = { reason: "", pause: 0 };
    this.server = null;
    return true;
  }

  /** The server has told its name, if it is a name. Returns whether the name is news. @param {unknown} name */
  servedBy(name) {
    if (typeof name !== "string" || name === this.server) return false;
    this.server = name;
    return true;
  }

  /** Something was received. @param {number} now */
  heard(now) {
    if (this.state.is === "open") this.state.heardAt = now;
  }

  /** The server has replied. Returns whether this is the first reply. @param {number} now */
  answered(now) {
    if (this.state.is !== "open" || this.state.liveSince !== null) return false;
    this.state.liveSince = now;
    this.cause = null;
    return true;
  }

  /**
   * Ends the connection. Returns `false` if it had ended already.
   *
   * @param {number} now
   * @param {number} [link] the link that ended; by default the current one
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
   * Applies the consequence of a close code (protocol, close codes).
   *
   * @param {number} code
   * @param {number} now
   */
  after(code, now) {
    const { reason, pause } = this.told;
    const [longest, isFinal] = [REFUSALS.get(code), code >= NEVER_AGAIN];
    if (longest !== undefined || isFinal) this.cause = { code, reason };
    if (longest !== undefined) {
      const longer = this.#refusals.pause(PERIODS.refusedFrom, longest);
      this.state = { is: "pausing", until: now + Math.max(PERIODS.refusedFrom, pause) + longer };
      return;
    }
    if (isFinal) {
      this.state = { is: "stopped" };
      return;
    }
    this.pause(code === CODES.tryAgainLater ? PERIODS.backoffFromCrowd : PERIODS.backoffFrom, now);
  }

  /**
   * @param {number} from
   * @param {number} now
   */
  pause(from, now) {
    this.state = { is: "pausing", until: now + this.#backoff.pause(from) };
  }

  /** Forgets all failures, because the network has changed. */
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
