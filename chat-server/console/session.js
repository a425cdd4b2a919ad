// Who is signed in on this page, and until when.

import { Client } from "./client.js";
import { claims } from "./token.js";
import { trialToken } from "./trial.js";

/** @typedef {import("./trial.js").Whom} Whom */

/** Where it waits while the page is reloaded; gone with the tab. */
const KEPT = "chat-session";

/** A token is renewed this long before it expires, where that can be done. */
const RENEW_BEFORE = 5 * 60_000;

/** Who was signed in before a reload. @returns {{ token: string, whom: Whom | null } | null} */
export function keptSession() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return kept && claims(kept.token) ? kept : null;
  } catch {
    return null;
  }
}

export class Session {
  client;
  user;
  trial;
  #left;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renewal;

  /**
   * @param {{ token: string, trial: { key: string, whom: Whom } | null, tell: (told: import("./types.d.ts").Told) => void,
   *   left: (notice: string) => void }} settings `left` hears when it is over
   */
  constructor({ token, trial, tell, left }) {
    const user = claims(token);
    if (!user) throw new TypeError("the token was read before");
    this.user = user;
    this.trial = trial;
    this.#left = left;
    this.client = new Client({ user: user.id, token, tell });
    this.#keep(token);
  }

  /** The server wants another token: the trial gets one, others are asked. */
  async ended() {
    const { phase } = this.client.machine.connection;
    if (phase.phase !== "stopped") return;
    if (phase.code === 4501) return this.leave("The server does not accept this token.");
    if (phase.code === 4001 && this.trial) await this.#renewTrial();
  }

  /**
   * Goes on with another token. Gives what is wrong with it.
   *
   * @param {string} token
   */
  renew(token) {
    const read = claims(token);
    if (!read) return "This is not a token of the chat.";
    if (read.id !== this.user.id || read.role !== this.user.role) return "This token is of somebody else. Sign out first.";
    this.#keep(token);
    this.client.handle({ kind: "token", token });
    return null;
  }

  /** @param {string} [notice] why */
  leave(notice = "") {
    clearTimeout(this.#renewal);
    sessionStorage.removeItem(KEPT);
    this.client.close();
    this.#left(notice);
  }

  /** @param {string} token */
  #keep(token) {
    sessionStorage.setItem(KEPT, JSON.stringify({ token, whom: this.trial?.whom ?? null }));
    clearTimeout(this.#renewal);
    const pause = (claims(token)?.expires ?? 0) - Date.now() - RENEW_BEFORE;
    if (this.trial && pause > 0) this.#renewal = setTimeout(() => this.#renewTrial(), Math.min(pause, 2 ** 31 - 1));
  }

  async #renewTrial() {
    if (!this.trial) return;
    const answer = await trialToken(this.trial.key, this.trial.whom);
    if ("token" in answer) this.renew(answer.token);
  }
}
