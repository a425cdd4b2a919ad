// The input field, and phrases that are sent at one click.

import { t } from "../language.js";
import { h, hide, isComposed, set } from "./dom.js";
import { limited } from "./limited.js";

export class Composer {
  #post;
  #types;
  #unsent;
  #phrases;
  #shown = "";
  #quick = h("div", { class: "quick", role: "group", "aria-label": t("composer.ready") });
  #input;
  #limit;
  /** @type {string | null} */
  #id = null;

  /**
   * `post` says whether it has taken a message.
   *
   * @param {{ phrases: Pick<import("./phrases.js").PhraseBook, "messages">, post: (content: string) => boolean,
   *   types: (is_typing: boolean) => void, unsent: import("./unsent.js").Unsent, field: { id: string, label: string, hint: string, send: string },
   *   giveOrder?: (id: string) => void }} settings
   */
  constructor({ phrases, post, types, unsent, field, giveOrder }) {
    this.#post = post;
    this.#types = types;
    this.#unsent = unsent;
    this.#phrases = phrases;
    this.#input = h("textarea", {
      id: field.id,
      rows: 1,
      dir: "auto",
      placeholder: field.hint,
      autocomplete: "off",
      enterkeyhint: "send",
      input: () => this.#edited(),
      keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    });
    this.#limit = limited(this.#input);
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#send();
    };
    const label = h("label", { class: "hidden", for: field.id }, field.label);
    const order = giveOrder && h("button", { type: "button", class: "give-button", click: () => this.#id !== null && giveOrder(this.#id) }, t("give.open"));
    const send = h("button", { type: "submit", class: "primary" }, field.send);
    this.element = h(
      "div",
      { class: "composer" },
      this.#quick,
      this.#limit.note,
      h("form", { submit }, label, this.#input, order, send),
    );
    this.update();
  }

  /** Shows the ready texts anew, unless they are the same: a press must not miss its button. */
  update() {
    const shown = this.#phrases.messages;
    const key = JSON.stringify(shown);
    if (key === this.#shown) return;
    this.#shown = key;
    hide(this.#quick, shown.length === 0);
    const press = (/** @type {string} */ content) => this.#post(content);
    this.#quick.replaceChildren(
      ...shown.map(({ title, content }) => h("button", { type: "button", dir: "auto", click: () => press(content) }, title)),
    );
  }

  /** Shows another conversation, with its unsent text. @param {string | null} id */
  show(id) {
    this.#id = id;
    this.#input.value = id === null ? "" : this.#unsent.get(id);
    this.#limit.fits();
    this.#fit();
  }

  focus() {
    this.#input.focus();
  }

  #edited() {
    this.#fit();
    if (this.#id !== null) this.#unsent.set(this.#id, this.#input.value);
    this.#types(this.#input.value.trim() !== "");
  }

  /** Fits the field's height to its text, within bounds. */
  #fit() {
    const lines = this.#input.value.split("\n").length;
    set(this.#input, "rows", Math.min(Math.max(lines, Math.ceil(this.#input.value.length / 60)), 6) || 1);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || isComposed(event)) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const content = this.#input.value;
    // A refused text stays in the field.
    if (content.trim() === "" || !this.#limit.fits() || !this.#post(content)) return;
    this.#input.value = "";
    if (this.#id !== null) this.#unsent.set(this.#id, "");
    this.#fit();
    this.focus();
  }
}
