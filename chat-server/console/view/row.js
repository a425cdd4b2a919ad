// A row of the control room's list: whose conversation it is, who has it, how long field staff
// waits, and the last text or who is writing.

import { t } from "../language.js";
import { isOpen as isOpenOrder, isOverdue } from "../machine/orders.js";
import { waitingSince } from "../machine/queue.js";
import { listOf } from "../machine/works.js";
import { h, hidden, say, set } from "./dom.js";
import { ageOf, counted, nameOf, roleOf, sentence, titleOf, typingWords, whenOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../machine/conversations.js").Conversations} Conversations */

const PARTS = Object.freeze(["row-title", "row-when", "row-who", "row-last", "row-orders", "row-badge"]);

/** The parts with text of users, whose direction is its own. */
const AUTO = new Set(["row-title", "row-who", "row-last"]);

/** @param {() => void} show */
export function makeRow(show) {
  const parts = PARTS.map((name) => h("span", { class: name, dir: AUTO.has(name) ? "auto" : null }));
  return h("li", { class: "row" }, h("button", { type: "button", click: show }, ...parts));
}

/**
 * Shows a conversation in its row.
 *
 * @param {HTMLElement} row
 * @param {Conversation} one
 * @param {Conversations} conversations
 * @param {string} me
 * @param {boolean} isOpen
 */
export function updateRow(row, one, conversations, me, isOpen) {
  const button = /** @type {HTMLElement} */ (row.firstElementChild);
  const [title, when, who, last, orders, badge] = /** @type {HTMLElement[]} */ ([...button.children]);
  if (!title || !when || !who || !last || !orders || !badge) return;
  set(row, "data-unread", one.unread > 0);
  set(row, "data-emergency", one.isEmergency);
  set(row, "data-work", listOf(one.work, me));
  set(button, "aria-current", isOpen);
  say(title, titleOf(one.title));
  const creator = conversations.people.get(one.created_by);
  const role = creator ? ` · ${roleOf(creator)}` : "";
  say(who, `${nameOf(creator, one.created_by)}${holder(one, conversations, me)}${role}`);
  updateAge(row, one, conversations);
  say(last, lastWords(one, conversations, me));
  updateOrders(orders, one);
  if (badge.dataset.count === String(one.unread)) return;
  badge.dataset.count = String(one.unread);
  badge.replaceChildren(...(one.unread > 0 ? [counted(one.unread), hidden(` ${t("row.unread")}`)] : []));
}

/** Shows how many orders are overdue, or else how many wait for an answer. @param {HTMLElement} part @param {Conversation} one */
function updateOrders(part, one) {
  // Most conversations have none, and all rows are updated at once.
  const orders = one.orders.size === 0 ? [] : [...one.orders.all].map(({ order }) => order);
  const overdue = one.work?.state === "RESOLVED" ? 0 : orders.filter(isOverdue).length;
  const open = orders.filter(isOpenOrder).length;
  set(part, "data-overdue", overdue > 0);
  say(part, overdue > 0 ? t("row.overdue", { count: overdue }) : open > 0 ? t("row.orders", { count: open }) : "");
}

/**
 * Shows how long field staff has waited, or the time of the last message if nobody waits.
 *
 * @param {HTMLElement} row
 * @param {Conversation} one
 * @param {Conversations} conversations
 */
export function updateAge(row, one, conversations) {
  const [when, since] = [/** @type {HTMLElement} */ (row.querySelector(".row-when")), waitingSince(one)];
  const isWaiting = since !== null && one.work?.state !== "RESOLVED";
  const now = conversations.timeAt(performance.now()) || Date.now();
  set(when, "data-waits", isWaiting);
  if (isWaiting) say(when, t("row.waits", { age: ageOf(now - since) }));
  else say(when, one.lastAt > 0 ? sentence(whenOf(one.lastAt)) : "");
  const at = isWaiting ? since : one.lastAt;
  // A whole time takes long to word, and all rows are updated at once.
  if (when.dataset.at === String(at)) return;
  when.dataset.at = String(at);
  set(when, "title", at > 0 ? wholeTimeOf(at) : null);
}

/**
 * The holder of the conversation, in words.
 *
 * @param {Conversation} one
 * @param {Conversations} conversations
 * @param {string} me
 */
function holder(one, conversations, me) {
  const list = listOf(one.work, me);
  if (list === "mine") return ` · ${t("row.yours")}`;
  if (list === "resolved") return ` · ${t("row.resolved")}`;
  if (list === "waiting" || !one.work?.assignee) return "";
  return ` · ${t("row.taken_by", { name: nameOf(conversations.people.get(one.work.assignee), one.work.assignee) })}`;
}

/**
 * @param {Conversation} one
 * @param {Conversations} conversations
 * @param {string} me
 */
function lastWords(one, conversations, me) {
  const typing = [...one.typing.keys()].filter((id) => id !== me);
  if (typing.length > 0) return typingWords(typing.map((id) => nameOf(conversations.people.get(id), id)));
  const { sender_id: sender = "", content = "" } = one.last ?? {};
  return sender === me ? t("row.you_wrote", { content }) : content;
}
