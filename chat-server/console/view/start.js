// Control speaks first: the dialog that starts a conversation.

import { t } from "../language.js";
import { LIMITS } from "../machine/limits.js";
import { h, hidden, isComposed, reconcile, say, set } from "./dom.js";
import { limited } from "./limited.js";
import { PeopleSearch } from "./people.js";
import { nameOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Draft} Draft */
/** @typedef {import("../types.d.ts").Person} Person */

/** Most characters of a title (protocol, limits). */
const LONGEST_TITLE = 200;

/** The keys of the unsent parts, which survive a reload. */
const PLACES = { to: "start-to", title: "start-title", content: "start-content" };

export class StartDialog {
  #session;
  #post;
  /** The addressees, in the order of their choice. @type {Map<string, Pick<Person, "id" | "first_name" | "last_name">>} */
  #chosen = new Map();
  #search;
  #to = h("ul", { class: "chosen", "aria-label": t("start.to") });
  #title;
  #content;
  #fits;
  #problem = h("p", { class: "problem", id: "start-problem", role: "alert" });

  /**
   * @param {Session} session
   * @param {(draft: Draft) => void} post
   */
  constructor(session, post) {
    this.#session = session;
    this.#post = post;
    this.#search = new PeopleSearch(session, {
      id: "start-find",
      label: t("start.find"),
      verb: t("start.add"),
      side: "field",
      choose: (person) => this.#add(person),
      leaves: ({ id }) => this.#chosen.has(id),
    });
    const keep = () => this.#keep();
    this.#title = h("input", { id: "start-title", type: "text", maxlength: LONGEST_TITLE, autocomplete: "off", dir: "auto", input: keep });
    this.#content = h("textarea", { id: "start-content", rows: 3, dir: "auto", input: keep });
    const { note, fits } = limited(this.#content);
    this.#fits = fits;
    this.element = this.#dialog(note);
    this.#restore();
  }

  open() {
    this.element.showModal();
    this.#search.start();
    this.#search.focus();
    this.#show();
  }

  /** Shows the people found. */
  update() {
    if (this.element.open) this.#search.update();
  }

  /** @param {HTMLElement} note */
  #dialog(note) {
    // Escape during an input method's composition does not close the dialog.
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      if (isComposed(event)) event.preventDefault();
    };
    const close = h("button", { type: "button", click: () => this.element.close() }, t("app.close"));
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#send();
    };
    const fields = [
      h("div", {}, h("label", { for: "start-title" }, t("start.title")), this.#title),
      h("div", {}, h("label", { for: "start-content" }, t("start.text")), this.#content, note),
    ];
    const send = h("div", { class: "dialog-buttons" }, h("button", { type: "submit", class: "primary" }, t("start.begin")));
    return h(
      "dialog",
      { class: "dialog start", "aria-labelledby": "start-heading", keydown },
      h("div", { class: "dialog-head" }, h("h2", { id: "start-heading" }, t("start.heading")), close),
      this.#to,
      this.#search.element,
      h("form", { submit }, ...fields, this.#problem, send),
    );
  }

  /** @param {Person} person */
  #add({ id, first_name, last_name }) {
    if (this.#chosen.size >= LIMITS.addressees) return say(this.#problem, t("start.most", { count: LIMITS.addressees }));
    this.#chosen.set(id, { id, first_name, last_name });
    this.#keep();
    this.#show();
    this.#search.focus();
  }

  /** @param {string} id */
  #remove(id) {
    this.#chosen.delete(id);
    this.#keep();
    this.#show();
    this.#search.focus();
  }

  #show() {
    say(this.#problem, "");
    reconcile(
      this.#to,
      this.#chosen.values(),
      ({ id }) => id,
      (person) => {
        const name = h("span", { dir: "auto" }, nameOf(/** @type {Person} */ (person), person.id));
        const cross = h("span", { "aria-hidden": "true" }, "×");
        return h("li", {}, h("button", { type: "button", click: () => this.#remove(person.id) }, hidden(`${t("start.remove")} `), name, " ", cross));
      },
      () => {},
    );
    this.#search.update();
  }

  #send() {
    const [title, content] = [this.#title.value.trim(), this.#content.value.trim()];
    const lacks = this.#chosen.size === 0 ? t("start.lacks_people") : title === "" ? t("start.lacks_title") : content === "" ? t("start.lacks_text") : "";
    say(this.#problem, lacks);
    set(this.#title, "aria-invalid", lacks !== "" && title === "");
    if (lacks !== "" || !this.#fits()) return;
    if (this.#session.client.machine.sending.isFull) return say(this.#problem, t("shell.too_many"));
    this.element.close();
    this.#post({ type: "start_conversation", to: [...this.#chosen.keys()], title, content });
    this.#chosen.clear();
    this.#title.value = this.#content.value = "";
    this.#keep();
  }

  #keep() {
    const { unsent } = this.#session;
    unsent.set(PLACES.to, this.#chosen.size === 0 ? "" : JSON.stringify([...this.#chosen.values()]));
    unsent.set(PLACES.title, this.#title.value);
    unsent.set(PLACES.content, this.#content.value);
  }

  #restore() {
    const { unsent } = this.#session;
    this.#title.value = unsent.get(PLACES.title);
    this.#content.value = unsent.get(PLACES.content);
    for (const person of parsed(unsent.get(PLACES.to))) this.#chosen.set(person.id, person);
  }
}

/**
 * Kept addressees. Nobody, if the text is of another version.
 *
 * @param {string} text
 * @returns {Pick<Person, "id" | "first_name" | "last_name">[]}
 */
function parsed(text) {
  try {
    const people = JSON.parse(text || "[]");
    return Array.isArray(people) ? people.filter((person) => typeof person?.id === "string") : [];
  } catch {
    return [];
  }
}
