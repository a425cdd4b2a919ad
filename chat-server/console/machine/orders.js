// The orders of a conversation: messages that must be answered.

import { LIMITS } from "./limits.js";

/** @typedef {import("../types.d.ts").KnownOrder} KnownOrder */
/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../types.d.ts").Order} Order */
/** @typedef {import("../types.d.ts").OrderPart} OrderPart */

/** @param {OrderPart} part */
const isPending = ({ state }) => state === "PENDING";

/** Whether the order waits for anybody. @param {Order} order */
export const isOpen = ({ people }) => people.some(isPending);

/** Whether somebody has let the time pass, and has not answered since. @param {Order} order */
export const isOverdue = ({ people }) => people.some(({ state, answer }) => state === "OVERDUE" && !answer);

/** Whether the order is control's, and the field must answer. @param {Order} order */
export const isOfControl = ({ people }) => people.every(({ user_id }) => user_id !== null);

/**
 * The part of the order that a user answers, if any.
 *
 * @param {Order} order
 * @param {{ id: string, isControl: boolean }} user
 */
export const partOf = ({ people }, { id, isControl }) => people.find(({ user_id }) => user_id === (isControl ? null : id));

/** Whether the order waits for this user. @param {Order} order @param {{ id: string, isControl: boolean }} user */
export const waitsFor = (order, user) => partOf(order, user)?.state === "PENDING";

/**
 * Whether the user may still answer. The server also records an answer to a withdrawn order, which
 * nobody wants any more.
 *
 * @param {Order} order
 * @param {{ id: string, isControl: boolean }} user
 */
export function mayAnswer(order, user) {
  const part = partOf(order, user);
  return part !== undefined && !part.answer && (isPending(part) || part.state === "OVERDUE");
}

/** The known orders by message. Bounded by `LIMITS.orders`: beyond it, the oldest ended one is forgotten. */
export class Orders {
  /** @type {Map<string, KnownOrder>} */
  #known = new Map();
  /** Orders whose end was told. @type {Set<string>} */
  #told = new Set();
  /** Orders that have become overdue and are to be told. @type {Order[]} */
  #overdue = [];

  get all() {
    return this.#known.values();
  }

  get size() {
    return this.#known.size;
  }

  /** @param {string} messageId */
  get(messageId) {
    return this.#known.get(messageId);
  }

  /** Takes up the order of a message or entry, if there is one. @param {Message} message */
  learn(message) {
    if (message.order) this.take(message.order, { content: message.content });
    if (message.answer) this.take(message.answer.order);
  }

  /**
   * Takes up an order, unless a newer state is known. An order that this page has seen open is told
   * once when its time is over.
   *
   * @param {Order} order
   * @param {{ content?: string, isAlert?: boolean }} [more] the message's text; whether the server has told of the end
   */
  take(order, { content, isAlert = false } = {}) {
    const { message_id: id } = order;
    const known = this.#known.get(id);
    const newest = known && known.order.version >= order.version ? known.order : order;
    const answers = order.answers ?? known?.answers ?? [];
    this.#known.set(id, { order: newest, answers, content: content ?? known?.content ?? "" });
    if (isOverdue(newest) && !this.#told.has(id) && (isAlert || (known && isOpen(known.order)))) {
      this.#told.add(id);
      this.#overdue.push(newest);
    }
    this.#forgetOld();
  }

  /** Takes the orders to tell. */
  takeOverdue() {
    return this.#overdue.splice(0);
  }

  clear() {
    this.#known.clear();
    this.#told.clear();
    this.#overdue = [];
  }

  #forgetOld() {
    if (this.#known.size <= LIMITS.orders) return;
    const oldest = [...this.#known.values()].find(({ order }) => !isOpen(order))?.order.message_id ?? "";
    this.#known.delete(oldest);
    this.#told.delete(oldest);
  }
}
