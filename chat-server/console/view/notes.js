// The notes of control beside the open conversation: for colleagues alone, never for field staff.

import { t } from "../language.js";
import { notesOf } from "../machine/notes.js";
import { h, hide, isComposed, say, set } from "./dom.js";
import { Thread } from "./thread.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */

/** Notes have no ready texts. */
const NO_PHRASES = Object.freeze({ messages: [] });

export class Notes {
  #thread;
  /** The open conversation. @type {string | null} */
  #beside = null;
  #isShown = false;
  #parts;
  /** Opens and closes the notes. */
  button = h("button", { type: "button", class: "notes-button", "aria-controls": "notes", "aria-expanded": false, click: () => this.toggle() });
  element;

  /**
   * @param {import("../session.js").Session} session
   * @param {AbortSignal} gone when they are shown no more
   */
  constructor(session, gone) {
    this.#thread = new Thread(session, { phrases: NO_PHRASES, gone, areNotes: true });
    const close = h("button", { type: "button", click: () => this.#close() }, t("app.close"));
    const head = h("div", { class: "notes-head" }, h("h3", { id: "notes-heading" }, t("notes.heading")), close);
    const key = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    const attributes = { class: "notes", id: "notes", "aria-labelledby": "notes-heading", hidden: true, keydown: key };
    this.#parts = [head, this.#thread.element];
    this.element = h("section", attributes);
  }

  /** Another conversation is open, or none. @param {string | null} id */
  show(id) {
    if (this.#beside === id) return;
    this.#beside = id;
    this.#showNotes(false);
  }

  /** A conversation exists no more. @param {string} id */
  gone(id) {
    if (this.#beside !== null && id === notesOf(this.#beside)) this.#showNotes(false);
  }

  toggle() {
    if (this.#isShown) return this.#close();
    this.#showNotes(true);
    this.#thread.focus();
  }

  #close() {
    this.#showNotes(false);
    this.button.focus();
  }

  /** @param {boolean} isShown */
  #showNotes(isShown) {
    this.#isShown = isShown && this.#beside !== null;
    this.#thread.show(this.#isShown && this.#beside !== null ? notesOf(this.#beside) : null);
    this.element.replaceChildren(...(this.#isShown ? this.#parts : []));
    hide(this.element, !this.#isShown);
    set(this.button, "aria-expanded", this.#isShown);
  }

  /**
   * Shows the changes.
   *
   * @param {Parameters<Thread["update"]>[0]} changes
   * @param {Conversation | undefined} beside the open conversation
   */
  update(changes, beside) {
    this.#thread.update(changes);
    if (!beside) return;
    const { hasNotes, newNotes } = beside;
    set(this.button, "data-new", newNotes > 0);
    say(this.button, newNotes > 0 ? t("notes.new", { count: newNotes }) : t(hasNotes ? "notes.open" : "notes.first"));
  }

  /** Escape closes the notes, and not the conversation. @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Escape" || isComposed(event)) return;
    event.stopPropagation();
    this.#close();
  }
}
