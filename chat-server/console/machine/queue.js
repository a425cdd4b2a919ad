// The control room's queue: the conversations of each list, in order. A row changes its place only
// when its state changes: its work, or whether it is an emergency.

import { isLiveEmergency as isUrgent } from "./emergency.js";
import { listOf } from "./works.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("../types.d.ts").WorkList} WorkList */

/**
 * The time since which field staff waits for an answer, in milliseconds since 1970, or `null`. The
 * work of a new request is not known yet.
 *
 * @param {Conversation} one
 */
export function waitingSince(one) {
  if (!one.work) return one.since || null;
  const since = Date.parse(one.work.waiting_since ?? "");
  return Number.isNaN(since) ? null : since;
}

export class Queue {
  #me;
  /** The state of each conversation, and the time of its last change. @type {Map<string, { state: string, at: number }>} */
  #known = new Map();

  /** @param {string} me the user */
  constructor(me) {
    this.#me = me;
  }

  /** Whether a conversation has another state than at the last arrangement. @param {string} id @param {Conversation | undefined} one */
  isMoved(id, one) {
    return this.#known.get(id)?.state !== (one && this.#stateOf(one));
  }

  /**
   * Arranges all conversations.
   *
   * @param {Iterable<Conversation>} all
   * @param {WorkList | "all"} list
   */
  arrange(all, list) {
    const [before, every] = [this.#known, [...all]];
    this.#known = new Map(every.map((one) => [one.id, this.#place(one, before.get(one.id))]));
    const counts = { waiting: 0, mine: 0, others: 0, resolved: 0 };
    for (const one of every) counts[listOf(one.work, this.#me)] += 1;
    const urgent = every.filter(isUrgent).sort((one, other) => this.#byUrgency(one, other));
    const rows = every.filter((one) => !isUrgent(one) && (list === "all" || listOf(one.work, this.#me) === list));
    const isNewestFirst = list === "all" || list === "resolved";
    rows.sort((one, other) => (isNewestFirst ? this.#byChange(one, other) : this.#byWaiting(one, other)));
    return { urgent, rows, counts };
  }

  /** @param {Conversation} one */
  #stateOf(one) {
    return `${listOf(one.work, this.#me)} ${isUrgent(one)} ${one.work?.since} ${waitingSince(one)}`;
  }

  /** @param {Conversation} one @param {{ state: string, at: number }} [before] */
  #place(one, before) {
    const state = this.#stateOf(one);
    return before?.state === state ? before : { state, at: one.movedAt };
  }

  /** The newest change first. @param {Conversation} one @param {Conversation} other */
  #byChange(one, other) {
    return this.#at(other) - this.#at(one) || (one.id < other.id ? -1 : 1);
  }

  /** The longest waiting first, as the server's lists; nobody waits for those at the end. @param {Conversation} one @param {Conversation} other */
  #byWaiting(one, other) {
    const [since, otherSince] = [waitingSince(one) ?? Infinity, waitingSince(other) ?? Infinity];
    return since === otherSince ? this.#byChange(one, other) : since - otherSince;
  }

  /** Those that nobody has taken first. @param {Conversation} one @param {Conversation} other */
  #byUrgency(one, other) {
    const isTaken = (/** @type {Conversation} */ of) => Number(listOf(of.work, this.#me) !== "waiting");
    return isTaken(one) - isTaken(other) || this.#byWaiting(one, other);
  }

  /** @param {Conversation} one */
  #at(one) {
    return this.#known.get(one.id)?.at ?? 0;
  }
}
