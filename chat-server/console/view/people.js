// Finding people by name or id.

import { t } from "../language.js";
import { h, hidden, reconcile, say, set } from "./dom.js";
import { nameOf, roleOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Found} Found */

/** Pause between a key press and the search, in milliseconds. */
const PAUSE = 200;

/** A search field, and the people found, each with a button. */
export class PeopleSearch {
  #session;
  #side;
  #verb;
  #leaves;
  #choose;
  #input;
  #found = h("ul", { class: "people" });
  #note = h("p", { class: "hint", role: "status" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  /**
   * @param {Session} session
   * @param {{ id: string, label: string, verb: string, side: "control" | "field", choose: (person: Found) => void,
   *   leaves?: (person: Found) => boolean }} settings `verb`: what a press does, for screen readers; `leaves` says whether to leave
   *   a person out
   */
  constructor(session, { id, label, verb, side, choose, leaves = () => false }) {
    this.#session = session;
    this.#side = side;
    this.#verb = verb;
    this.#choose = choose;
    this.#leaves = leaves;
    this.#input = h("input", { id, type: "search", autocomplete: "off", spellcheck: "false", maxlength: 100, input: () => this.#typed() });
    this.element = h("div", { class: "people-search" }, h("label", { for: id }, label), this.#input, this.#found, this.#note);
  }

  /** Begins with an empty search. */
  start() {
    this.#input.value = "";
    this.#search();
  }

  focus() {
    this.#input.focus();
  }

  update() {
    const { people } = this.#session.client.machine;
    const shown = people.found.filter((person) => !this.#leaves(person));
    reconcile(this.#found, shown, ({ id }) => id, (person) => this.#make(person), (row, person) => this.#update(row, person));
    set(this.#found, "aria-busy", people.isSearching);
    say(this.#note, this.#words(shown.length, people));
  }

  #typed() {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#search(), PAUSE);
  }

  #search() {
    clearTimeout(this.#later);
    this.#session.client.handle({ kind: "people", find: this.#input.value.trim(), side: this.#side });
  }

  /** @param {Found} person */
  #make(person) {
    const parts = [h("span", { class: "person-name", dir: "auto" }), h("span", { class: "person-about" })];
    const press = () => {
      const known = this.#session.client.machine.people.found.find(({ id }) => id === person.id);
      if (known) this.#choose(known);
    };
    return h("li", {}, h("button", { type: "button", click: press }, hidden(`${this.#verb} `), ...parts));
  }

  /**
   * @param {HTMLElement} row
   * @param {Found} person
   */
  #update(row, person) {
    const [, name, about] = /** @type {HTMLElement[]} */ ([...(row.firstElementChild?.children ?? [])]);
    if (!name || !about) return;
    const called = nameOf(person, person.id);
    say(name, called);
    set(row, "data-connected", person.connected);
    const words = [called === person.id ? "" : person.id, roleOf(person), person.connected ? t("people.connected") : ""];
    say(about, words.filter((word) => word !== "").join(" · "));
  }

  /**
   * @param {number} count
   * @param {import("../machine/people.js").People} people
   */
  #words(count, people) {
    if (people.isSearching) return t(this.#session.client.machine.connection.link === null ? "people.no_connection" : "people.searching");
    if (count === 0) return t("people.nobody");
    return people.isMore ? t("people.more") : "";
  }
}
