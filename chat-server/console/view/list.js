// The list of conversations: emergencies apart, both parts ordered by activity. Conversations that
// wait are ordered by the beginning of the waiting.

import { h, hidden, hide, reconcile, say, set } from "./dom.js";
import { listOf } from "../machine/works.js";
import { ROLES, counted, nameOf, titleOf, whenOf, wholeTimeOf } from "./words.js";
import { WorkTabs } from "./work_tabs.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("./pace.js").Changes} Changes */

/** Time after its last message for which an emergency stays on top. */
const URGENT_FOR = 8 * 60 * 60_000;

/** Time after which the order is computed anew, because an emergency may have aged; in milliseconds. */
const PLACED_FOR = 60_000;

export class List {
  #session;
  #show;
  #urgent = h("ul", { class: "rows" });
  #others = h("ul", { class: "rows" });
  #urgentPart = h("section", { class: "urgent", "aria-labelledby": "urgent-heading", hidden: true });
  #nothing = h("p", { class: "nothing" });
  /** The row of each conversation. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** The sorting key of each row. @type {Map<string, string>} */
  #places = new Map();
  #placedAt = -Infinity;
  #tabs = new WorkTabs(() => this.#place(new Set()));
  /** @type {string | null} */
  #open = null;

  /**
   * @param {import("../session.js").Session} session
   * @param {(id: string) => void} show
   */
  constructor(session, show) {
    this.#session = session;
    this.#show = show;
    this.#urgentPart.append(h("h2", { id: "urgent-heading" }, "Emergencies"), this.#urgent);
    const heading = h("h2", { id: "list-heading" }, "Conversations");
    this.parts = [this.#tabs.element, this.#urgentPart, h("section", { "aria-labelledby": "list-heading" }, heading, this.#others, this.#nothing)];
  }

  /**
   * Shows the changes.
   *
   * @param {Pick<Changes, "all" | "conversations" | "typing">} changes
   * @param {string | null} open
   */
  update({ all, conversations, typing }, open) {
    const changed = new Set([...conversations, ...typing]);
    if (open !== this.#open) for (const id of [open, this.#open]) if (id !== null) changed.add(id);
    this.#open = open;
    const isOld = performance.now() - this.#placedAt > PLACED_FOR;
    if (all || isOld || [...conversations].some((id) => this.#isMoved(id))) this.#place(all ? null : changed);
    else for (const id of changed) this.#updateRow(id);
    say(this.#nothing, this.#machine.conversations.isListed ? "No conversation yet. New requests appear here." : "Loading…");
  }

  /** @param {string} id */
  focus(id) {
    /** @type {HTMLElement | null | undefined} */ (this.#rows.get(id)?.firstElementChild)?.focus();
  }

  get #machine() {
    return this.#session.client.machine;
  }

  /** @param {Conversation} one */
  #isUrgent(one) {
    const age = this.#machine.conversations.timeAt(performance.now()) - one.movedAt;
    return one.isEmergency && (one.unread > 0 || age < URGENT_FOR);
  }

  /** @param {Conversation} one */
  #placeOf(one) {
    return `${one.movedAt} ${this.#isUrgent(one)} ${this.#listOf(one)} ${one.work?.waiting_since}`;
  }

  /** @param {Conversation} one */
  #listOf(one) {
    return listOf(one.work, this.#session.user.id);
  }

  /** @param {string} id */
  #isMoved(id) {
    const one = this.#machine.conversations.get(id);
    return this.#places.get(id) !== (one && this.#placeOf(one));
  }

  /** Moves each row to its place. @param {Set<string> | null} changed the rows to show anew; all by default */
  #place(changed) {
    const all = this.#machine.conversations.byActivity();
    this.#placedAt = performance.now();
    this.#places = new Map(all.map((one) => [one.id, this.#placeOf(one)]));
    for (const id of this.#rows.keys()) if (!this.#places.has(id)) this.#rows.delete(id);
    const make = (/** @type {Conversation} */ one) => this.#rows.get(one.id) ?? this.#makeRow(one);
    const update = (/** @type {HTMLElement} */ _, /** @type {Conversation} */ { id }) => {
      if (changed === null || changed.has(id)) this.#updateRow(id);
    };
    const urgent = all.filter((one) => this.#isUrgent(one));
    reconcile(this.#urgent, urgent, (one) => one.id, make, update);
    reconcile(this.#others, this.#chosen(all), (one) => one.id, make, update);
    this.#count(all);
    hide(this.#urgentPart, urgent.length === 0);
    hide(this.#nothing, all.length > 0);
  }

  /** The holder of the conversation, in words. @param {Conversation} one */
  #taken(one) {
    const list = this.#listOf(one);
    if (list === "mine") return " · yours";
    if (list === "resolved") return " · resolved";
    if (list === "waiting" || !one.work?.assignee) return "";
    return ` · ${nameOf(this.#machine.conversations.people.get(one.work.assignee), one.work.assignee)}`;
  }

  /** The conversations of the chosen list, without emergencies. @param {Conversation[]} all */
  #chosen(all) {
    const { chosen } = this.#tabs;
    const rest = all.filter((one) => !this.#isUrgent(one) && (chosen === "all" || this.#listOf(one) === chosen));
    return chosen === "waiting" ? rest.sort((one, other) => waitsSince(one) - waitsSince(other)) : rest;
  }

  /** @param {Conversation[]} all */
  #count(all) {
    const counts = { waiting: 0, mine: 0, others: 0, resolved: 0 };
    for (const one of all) counts[this.#listOf(one)] += 1;
    this.#tabs.update(counts);
  }

  /** @param {Conversation} one */
  #makeRow({ id }) {
    const part = (/** @type {string} */ name) => h("span", { class: name });
    const parts = ["row-title", "row-when", "row-who", "row-last", "row-badge"].map(part);
    const row = h("li", { class: "row" }, h("button", { type: "button", click: () => this.#show(id) }, ...parts));
    this.#rows.set(id, row);
    this.#updateRow(id);
    return row;
  }

  /** @param {string} id */
  #updateRow(id) {
    const [element, one] = [this.#rows.get(id), this.#machine.conversations.get(id)];
    const button = /** @type {HTMLElement | null | undefined} */ (element?.firstElementChild);
    if (!element || !button || !one) return;
    const { people } = this.#machine.conversations;
    const [title, when, who, last, badge] = /** @type {HTMLElement[]} */ ([...button.children]);
    if (!title || !when || !who || !last || !badge) return;
    set(element, "data-unread", one.unread > 0);
    set(element, "data-emergency", one.isEmergency);
    set(button, "aria-current", one.id === this.#open);
    say(title, titleOf(one.title));
    say(when, one.lastAt > 0 ? whenOf(one.lastAt) : "");
    set(when, "title", one.lastAt > 0 ? wholeTimeOf(one.lastAt) : null);
    const creator = people.get(one.created_by);
    const role = creator ? ` · ${ROLES[creator.role]}` : "";
    say(who, `${nameOf(creator, one.created_by)}${role}${this.#taken(one)}`);
    set(element, "data-work", this.#listOf(one));
    say(last, lastWords(one, this.#session.user.id));
    if (badge.dataset.count === String(one.unread)) return;
    badge.dataset.count = String(one.unread);
    badge.replaceChildren(...(one.unread > 0 ? [counted(one.unread), hidden(" unread")] : []));
  }
}

/** The time since which field staff waits; those that nobody waits for come last. @param {Conversation} one */
function waitsSince(one) {
  const since = Date.parse(one.work?.waiting_since ?? "");
  return Number.isNaN(since) ? Infinity : since;
}

/**
 * @param {Conversation} one
 * @param {string} me
 */
function lastWords(one, me) {
  if ([...one.typing.keys()].some((id) => id !== me)) return "typing…";
  return one.last ? `${one.last.sender_id === me ? "You: " : ""}${one.last.content}` : "";
}
