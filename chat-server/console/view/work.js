// The work on the open conversation: who has it, since when, and what the user may do.

import { t } from "../language.js";
import { h, hide, reconcile, say, set } from "./dom.js";
import { announce } from "./shell.js";
import { nameOf, problemOf, whenOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Work} Work */
/** @typedef {import("../types.d.ts").WorkAction} WorkAction */

/** @type {Record<WorkAction, import("../language.js").Key>} */
const WORDS = { take: "work.take", transfer: "work.transfer", release: "work.release", resolve: "work.resolve", reopen: "work.reopen" };

export class WorkBar {
  #session;
  #handOver;
  #problem = h("p", { class: "problem", role: "status" });
  #state = h("p", { class: "work-state" });
  #actions = h("div", { class: "work-actions" });
  /** @type {Conversation | undefined} */
  #shown;

  /**
   * @param {Session} session
   * @param {(id: string) => void} handOver asks for a colleague
   */
  constructor(session, handOver) {
    this.#session = session;
    this.#handOver = handOver;
    this.element = h("div", { class: "work", hidden: true }, this.#state, this.#actions, this.#problem);
  }

  /** @param {Conversation | undefined} one */
  update(one) {
    if (one?.id !== this.#shown?.id) say(this.#problem, "");
    this.#shown = one;
    const work = one?.work;
    hide(this.element, !work);
    if (!one || !work) return;
    say(this.#state, this.#words(work));
    set(this.#state, "title", wholeTimeOf(Date.parse(work.since) || 0));
    set(this.element, "data-state", work.state);
    const isPending = this.#session.client.machine.works.isPending(one.id);
    reconcile(
      this.#actions,
      this.#offered(work),
      (action) => action,
      (action) => h("button", { type: "button", click: () => this.#act(action) }, t(WORDS[action])),
      (button) => set(button, "aria-disabled", isPending),
    );
  }

  /**
   * A change was refused. If another one was faster, tells who has the conversation.
   *
   * @param {{ id: string, error: string, code: string }} refusal
   */
  lost({ id, error, code }) {
    const work = this.#session.client.machine.conversations.get(id)?.work;
    const words = code === "conflict" && work ? t("work.lost", { state: this.#words(work) }) : `${problemOf(error, code)}.`;
    if (id === this.#shown?.id) say(this.#problem, words);
    else announce(words);
  }

  /** @param {Work} work */
  #words({ state, assignee, since, waiting_since }) {
    if (state === "RESOLVED") return t("work.resolved", { when: whenOf(Date.parse(since) || 0) });
    const words = state === "TAKEN" ? t("work.taken", { name: this.#who(assignee) }) : t("work.not_taken");
    return waiting_since === null ? words : t("work.waits", { state: words, when: whenOf(Date.parse(waiting_since) || 0) });
  }

  /** @param {string | null} id */
  #who(id) {
    if (id === null) return t("name.in_sentence_nobody");
    if (id === this.#session.user.id) return t("name.in_sentence_you");
    return nameOf(this.#session.client.machine.conversations.people.get(id), id);
  }

  /** @param {Work} work @returns {WorkAction[]} */
  #offered({ state, assignee }) {
    const { id, role } = this.#session.user;
    const isAdmin = role === "CONTROL_ADMIN";
    if (state === "RESOLVED") return ["reopen"];
    if (state === "WAITING") return isAdmin ? ["take", "transfer", "resolve"] : ["take"];
    if (assignee === id) return ["transfer", "release", "resolve"];
    return isAdmin ? ["take", "transfer", "release", "resolve"] : [];
  }

  /**
   * Acts by a key, if the work allows it.
   *
   * @param {WorkAction} action
   * @param {Conversation | undefined} one the open conversation by default
   */
  press(action, one = this.#shown) {
    if (!one?.work) return;
    if (this.#offered(one.work).includes(action)) this.#act(action, one);
    else announce(t("work.impossible", { action: t(WORDS[action]), state: this.#words(one.work) }));
  }

  /** @param {WorkAction} action @param {Conversation | undefined} [one] */
  #act(action, one = this.#shown) {
    if (!one?.work || this.#session.client.machine.works.isPending(one.id)) return;
    say(this.#problem, "");
    if (action === "transfer") return this.#handOver(one.id);
    this.#session.client.handle({ kind: "work", id: one.id, action, version: one.work.version });
  }
}
