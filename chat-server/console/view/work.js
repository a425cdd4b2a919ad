// The work on the open conversation: who has it, since when, and what the user may do.

import { h, hide, reconcile, say, set } from "./dom.js";
import { announce } from "./shell.js";
import { nameOf, whenOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Work} Work */
/** @typedef {import("../types.d.ts").WorkAction} WorkAction */

/** @type {Record<Offered, string>} */
const WORDS = { take: "Take", release: "Hand back", resolve: "Resolve", reopen: "Reopen" };

/** @typedef {Exclude<WorkAction, "transfer">} Offered */

export class WorkBar {
  #session;
  #state = h("p", { class: "work-state" });
  #actions = h("div", { class: "work-actions" });
  /** @type {Conversation | undefined} */
  #shown;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.element = h("div", { class: "work", hidden: true }, this.#state, this.#actions);
  }

  /** @param {Conversation | undefined} one */
  update(one) {
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
      (action) => h("button", { type: "button", click: () => this.#act(action) }, WORDS[action]),
      (button) => set(button, "aria-disabled", isPending),
    );
  }

  /** Tells who has the conversation that the user wanted to change. @param {string} id */
  lost(id) {
    const work = this.#session.client.machine.conversations.get(id)?.work;
    if (work) announce(`Somebody else was faster. ${this.#words(work)}.`);
  }

  /** @param {Work} work */
  #words({ state, assignee, since, waiting_since }) {
    const who = assignee === this.#session.user.id ? "you" : assignee === null ? "nobody" : this.#name(assignee);
    const waits = waiting_since === null ? "" : ` · waits since ${whenOf(Date.parse(waiting_since) || 0)}`;
    if (state === "TAKEN") return `Taken by ${who}${waits}`;
    if (state === "RESOLVED") return `Resolved ${whenOf(Date.parse(since) || 0)}`;
    return `Not taken${waits}`;
  }

  /** @param {string} id */
  #name(id) {
    return nameOf(this.#session.client.machine.conversations.people.get(id), id);
  }

  /** @param {Work} work @returns {Offered[]} */
  #offered({ state, assignee }) {
    const { id, role } = this.#session.user;
    const isAdmin = role === "CONTROL_ADMIN";
    if (state === "RESOLVED") return ["reopen"];
    if (state === "WAITING") return isAdmin ? ["take", "resolve"] : ["take"];
    if (assignee === id) return ["release", "resolve"];
    return isAdmin ? ["take", "release", "resolve"] : [];
  }

  /** @param {Offered} action */
  #act(action) {
    const one = this.#shown;
    if (!one?.work || this.#session.client.machine.works.isPending(one.id)) return;
    this.#session.client.handle({ kind: "work", id: one.id, action, version: one.work.version });
  }
}
