// The list of open orders, requested anew by each connection, and the orders that ended meanwhile.

import { LIMITS } from "./limits.js";
import { isOpen } from "./orders.js";
import { NOW, afterLoss, again, earliest, isDue } from "./turn.js";

/** @typedef {import("./conversations.js").Conversations} Conversations */
/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../types.d.ts").Turn} Turn */

/** An order whose message is requested. @typedef {{ conversation_id: string, seq: number, turn: Turn }} Missed */

export class OpenOrders {
  /** @type {Turn} */
  #turn = "done";
  /** The next page to request. @type {string | null} */
  #cursor = null;
  /** The epoch of the list. @type {string | null} */
  #epoch = null;
  /** The orders that were open before the list was requested, and that it has not named so far. @type {Map<string, Missed>} */
  #unlisted = new Map();
  /** The orders that have ended without an entry known here. @type {Map<string, Missed>} */
  #missed = new Map();

  /** A new connection is open. */
  connected() {
    this.#turn = NOW;
    this.#cursor = null;
  }

  /**
   * Applies a page of the list. Returns its messages.
   *
   * @param {Json} reply
   * @param {number} now
   * @returns {Message[]}
   */
  listed(reply, now) {
    this.#turn = again(reply, now) ?? "done";
    if (reply.success !== true) return [];
    for (const { id } of reply.orders) this.#unlisted.delete(id);
    if (typeof reply.next_cursor === "string") {
      this.#turn = NOW;
      this.#cursor = reply.next_cursor;
    } else {
      this.#missed = new Map([...this.#missed, ...this.#unlisted]);
      this.#unlisted.clear();
    }
    return reply.orders;
  }

  /**
   * Applies the message of an order that has ended. Returns the message.
   *
   * @param {string} id
   * @param {Json} reply
   * @param {number} now
   * @returns {Message | null}
   */
  found(id, reply, now) {
    const missed = this.#missed.get(id);
    const later = again(reply, now);
    if (missed && later !== null) missed.turn = later;
    else this.#missed.delete(id);
    const [message] = reply.messages ?? [];
    return message?.id === id ? message : null;
  }

  lost() {
    for (const missed of this.#missed.values()) missed.turn = afterLoss(missed.turn);
  }

  /**
   * @param {number} now
   * @param {Conversations} conversations
   * @returns {Ask | null}
   */
  next(now, conversations) {
    // Versions are numbers of an epoch, which the list of conversations tells.
    if (!conversations.isConfirmed) return null;
    if (this.#epoch !== conversations.epoch) this.#forget(conversations.epoch);
    if (isDue(this.#turn, now)) {
      if (this.#cursor === null) this.#unlisted = openOf(conversations);
      this.#turn = "wire";
      const from = this.#cursor === null ? {} : { cursor: this.#cursor };
      return { purpose: { kind: "orders" }, type: "get_open_orders", data: { limit: LIMITS.ordersPage, ...from } };
    }
    for (const [id, missed] of this.#missed) {
      if (!isDue(missed.turn, now)) continue;
      missed.turn = "wire";
      const data = { conversation_id: missed.conversation_id, after_seq: missed.seq - 1, limit: 1 };
      return { purpose: { kind: "order", id }, type: "get_conversation_messages", data };
    }
    return null;
  }

  /** The numbers of the orders are those of another epoch. @param {string | null} epoch */
  #forget(epoch) {
    this.#epoch = epoch;
    this.#missed.clear();
    this.connected();
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest([this.#turn, ...[...this.#missed.values()].map(({ turn }) => turn)], now);
  }
}

/** The open orders of all conversations. @param {Conversations} conversations @returns {Map<string, Missed>} */
function openOf(conversations) {
  const open = new Map();
  for (const { id, orders } of conversations.all.values()) {
    for (const { order } of orders.all) {
      if (isOpen(order)) open.set(order.message_id, { conversation_id: id, seq: order.seq, turn: NOW });
    }
  }
  return open;
}
