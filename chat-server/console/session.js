// The signed-in user of this page, and the expiry.

import { Client } from "./client.js";
import { inTab } from "./kept.js";
import { CODES } from "./machine/connection.js";
import { claims } from "./token.js";
import { trialToken } from "./trial.js";
import { Unsent } from "./view/unsent.js";

/** @typedef {import("./trial.js").Whom} Whom */

/** The key under which the session survives a reload of the tab. */
const KEPT = "chat-session";

/** Time before the expiry at which a token is renewed, if possible. */
const RENEW_BEFORE = 5 * 60_000;

/** Least pause between two tokens of the trial. The server may refuse the new one too. */
const RENEW_PAUSE = 60_000;

/** The session before a reload. @returns {{ token: string, whom: Whom | null } | null} */
export function keptSession() {
  try {
    const kept = JSON.parse(inTab.get(KEPT) ?? "null");
    return kept && claims(kept.token) ? kept : null;
  } catch {
    return null;
  }
}

export class Session {
  client;
  user;
  trial;
  unsent;
  #left;
  #entered;
  #renewedAt = -Infinity;
  #wasLive = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renewal;

  /**
   * @param {{ token: string, trial: { key: string, whom: Whom } | null, tell: (told: import("./types.d.ts").Told) => void,
   *   failed: (error: unknown) => void, left: (notice: string) => void, entered: (token: string) => void }} settings `left`
   *   hears when it is over, and `entered` when the user goes on in another role
   */
  constructor({ token, trial, tell, failed, left, entered }) {
    const user = claims(token);
    if (!user) throw new TypeError("the token was read before");
    this.user = user;
    this.trial = trial;
    this.unsent = new Unsent(user.id);
    this.#left = left;
    this.#entered = entered;
    this.client = new Client({ user: user.id, token, tell, failed });
    this.#keep(token);
  }

  /** The server wants another token. The trial fetches one; other users are asked. */
  async ended() {
    const { phase } = this.client.machine.connection;
    this.#wasLive ||= phase.phase === "live";
    const code = phase.phase === "live" ? undefined : phase.cause?.code;
    if (code === CODES.notAuthenticated && !this.#wasLive && !this.user.isForLater) return this.#leave("The server does not accept this token.");
    if (code === CODES.tokenExpired || code === CODES.rightsChanged) await this.#renewTrial();
  }

  /**
   * Continues with another token. Returns the fault, if any.
   *
   * @param {string} token
   */
  renew(token) {
    const read = claims(token);
    if (!read) return "This is not a token of the chat.";
    if (read.id !== this.user.id) return "This token is of somebody else. Sign out first.";
    this.#keep(token);
    if (read.role !== this.user.role) {
      this.#end();
      this.#entered(token);
      return null;
    }
    this.client.handle({ kind: "token", token });
    return null;
  }

  /** The user signs out. */
  leave() {
    this.unsent.forget();
    this.#leave("");
  }

  /** Goes back to the sign-in page. Unsent text stays for the same user. @param {string} notice why */
  #leave(notice) {
    inTab.remove(KEPT);
    this.#end();
    this.#left(notice);
  }

  #end() {
    clearTimeout(this.#renewal);
    this.client.close();
  }

  /** @param {string} token */
  #keep(token) {
    inTab.set(KEPT, JSON.stringify({ token, whom: this.trial?.whom ?? null }));
    clearTimeout(this.#renewal);
    const pause = (claims(token)?.expires ?? 0) - Date.now() - RENEW_BEFORE;
    if (this.trial && pause > 0) this.#renewal = setTimeout(() => this.#renewTrial(), Math.min(pause, 2 ** 31 - 1));
  }

  async #renewTrial() {
    if (!this.trial || performance.now() - this.#renewedAt < RENEW_PAUSE) return;
    this.#renewedAt = performance.now();
    const answer = await trialToken(this.trial.key, this.trial.whom);
    if ("token" in answer) this.renew(answer.token);
  }
}
