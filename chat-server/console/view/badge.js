// The number on the page's tab and icon.

import { t } from "../language.js";
import { set } from "./dom.js";
import { counted } from "./words.js";

/**
 * Shows what waits in the title and the icon of the page.
 *
 * @param {string} title
 * @param {number} unread
 * @param {number} [emergencies] that are open
 */
export function showBadge(title, unread, emergencies = 0) {
  const alarm = emergencies > 0 ? `${t("badge.emergencies", { count: emergencies })} · ` : "";
  const whole = `${alarm}${unread > 0 ? `(${counted(unread)}) ` : ""}${title}`;
  if (document.title === whole) return;
  document.title = whole;
  const icon = document.querySelector("link[rel='icon']");
  if (icon) set(icon, "href", emergencies > 0 ? "/console/icon_alarm.svg" : "/console/icon.svg");
  // Installed pages have a number on their icon.
  navigator.setAppBadge?.(emergencies || unread).catch(() => {});
}
