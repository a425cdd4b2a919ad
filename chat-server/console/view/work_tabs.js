// The choice among the lists by work, each with its number of conversations.

import { inTab } from "../kept.js";
import { form, t } from "../language.js";
import { h, hide, say, set } from "./dom.js";

/** @typedef {import("../types.d.ts").WorkList} WorkList */

const TABS = /** @type {[WorkList | "all", import("../language.js").Key][]} */ ([
  ["waiting", "list.waiting"],
  ["mine", "list.mine"],
  ["others", "list.others"],
  ["resolved", "list.resolved"],
  ["all", "list.all"],
]);

/** The key under which the choice survives a reload. */
const KEPT = "chat-work-list";

export class WorkTabs {
  /** The chosen list. @type {WorkList | "all"} */
  chosen = "waiting";
  #buttons;
  #changed;

  /**
   * @param {() => void} changed
   * @param {() => void} handOver
   */
  constructor(changed, handOver) {
    this.#changed = changed;
    const kept = inTab.get(KEPT);
    this.chosen = TABS.find(([list]) => list === kept)?.[0] ?? "waiting";
    this.#buttons = TABS.map(([list, words]) => {
      const press = () => this.choose(list);
      const button = h("button", { type: "button", class: "toggle", "data-work-list": list, click: press }, t(words));
      return { list, words: t(words), button };
    });
    const buttons = this.#buttons.map(({ button }) => button);
    /** Hands over all that is the user's. */
    this.handOver = h("button", { type: "button", class: "hand-over-button", hidden: true, click: handOver }, t("list.hand_over"));
    this.element = h("div", { class: "work-tabs", role: "group", "aria-label": t("list.by_work") }, ...buttons);
  }

  /** @param {WorkList | "all"} list */
  choose(list) {
    this.chosen = list;
    inTab.set(KEPT, list);
    this.#changed();
  }

  focus() {
    this.#buttons.find(({ list }) => list === this.chosen)?.button.focus();
  }

  /** @param {Record<WorkList, number>} counts */
  update(counts) {
    hide(this.handOver, this.chosen !== "mine");
    set(this.handOver, "disabled", counts.mine === 0);
    for (const { list, words, button } of this.#buttons) {
      set(button, "aria-pressed", list === this.chosen);
      say(button, list === "all" ? words : `${words} ${form().number.format(counts[list])}`);
    }
  }
}
