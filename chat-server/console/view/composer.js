// The field to write in, and phrases that are sent at one click.

import { h, set } from "./dom.js";

/** Most characters of a message (protocol, limits). The browser counts no fewer than the server does. */
const LONGEST = 4_000;

export class Composer {
  #post;
  #types;
  #input = h("textarea", {
    id: "message",
    rows: 1,
    maxlength: LONGEST,
    placeholder: "Write a message",
    autocomplete: "off",
    enterkeyhint: "send",
    input: () => this.#edited(),
    keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
  });
  /** What is written and not sent, of each conversation. @type {Map<string, string>} */
  #unsent = new Map();
  /** @type {string | null} */
  #id = null;

  /**
   * `post` says whether it has taken a message.
   *
   * @param {{ phrases: readonly string[], post: (content: string) => boolean, types: (is_typing: boolean) => void }} settings
   */
  constructor({ phrases, post, types }) {
    this.#post = post;
    this.#types = types;
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#send();
    };
    const quick = phrases.map((phrase) => h("button", { type: "button", click: () => post(phrase) }, phrase));
    const label = h("label", { class: "hidden", for: "message" }, "Message");
    const send = h("button", { type: "submit", class: "primary" }, "Send");
    this.element = h(
      "div",
      { class: "composer" },
      quick.length > 0 && h("div", { class: "quick", role: "group", "aria-label": "Ready answers" }, ...quick),
      h("form", { submit }, label, this.#input, send),
    );
  }

  /** Another conversation is shown. What was written in the one before is kept for it. @param {string | null} id */
  clear(id) {
    if (this.#id !== null && this.#input.value !== "") this.#unsent.set(this.#id, this.#input.value);
    else if (this.#id !== null) this.#unsent.delete(this.#id);
    this.#id = id;
    this.#input.value = this.#unsent.get(id ?? "") ?? "";
    this.#fit();
  }

  focus() {
    this.#input.focus();
  }

  #edited() {
    this.#fit();
    this.#types(this.#input.value.trim() !== "");
  }

  /** As many lines as are written, within bounds. */
  #fit() {
    const lines = this.#input.value.split("\n").length;
    set(this.#input, "rows", Math.min(Math.max(lines, Math.ceil(this.#input.value.length / 60)), 6) || 1);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const content = this.#input.value;
    // What is not taken stays where it was written.
    if (content.trim() === "" || !this.#post(content)) return;
    this.#input.value = "";
    this.#fit();
    this.focus();
  }
}
