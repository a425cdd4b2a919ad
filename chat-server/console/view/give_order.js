// Control gives an order: what to do, the answers to choose from, and the time to answer.

import { t } from "../language.js";
import { h, hide, isComposed, say, set } from "./dom.js";
import { limited } from "./limited.js";
import { timeLeft } from "./words.js";

/** @typedef {import("../session.js").Session} Session */

/** Most answers of an order, and the most characters of each (protocol, orders). */
const MOST = 4;
const LONGEST = 40;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The times to choose from, between the limits of the protocol. */
const TIMES = Object.freeze([10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR]);

/** The time that is chosen at first, as the server's own. */
const USUAL = 5 * MINUTE;

/** The ready sets of answers, and those of the user's own words. */
const SETS = Object.freeze(
  /** @type {const} */ ([
    ["understood", "give.understood"],
    ["yes-no", "give.yes_no"],
    ["own", "give.own"],
  ]),
);

export class GiveOrderDialog {
  #session;
  /** @type {string | null} */
  #id = null;
  #text = h("textarea", { id: "give-text", rows: 3, dir: "auto", input: () => this.#keep() });
  #fits;
  #own = h("div", { class: "own-answers" });
  #within = h("select", { id: "give-within" });
  #problem = h("p", { class: "problem", role: "alert" });

  /**
   * @param {Session} session
   * @param {() => void} closed the text may have changed, which is that of the message field
   */
  constructor(session, closed) {
    this.#session = session;
    const { note, fits } = limited(this.#text);
    this.#fits = fits;
    this.#within.append(...TIMES.map((time) => h("option", { value: time }, timeLeft(time))));
    this.#own.append(...Array.from({ length: MOST }, (_, place) => ownAnswer(place + 1)));
    this.element = this.#dialog(note, closed);
  }

  /** @param {string} id the conversation */
  open(id) {
    this.#id = id;
    this.#text.value = this.#session.unsent.get(id);
    this.#fits();
    this.#within.value = String(USUAL);
    for (const input of this.element.querySelectorAll("input")) Object.assign(input, input.type === "radio" ? { checked: input.value === "understood" } : { value: "" });
    this.#chosen();
    say(this.#problem, "");
    this.element.showModal();
    this.#text.focus();
  }

  /** @param {HTMLElement} note @param {() => void} closed */
  #dialog(note, closed) {
    // Escape during an input method's composition does not close the dialog.
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      if (isComposed(event)) event.preventDefault();
    };
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#send();
    };
    const close = h("button", { type: "button", click: () => this.element.close() }, t("app.close"));
    const sets = SETS.map(([value, words]) => h("label", {}, h("input", { type: "radio", name: "give-set", value, change: () => this.#chosen() }), t(words)));
    const form = h(
      "form",
      { submit },
      h("div", {}, h("label", { for: "give-text" }, t("give.text")), this.#text, note),
      h("fieldset", {}, h("legend", {}, t("give.answers")), h("div", { class: "answer-sets" }, ...sets), this.#own),
      h("div", {}, h("label", { for: "give-within" }, t("give.within")), this.#within),
      this.#problem,
      h("div", { class: "dialog-buttons" }, h("button", { type: "submit", class: "primary" }, t("give.send"))),
    );
    const head = h("div", { class: "dialog-head" }, h("h2", { id: "give-heading" }, t("give.heading")), close);
    return h("dialog", { class: "dialog give", "aria-labelledby": "give-heading", keydown, close: closed }, head, h("p", { class: "hint" }, t("give.hint")), form);
  }

  get #set() {
    return /** @type {HTMLInputElement | null} */ (this.element.querySelector("input[name='give-set']:checked"))?.value;
  }

  #chosen() {
    hide(this.#own, this.#set !== "own");
  }

  /** @returns {string[]} */
  get #answers() {
    if (this.#set === "understood") return [t("phrase.understood")];
    if (this.#set === "yes-no") return [t("phrase.yes"), t("phrase.no")];
    return [...this.#own.querySelectorAll("input")].map(({ value }) => value.trim()).filter((answer) => answer !== "");
  }

  #send() {
    const [content, answers] = [this.#text.value.trim(), this.#answers];
    const isChoice = answers.length > 0 && new Set(answers).size === answers.length;
    const lacks = content === "" ? t("give.lacks_text") : isChoice ? "" : t("give.lacks_answers");
    say(this.#problem, lacks);
    set(this.#text, "aria-invalid", content === "");
    if (this.#id === null || lacks !== "" || !this.#fits()) return;
    if (this.#session.client.machine.sending.isFull) return say(this.#problem, t("shell.too_many"));
    const draft = /** @type {const} */ ({ type: "send_chat_message", conversation_id: this.#id, content });
    this.#session.client.handle({ kind: "post", draft: { ...draft, answers, answer_within_ms: Number(this.#within.value) }, at: Date.now() });
    this.#text.value = "";
    this.#keep();
    this.element.close();
  }

  #keep() {
    if (this.#id !== null) this.#session.unsent.set(this.#id, this.#text.value);
  }
}

/** @param {number} number */
function ownAnswer(number) {
  const words = t("give.own_number", { number });
  return h("input", { type: "text", maxlength: LONGEST, autocomplete: "off", dir: "auto", "aria-label": words, placeholder: words });
}
