// The list of conversations: emergencies apart, then the rows of the chosen list. No row moves
// while the pointer or the focus is in the list: a press must not meet another row.

import { t } from "../language.js";
import { Queue } from "../machine/queue.js";
import { h, hide, reconcile, say } from "./dom.js";
import { makeRow, updateAge, updateRow } from "./row.js";
import { WorkTabs } from "./work_tabs.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("./pace.js").Changes} Changes */

/** Pause between two updates of the ages, in milliseconds. */
const AGES = 10_000;

/** Time after which the rows move once they are left, in milliseconds: the click after a touch comes later than its end. */
const AFTER = 300;

export class List {
  #session;
  #show;
  #queue;
  #urgent = h("ul", { class: "rows" });
  #others = h("ul", { class: "rows" });
  #urgentPart = h("section", { class: "urgent", "aria-labelledby": "urgent-heading", hidden: true });
  #nothing = h("p", { class: "nothing" });
  #held = h("p", { class: "held", hidden: true }, t("list.held"));
  #element = h("div", { class: "list-rows" });
  /** The row of each conversation. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #tabs;
  #isPointedAt = false;
  /** Whether rows are to move once they are left. */
  #isPending = false;
  /** @type {string | null} */
  #open = null;

  /**
   * @param {import("../session.js").Session} session
   * @param {{ show: (id: string) => void, handOver: () => void, gone: AbortSignal }} settings `gone`: when it is shown no more
   */
  constructor(session, { show, handOver, gone }) {
    this.#session = session;
    this.#tabs = new WorkTabs(() => this.#place(null), handOver);
    this.#show = show;
    this.#queue = new Queue(session.user.id);
    this.#urgentPart.append(h("h2", { id: "urgent-heading" }, t("list.urgent")), this.#urgent);
    const heading = h("div", { class: "rows-head" }, h("h2", { id: "list-heading" }, t("list.label")), this.#held);
    this.#element.append(this.#urgentPart, h("section", { "aria-labelledby": "list-heading" }, heading, this.#others, this.#nothing));
    this.parts = [this.#tabs.element, this.#tabs.handOver, this.#element];
    this.#watch();
    const ages = setInterval(() => this.#updateAges(), AGES);
    gone.addEventListener("abort", () => clearInterval(ages));
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
    const isMoved = all || [...conversations].some((id) => this.#queue.isMoved(id, this.#conversations.get(id)));
    if (isMoved) this.#place(all ? null : changed, this.#isHeld);
    else for (const id of changed) this.#updateRow(id);
    say(this.#nothing, this.#nothingWords());
  }

  /** @param {string} id */
  focus(id) {
    const row = this.#rows.get(id);
    if (row?.isConnected) /** @type {HTMLElement | null} */ (row.firstElementChild)?.focus();
    else this.#tabs.focus();
  }

  /** Chooses a list. @param {import("../types.d.ts").WorkList} list */
  choose(list) {
    this.#tabs.choose(list);
  }

  /** The conversation of the row with the focus. */
  get focused() {
    const row = document.activeElement?.closest(".row");
    return row instanceof HTMLElement && this.#element.contains(row) ? (row.dataset.key ?? null) : null;
  }

  /** Moves the focus to the next row, or to a previous one. @param {1 | -1} by */
  step(by) {
    const shown = [...ids(this.#urgent), ...ids(this.#others)];
    const place = shown.indexOf(this.focused ?? this.#open ?? "");
    const next = shown[place < 0 ? 0 : Math.min(Math.max(place + by, 0), shown.length - 1)];
    if (next !== undefined) this.focus(next);
  }

  get #conversations() {
    return this.#session.client.machine.conversations;
  }

  #nothingWords() {
    if (!this.#conversations.isListed) return t("app.loading");
    return t(this.#conversations.all.size === 0 ? "list.none" : "list.nothing");
  }

  // The hold.

  #watch() {
    const element = this.#element;
    let leaving = 0;
    element.addEventListener("pointerenter", () => {
      clearTimeout(leaving);
      this.#isPointedAt = true;
    });
    element.addEventListener("pointerleave", () => {
      leaving = setTimeout(() => {
        this.#isPointedAt = false;
        this.#release();
      }, AFTER);
    });
    element.addEventListener("focusout", () => setTimeout(() => this.#release()));
  }

  get #isHeld() {
    const isEmpty = this.#urgent.childElementCount + this.#others.childElementCount === 0;
    return !isEmpty && (this.#isPointedAt || this.#element.contains(document.activeElement));
  }

  #release() {
    if (this.#isPending && !this.#isHeld) this.#place(null);
  }

  // The rows.

  /**
   * Moves each row to its place. If the list is held, rows stay, and new ones come last.
   *
   * @param {Set<string> | null} changed the rows to show anew; all by default
   * @param {boolean} [isHeld]
   */
  #place(changed, isHeld = false) {
    const { urgent, rows, counts } = this.#queue.arrange(this.#conversations.all.values(), this.#tabs.chosen);
    const make = (/** @type {string} */ id) => this.#rows.get(id) ?? this.#makeRow(id);
    const update = (/** @type {HTMLElement} */ _, /** @type {string} */ id) => {
      if (changed === null || changed.has(id)) this.#updateRow(id);
    };
    const kept = isHeld ? { urgent: ids(this.#urgent), rows: ids(this.#others) } : null;
    const others = kept ? heldRows(kept, rows.map(({ id }) => id)) : rows.map(({ id }) => id);
    reconcile(this.#urgent, kept?.urgent ?? urgent.map(({ id }) => id), (id) => id, make, update);
    reconcile(this.#others, others, (id) => id, make, update);
    this.#isPending = kept !== null && (`${kept.urgent}` !== `${urgent.map(({ id }) => id)}` || `${others}` !== `${rows.map(({ id }) => id)}`);
    hide(this.#held, !this.#isPending);
    this.#tabs.update(counts);
    hide(this.#urgentPart, this.#urgent.childElementCount === 0);
    hide(this.#nothing, others.length > 0 || (urgent.length > 0 && this.#conversations.isListed));
    for (const id of this.#rows.keys()) if (!this.#conversations.get(id)) this.#rows.delete(id);
  }

  /** @param {string} id */
  #makeRow(id) {
    const row = makeRow(() => this.#show(id));
    this.#rows.set(id, row);
    this.#updateRow(id);
    return row;
  }

  /** @param {string} id */
  #updateRow(id) {
    const [row, one] = [this.#rows.get(id), this.#conversations.get(id)];
    if (row && one) updateRow(row, one, this.#conversations, this.#session.user.id, id === this.#open);
  }

  #updateAges() {
    for (const id of [...ids(this.#urgent), ...ids(this.#others)]) {
      const [row, one] = [this.#rows.get(id), this.#conversations.get(id)];
      if (row && one) updateAge(row, one, this.#conversations);
    }
  }
}

/** The conversations of the rows that are shown, from the top. @param {HTMLElement} rows */
const ids = (rows) => [...rows.children].map((row) => /** @type {HTMLElement} */ (row).dataset.key ?? "");

/**
 * The rows of a held list: those that are shown, and new ones at the end.
 *
 * @param {{ urgent: string[], rows: string[] }} kept
 * @param {string[]} wanted
 */
function heldRows(kept, wanted) {
  const there = new Set([...kept.urgent, ...kept.rows]);
  return [...kept.rows, ...wanted.filter((id) => !there.has(id))];
}
