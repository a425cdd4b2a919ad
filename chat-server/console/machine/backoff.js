// The pause before the next attempt: exponential, with full jitter.

import { PERIODS } from "./limits.js";

/**
 * The pauses of one client.
 *
 * Full jitter: each is drawn from zero to a ceiling that doubles, so that a thousand clients that lost the same server in the
 * same second spread their attempts over the whole of it.
 */
export class Backoff {
  #random;
  failures = 0;

  /** @param {() => number} random from 0 to below 1 */
  constructor(random) {
    this.#random = random;
  }

  /**
   * One more failure: how long to wait now.
   *
   * @param {number} from the first ceiling
   * @param {number} [to] the last one
   */
  pause(from, to = PERIODS.backoffTo) {
    const ceiling = Math.min(from * 2 ** this.failures, Math.max(to, from));
    this.failures = Math.min(this.failures + 1, 31);
    return Math.floor(this.#random() * (ceiling + 1));
  }

  /**
   * A connection ended that was live for some time: if that was long enough, the next pause is a first one.
   *
   * @param {number} time
   * @param {number} [enough]
   */
  wasLive(time, enough = PERIODS.steadyAfter) {
    if (time >= enough) this.failures = 0;
  }

  /** The network is back: what was learnt of the old one is worth nothing. */
  forget() {
    this.failures = 0;
  }
}
