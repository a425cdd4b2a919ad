// The trial: a token at one click, from a server that was started on this machine to be looked at.

import { inTab } from "./kept.js";

/** Where its key waits while the page is reloaded. */
const KEPT = "chat-trial";

/** @typedef {"driver" | "regulator" | "control"} Whom */

export const WHOM = Object.freeze(
  /** @type {Record<Whom, string>} */ ({
    driver: "A driver",
    regulator: "A queue regulator",
    control: "A control officer",
  }),
);

/**
 * The key that the printed address carries behind `#`, which is taken out of the address bar; and whom it asks for.
 *
 * @returns {{ key: string, whom: Whom | null } | null}
 */
export function trialOfAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const key = fragment.get("trial");
  if (location.hash !== "") history.replaceState(null, "", location.pathname);
  if (key) inTab.set(KEPT, key);
  const kept = key ?? inTab.get(KEPT);
  const whom = fragment.get("as");
  return kept ? { key: kept, whom: whom !== null && whom in WHOM ? /** @type {Whom} */ (whom) : null } : null;
}

/**
 * The address at which another page is this person.
 *
 * @param {string} key
 * @param {Whom} whom
 */
export const addressAs = (key, whom) => `/#trial=${encodeURIComponent(key)}&as=${whom}`;

/**
 * Asks for a token.
 *
 * @param {string} key
 * @param {Whom} whom
 * @returns {Promise<{ token: string } | { error: string }>}
 */
export async function trialToken(key, whom) {
  try {
    const answer = await fetch(`/console/trial/${whom}`, { method: "POST", headers: { "x-trial-key": key } });
    const text = (await answer.text()).trim();
    return answer.ok ? { token: text } : { error: answer.status === 403 ? `${sentence(text)} Open that address.` : sentence(text) };
  } catch {
    return { error: "The server can't be reached." };
  }
}

/** @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
