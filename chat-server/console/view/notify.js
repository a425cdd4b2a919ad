// Notifications of the system, for a page that nobody looks at.

import { onDevice } from "../kept.js";
import { t } from "../language.js";
import { h } from "./dom.js";

/** The key under which a refusal of the offer is kept. */
const KEPT = "chat-notifications";

/** Whether the browser would ask the user. */
const canAsk = () => "Notification" in globalThis && Notification.permission === "default" && onDevice.get(KEPT) !== "no";

/** Whether the user sees the page. */
export const isSeen = () => document.visibilityState === "visible" && document.hasFocus();

/**
 * Notifies the user, unless the page is seen or the browser does not allow it.
 *
 * @param {string} title
 * @param {{ body: string, tag: string, isUrgent?: boolean, open: () => void }} settings notifications with the same tag replace each
 *   other; an urgent one stays until it is closed; `open`: what a press does
 * @returns {Notification | null}
 */
export function notify(title, { body, tag, isUrgent = false, open }) {
  if (!("Notification" in globalThis) || Notification.permission !== "granted" || isSeen()) return null;
  try {
    const notice = new Notification(title, { body, tag, requireInteraction: isUrgent, icon: "/console/icon.svg" });
    notice.onclick = () => {
      focus();
      notice.close();
      open();
    };
    return notice;
  } catch {
    // Some browsers on phones have them in service workers alone.
    return null;
  }
}

/** Offers notifications, if the browser can ask the user for them. */
export function notifyOffer() {
  if (!canAsk()) return null;
  const decide = async (/** @type {boolean} */ isWanted) => {
    offer.hidden = true;
    if (isWanted) await Notification.requestPermission();
    else onDevice.set(KEPT, "no");
  };
  const offer = h(
    "section",
    { class: "offer", "aria-label": t("shell.notifications") },
    h("p", {}, t("shell.notify_question")),
    h("button", { type: "button", click: () => decide(true) }, t("shell.notify_allow")),
    h("button", { type: "button", click: () => decide(false) }, t("shell.notify_later")),
  );
  return offer;
}
