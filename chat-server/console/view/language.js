// The choice of the language.

import { LANGUAGES, chooseLanguage, form, t } from "../language.js";
import { h } from "./dom.js";

/** @typedef {import("../language.js").Code} Code */

/** A button for each language, by its own name. */
export function languageChoice() {
  const buttons = Object.entries(LANGUAGES).map(([code, { name }]) => {
    const choose = () => {
      chooseLanguage(/** @type {Code} */ (code));
      // The page is built anew, and the focus stays where it was.
      /** @type {HTMLElement | null} */ (document.querySelector(`.languages [lang="${code}"]`))?.focus();
    };
    return h("button", { type: "button", class: "toggle", lang: code, "aria-pressed": code === form().code, click: choose }, name);
  });
  return h("div", { class: "languages", role: "group", "aria-label": t("app.language") }, ...buttons);
}
