// Exponential backoff with full jitter.

import { PERIODS } from "./limits.js";

/**
 * The pauses of one client.
 *
 * Each pause is random between zero and a ceiling that doubles. A thousand clients that lost the
 * same server in the same second thereby spread their attempts.
 */
export class Backoff {
  #random;
  failures = 0;

  /** @param {() => number} random from 0 to below 1 */
  constructor(random) {
    this.#random = random;
  }

  /**
   * Records a failure. Returns the time to wait.
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
   * Records the end of a connection. After a connection of sufficient length, backoff starts again.
   *
   * @param {number} time
   * @param {number} [enough]
   */
  wasLive(time, enough = PERIODS.steadyAfter) {
    if (time >= enough) this.failures = 0;
  }

  /** Forgets all failures, because the network has changed. */
  forget() {
    this.failures = 0;
  }
}
