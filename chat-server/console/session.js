// The signed-in user of this page, and the expiry.

import { Client } from "./client.js";
import { inTab } from "./kept.js";
import { t } from "./language.js";
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
  #tell;
  /** The current token, and the one before while the server has not accepted it. @type {{ token: string, before: string | null }} */
  #tokens = { token: "", before: null };
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
    this.#tell = tell;
    const heard = (/** @type {import("./types.d.ts").Told} */ told) => {
      if (told.kind === "renewed") this.#renewed(told.ok);
      tell(told);
    };
    this.client = new Client({ user: user.id, token, tell: heard, failed });
    this.#keep(token);
  }

  /** The end of the session, in milliseconds since 1970, if the user should see to it now. */
  get endsSoon() {
    const ends = claims(this.#tokens.token)?.expires ?? Infinity;
    return !this.trial && ends - Date.now() <= RENEW_BEFORE ? ends : null;
  }

  /** The server wants another token. The trial fetches one; other users are asked. */
  async ended() {
    const { phase } = this.client.machine.connection;
    this.#wasLive ||= phase.phase === "live";
    const code = phase.phase === "live" ? undefined : phase.cause?.code;
    if (code === CODES.notAuthenticated && !this.#wasLive && !this.user.isForLater) return this.#leave(t("session.not_accepted"));
    if (code === CODES.tokenExpired || code === CODES.rightsChanged) await this.#renewTrial();
  }

  /**
   * Continues with another token. Returns the fault, if any.
   *
   * @param {string} token
   */
  renew(token) {
    const read = claims(token);
    if (!read) return t("session.no_token");
    if (read.id !== this.user.id) return t("session.other_user");
    this.#keep(token);
    if (read.role !== this.user.role) {
      this.#end();
      this.#entered(token);
      return null;
    }
    this.client.handle({ kind: "token", token });
    this.#tell({ kind: "changed", what: "connection" });
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

  /** The server has answered to a new token. A refused one leaves the old one in force. @param {boolean} isAccepted */
  #renewed(isAccepted) {
    const { before } = this.#tokens;
    this.#tokens.before = null;
    if (!isAccepted && before !== null) this.#keep(before);
    this.#tokens.before = null;
  }

  /** @param {string} token */
  #keep(token) {
    this.#tokens = { token, before: this.#tokens.token || null };
    inTab.set(KEPT, JSON.stringify({ token, whom: this.trial?.whom ?? null }));
    clearTimeout(this.#renewal);
    const pause = (claims(token)?.expires ?? 0) - Date.now() - RENEW_BEFORE;
    const end = () => (this.trial ? void this.#renewTrial() : this.#tell({ kind: "changed", what: "connection" }));
    if (pause > 0) this.#renewal = setTimeout(end, Math.min(pause, 2 ** 31 - 1));
  }

  async #renewTrial() {
    if (!this.trial || performance.now() - this.#renewedAt < RENEW_PAUSE) return;
    this.#renewedAt = performance.now();
    const answer = await trialToken(this.trial.key, this.trial.whom);
    if ("token" in answer) this.renew(answer.token);
  }
}
