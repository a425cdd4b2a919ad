// The help button and its phrases.

import { t } from "../language.js";
import { h, isComposed } from "./dom.js";
import { languageChoice } from "./language.js";
import { limited } from "./limited.js";
import { emergencies, requestsOf } from "./phrases.js";

/** @typedef {import("../types.d.ts").Draft} Draft */
/** @typedef {import("../types.d.ts").Role} Role */

/** @typedef {import("./phrases.js").Phrase} Phrase */

/** Most characters of a title derived from the text. */
const LONGEST_TITLE = 60;

/** The key of the unsent text in the user's own words. */
const OWN_WORDS = "own-words";

/**
 * The dialog with phrases.
 *
 * @param {Role} role
 * @param {import("./unsent.js").Unsent} unsent
 * @param {(draft: Draft) => void} post
 */
export function helpDialog(role, unsent, post) {
  // Escape during an input method's composition does not close the dialog.
  const keydown = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && isComposed(event) && event.preventDefault();
  const dialog = h("dialog", { class: "dialog help", "aria-labelledby": "help-heading", keydown });
  const ask = (/** @type {Phrase} */ { title, content, isEmergency }) => {
    dialog.close();
    const draft = { type: /** @type {const} */ ("create_support_conversation"), title, content };
    post(isEmergency ? { ...draft, room_type: "emergency_support" } : draft);
  };
  const button = (/** @type {Phrase} */ phrase) =>
    h(
      "button",
      { type: "button", class: phrase.isEmergency ? "phrase emergency" : "phrase", click: () => ask(phrase) },
      h("strong", {}, phrase.title),
      h("span", {}, phrase.content),
    );
  const close = h("button", { type: "button", class: "close", click: () => dialog.close() }, t("app.close"));
  dialog.append(
    h("div", { class: "dialog-head" }, h("h2", { id: "help-heading" }, t("help.heading")), close),
    ...emergencies().map(button),
    h("div", { class: "phrases" }, ...requestsOf(role).map(button)),
    ownWords(unsent, ask),
    languageChoice(),
  );
  return dialog;
}

/**
 * @param {import("./unsent.js").Unsent} unsent
 * @param {(phrase: Phrase) => void} ask
 */
function ownWords(unsent, ask) {
  const keep = () => unsent.set(OWN_WORDS, input.value);
  const input = h("textarea", { id: "own-words", rows: 2, dir: "auto", input: keep });
  const { note, fits } = limited(input);
  input.value = unsent.get(OWN_WORDS);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const content = input.value.trim();
    if (content === "" || !fits()) return input.focus();
    input.value = "";
    keep();
    const line = content.split("\n")[0] ?? "";
    ask({ title: line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1)}…` : line, content });
  };
  return h(
    "form",
    { class: "own-words", submit },
    h("label", { for: "own-words" }, t("help.own_words")),
    input,
    note,
    h("button", { type: "submit", class: "primary" }, t("composer.send")),
  );
}
