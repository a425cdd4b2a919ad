// The help button and its phrases.

import { t } from "../language.js";
import { h, isComposed } from "./dom.js";
import { languageChoice } from "./language.js";
import { limited } from "./limited.js";

/** @typedef {import("../types.d.ts").Draft} Draft */
/** @typedef {import("./phrases.js").Phrase} Phrase */

/** Most characters of a title derived from the text. */
const LONGEST_TITLE = 60;

/** The key of the unsent text in the user's own words. */
const OWN_WORDS = "own-words";

/** The dialog with phrases. */
export class HelpDialog {
  #phrases;
  #post;
  #shown = "";
  #emergencies = h("div", { class: "emergencies" });
  #requests = h("div", { class: "phrases" });

  /**
   * @param {import("./phrases.js").PhraseBook} phrases
   * @param {import("./unsent.js").Unsent} unsent
   * @param {(draft: Draft) => void} post
   */
  constructor(phrases, unsent, post) {
    this.#phrases = phrases;
    this.#post = post;
    // Escape during an input method's composition does not close the dialog.
    const keydown = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && isComposed(event) && event.preventDefault();
    const close = h("button", { type: "button", class: "close", click: () => this.element.close() }, t("app.close"));
    this.element = h(
      "dialog",
      { class: "dialog help", "aria-labelledby": "help-heading", keydown },
      h("div", { class: "dialog-head" }, h("h2", { id: "help-heading" }, t("help.heading")), close),
      this.#emergencies,
      this.#requests,
      ownWords(unsent, (phrase) => this.#ask(phrase)),
      languageChoice(),
    );
    this.update();
  }

  /** Shows the phrases anew, unless they are the same: a press must not miss its button. */
  update() {
    const key = JSON.stringify([this.#phrases.emergencies, this.#phrases.requests]);
    if (key === this.#shown) return;
    this.#shown = key;
    const button = (/** @type {Phrase} */ phrase) => this.#button(phrase);
    this.#emergencies.replaceChildren(...this.#phrases.emergencies.map(button));
    this.#requests.replaceChildren(...this.#phrases.requests.map(button));
  }

  /** @param {Phrase} phrase */
  #button(phrase) {
    const parts = [h("strong", { dir: "auto" }, phrase.title), h("span", { dir: "auto" }, phrase.content)];
    const click = () => this.#ask(phrase);
    return h("button", { type: "button", class: phrase.isEmergency ? "phrase emergency" : "phrase", click }, ...parts);
  }

  /** @param {Phrase} phrase */
  #ask({ title, content, isEmergency }) {
    this.element.close();
    const draft = { type: /** @type {const} */ ("create_support_conversation"), title, content };
    this.#post(isEmergency ? { ...draft, room_type: "emergency_support" } : draft);
  }
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
