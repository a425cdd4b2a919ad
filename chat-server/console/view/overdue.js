// Orders of the user's side that were not answered in time. Each is told once, and stays until
// somebody has looked at it here, or until it is answered.

import { t } from "../language.js";
import { isOfControl, isOverdue } from "../machine/orders.js";
import { h, hide } from "./dom.js";
import { nameOf, titleOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Order} Order */

/** Most orders that the bar keeps. The oldest goes first. */
const MOST = 50;

/** The notice in words. @param {Order} order @param {Session} session */
export function overdueWords(order, session) {
  if (!isOfControl(order)) return t("order.overdue_told_by_control");
  const { people } = session.client.machine.conversations;
  const late = order.people.filter(({ state, answer }) => state === "OVERDUE" && !answer);
  return t("order.overdue_told", { names: late.map(({ user_id }) => nameOf(people.get(user_id ?? ""), user_id ?? "")).join(", ") });
}

export class OverdueBar {
  #session;
  #show;
  /** The conversation of each order. @type {Map<string, string>} */
  #told = new Map();
  #shown = "";
  element = h("div", { class: "overdue", role: "alert", hidden: true });

  /**
   * @param {Session} session
   * @param {(id: string) => void} show
   */
  constructor(session, show) {
    this.#session = session;
    this.#show = show;
  }

  /** @param {string} id @param {Order} order */
  add(id, order) {
    this.#told.set(order.message_id, id);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MOST && oldest !== undefined) this.#told.delete(oldest);
  }

  /** @param {string | null} open the conversation that is shown */
  update(open) {
    const { conversations } = this.#session.client.machine;
    for (const [message, id] of this.#told) {
      const known = conversations.get(id)?.orders.get(message);
      if (id === open || !known || !isOverdue(known.order)) this.#told.delete(message);
    }
    const [first] = this.#told;
    const order = first && conversations.get(first[1])?.orders.get(first[0])?.order;
    const title = titleOf(conversations.get(first?.[1] ?? "")?.title ?? "");
    const words = order ? t("control.announced", { said: overdueWords(order, this.#session), title }) : "";
    const key = `${first} ${words} ${this.#told.size}`;
    if (key === this.#shown) return;
    this.#shown = key;
    hide(this.element, words === "");
    this.element.replaceChildren(...(first && words !== "" ? this.#parts(first[1], words) : []));
  }

  /** @param {string} id @param {string} words */
  #parts(id, words) {
    const count = this.#told.size > 1 && h("span", { class: "alarm-count" }, t("row.overdue", { count: this.#told.size }));
    return [h("p", { dir: "auto" }, words), h("button", { type: "button", click: () => this.#show(id) }, t("alarm.show")), ...(count ? [count] : [])];
  }
}
