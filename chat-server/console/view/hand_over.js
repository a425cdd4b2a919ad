// Handing conversations over to a colleague: the open one, or all that is the user's.

import { t } from "../language.js";
import { listOf } from "../machine/works.js";
import { h, hide, isComposed, reconcile, say, set } from "./dom.js";
import { PeopleSearch } from "./people.js";
import { nameOf, titleOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../machine/handover.js").Item} Item */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Found} Found */

export class HandOverDialog {
  #session;
  /** The conversation to hand over, or `null` for all. @type {string | null} */
  #id = null;
  /** The chosen colleague. @type {Found | null} */
  #to = null;
  /** Whether the conversations are on their way, or were. */
  #isBegun = false;
  #search;
  #heading = h("h2", { id: "hand-over-heading" });
  #question = h("p", {});
  #confirm = h("div", { class: "dialog-buttons" });
  #progress = h("progress", { "aria-label": t("hand_over.done") });
  #state = h("p", { role: "status" });
  #failed = h("ul", { class: "failed", "aria-label": t("hand_over.not_done") });
  #stop = h("button", { type: "button", click: () => this.#session.client.handle({ kind: "hand_over_stop" }) }, t("hand_over.stop"));
  #run;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.#search = new PeopleSearch(session, {
      id: "hand-over-find",
      label: t("hand_over.find"),
      verb: t("hand_over.to"),
      side: "control",
      choose: (person) => this.#chosen(person),
      leaves: ({ id }) => id === session.user.id,
    });
    const back = h("button", { type: "button", click: () => this.#choose(null) }, t("hand_over.somebody_else"));
    this.#confirm.append(back, h("button", { type: "button", class: "primary", click: () => this.#begin() }, t("hand_over.begin")));
    this.#run = h("div", { class: "run" }, this.#state, this.#progress, this.#failed, h("div", { class: "dialog-buttons" }, this.#stop));
    // Escape during an input method's composition does not close the dialog.
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      if (isComposed(event)) event.preventDefault();
    };
    const close = h("button", { type: "button", click: () => this.element.close() }, t("app.close"));
    const head = h("div", { class: "dialog-head" }, this.#heading, close);
    const attributes = { class: "dialog hand-over", "aria-labelledby": "hand-over-heading", keydown };
    this.element = h("dialog", attributes, head, this.#search.element, this.#question, this.#confirm, this.#run);
  }

  /** Asks for a colleague. @param {string | null} id the conversation; all that is the user's by default */
  open(id = null) {
    this.#id = id;
    this.#to = null;
    say(this.#heading, t(id === null ? "hand_over.all" : "hand_over.one"));
    this.#isBegun = id === null && this.#handover.isRunning;
    this.element.showModal();
    if (this.#isBegun) this.update();
    else this.#choose(null);
  }

  update() {
    if (!this.element.open) return;
    hide(this.#search.element, this.#isBegun || this.#to !== null);
    hide(this.#question, this.#isBegun || this.#to === null);
    hide(this.#confirm, this.#isBegun || this.#to === null);
    hide(this.#run, !this.#isBegun);
    if (this.#isBegun) this.#showRun();
    else if (this.#to === null) this.#search.update();
    else say(this.#question, t("hand_over.question", { count: this.#mine.length, name: nameOf(this.#to, this.#to.id) }));
  }

  get #handover() {
    return this.#session.client.machine.handover;
  }

  /** The conversations of the user, emergencies first. */
  get #mine() {
    const all = [...this.#session.client.machine.conversations.all.values()];
    const mine = all.filter((one) => listOf(one.work, this.#session.user.id) === "mine");
    return mine.sort((one, other) => Number(other.isEmergency) - Number(one.isEmergency));
  }

  /** @param {Found} person */
  #chosen(person) {
    if (this.#id === null) return this.#choose(person);
    const work = this.#session.client.machine.conversations.get(this.#id)?.work;
    this.element.close();
    if (work) this.#session.client.handle({ kind: "work", id: this.#id, action: "transfer", version: work.version, to: person.id });
  }

  /** @param {Found | null} person */
  #choose(person) {
    this.#to = person;
    if (person === null) this.#search.start();
    this.update();
    if (person === null) this.#search.focus();
    else /** @type {HTMLElement} */ (this.#confirm.lastElementChild).focus();
  }

  #begin() {
    if (this.#to === null) return;
    this.#isBegun = true;
    this.#session.client.handle({ kind: "hand_over", ids: this.#mine.map(({ id }) => id), to: this.#to.id });
    this.update();
  }

  #showRun() {
    const { items, to, isRunning } = this.#handover;
    const done = items.filter(({ state }) => state === "done").length;
    const failed = items.filter(({ state }) => state === "failed");
    set(this.#progress, "max", Math.max(items.length, 1));
    set(this.#progress, "value", done + failed.length);
    const name = nameOf(this.#session.client.machine.conversations.people.get(to ?? ""), to ?? "");
    const rest = failed.length > 0 ? ` ${t("hand_over.failed", { count: failed.length })}` : "";
    say(this.#state, `${t("hand_over.progress", { done, all: items.length, name })}${rest}`);
    hide(this.#stop, !isRunning);
    reconcile(this.#failed, failed, ({ id }) => id, () => h("li", {}), (row, item) => say(row, this.#words(item)));
  }

  /** @param {Item} item */
  #words({ id, problem }) {
    const { conversations } = this.#session.client.machine;
    const one = conversations.get(id);
    const assignee = one?.work?.assignee;
    const holder = assignee ? t("hand_over.taken_by", { name: nameOf(conversations.people.get(assignee), assignee) }) : t("hand_over.not_yours");
    return `${titleOf(one?.title ?? "")}: ${problem || (one?.work?.state === "RESOLVED" ? t("hand_over.resolved") : holder)}`;
  }
}
