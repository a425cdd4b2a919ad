// Changes of the work on conversations, ends of emergencies and withdrawals of orders, each
// requested until it is answered.

import { NOW, afterLoss, again, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Turn} Turn */
/** @typedef {import("../types.d.ts").WorkAction} WorkAction */

/** @typedef {import("../types.d.ts").EndReason} EndReason */

/** The request of each action. */
const TYPES = Object.freeze(
  /** @type {Record<WorkAction, string>} */ ({
    take: "take_conversation",
    release: "release_conversation",
    transfer: "transfer_conversation",
    resolve: "resolve_conversation",
    reopen: "reopen_conversation",
  }),
);

/**
 * The list of a user that has a conversation with this work. A conversation whose work is not known
 * yet is new, and waits.
 *
 * @param {import("../types.d.ts").Work | null} work
 * @param {string} me
 * @returns {import("../types.d.ts").WorkList}
 */
export function listOf(work, me) {
  if (work?.state === "RESOLVED") return "resolved";
  if (work?.state !== "TAKEN" || work.assignee === null) return "waiting";
  return work.assignee === me ? "mine" : "others";
}

/** The pending changes. Bounded by the conversations: one change each. */
export class Works {
  /** @type {Map<string, { turn: Turn, type: string, data: object }>} */
  #pending = new Map();

  /**
   * Requests a change, unless one of the conversation is pending.
   *
   * @param {string} conversation_id
   * @param {WorkAction} action
   * @param {{ version: number, client_message_id: string, to?: string }} data
   */
  want(conversation_id, action, data) {
    if (this.#pending.has(conversation_id)) return;
    this.#pending.set(conversation_id, { turn: NOW, type: TYPES[action], data: { conversation_id, ...data } });
  }

  /**
   * Requests the end of an emergency in the same way.
   *
   * @param {string} conversation_id
   * @param {EndReason} reason
   * @param {{ version: number, client_message_id: string }} data
   */
  wantEnd(conversation_id, reason, data) {
    if (this.#pending.has(conversation_id)) return;
    const isWithdrawn = reason === "withdrawn";
    const type = isWithdrawn ? "withdraw_emergency" : "end_emergency";
    const all = { conversation_id, ...data, ...(isWithdrawn ? {} : { reason }) };
    this.#pending.set(conversation_id, { turn: NOW, type, data: all });
  }

  /**
   * Requests the withdrawal of an order in the same way.
   *
   * @param {string} conversation_id
   * @param {{ message_id: string, client_message_id: string }} data
   */
  wantWithdrawal(conversation_id, data) {
    if (this.#pending.has(conversation_id)) return;
    this.#pending.set(conversation_id, { turn: NOW, type: "withdraw_order", data: { conversation_id, ...data } });
  }

  /** Whether a change of the conversation is pending. @param {string} id */
  isPending(id) {
    return this.#pending.has(id);
  }

  /**
   * Returns whether the change has ended.
   *
   * @param {string} id
   * @param {Json} reply
   * @param {number} now
   */
  answered(id, reply, now) {
    const pending = this.#pending.get(id);
    const later = again(reply, now);
    if (pending && later !== null) pending.turn = later;
    else this.#pending.delete(id);
    return later === null;
  }

  lost() {
    for (const pending of this.#pending.values()) pending.turn = afterLoss(pending.turn);
  }

  /**
   * @param {number} now
   * @returns {Ask | null}
   */
  next(now) {
    for (const [id, pending] of this.#pending) {
      if (!isDue(pending.turn, now)) continue;
      pending.turn = "wire";
      return { purpose: { kind: "work", id }, type: pending.type, data: pending.data };
    }
    return null;
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest([...this.#pending.values()].map((pending) => pending.turn), now);
  }
}
