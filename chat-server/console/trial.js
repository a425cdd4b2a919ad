// The trial: tokens at one click, from a server started on this machine.

import { inTab } from "./kept.js";
import { t } from "./language.js";

/** The key under which the trial's key survives a reload. */
const KEPT = "chat-trial";

/** @typedef {"driver" | "regulator" | "control"} Whom */

/** The users of the trial, in words. */
export const WHOM = Object.freeze(/** @type {const} */ ({ driver: "trial.driver", regulator: "trial.regulator", control: "trial.control" }));

/**
 * Reads the trial's key and the requested user.
 *
 * @param {URLSearchParams} fragment of the address
 * @returns {{ key: string, whom: Whom | null } | null}
 */
export function trialOfAddress(fragment) {
  const key = fragment.get("trial");
  if (key) inTab.set(KEPT, key);
  const kept = key ?? inTab.get(KEPT);
  const whom = fragment.get("as");
  return kept ? { key: kept, whom: whom !== null && whom in WHOM ? /** @type {Whom} */ (whom) : null } : null;
}

/**
 * The address at which another page signs in as this user.
 *
 * @param {string} key
 * @param {Whom} whom
 */
export const addressAs = (key, whom) => `/#trial=${encodeURIComponent(key)}&as=${whom}`;

/**
 * Requests a token.
 *
 * @param {string} key
 * @param {Whom} whom
 * @returns {Promise<{ token: string } | { error: string }>}
 */
export async function trialToken(key, whom) {
  try {
    const answer = await fetch(`/console/trial/${whom}`, { method: "POST", headers: { "x-trial-key": key } });
    const text = (await answer.text()).trim();
    return answer.ok ? { token: text } : { error: answer.status === 403 ? `${sentence(text)} ${t("trial.open_address")}` : sentence(text) };
  } catch {
    return { error: t("trial.unreachable") };
  }
}

/** @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
