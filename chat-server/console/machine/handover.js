// Handing over all conversations of the user: one transfer after another, so that own messages
// find room beside them.

import { isOfTheSession } from "./turn.js";
import { listOf } from "./works.js";

/** @typedef {import("./machine.js").Machine} Machine */
/** @typedef {import("../types.d.ts").Json} Json */

/** Requests for one conversation whose work changes meanwhile. */
const TRIES = 3;

/**
 * A conversation to hand over. `problem` is the server's reason, or empty if it is not the user's
 * any more.
 *
 * @typedef {{ id: string, state: "waiting" | "asked" | "done" | "failed", tries: number, problem: string }} Item
 */

export class Handover {
  /** The colleague, or `null` before the first handover. @type {string | null} */
  to = null;
  /** Bounded by the conversations. @type {Item[]} */
  items = [];
  #me;

  /** @param {string} me */
  constructor(me) {
    this.#me = me;
  }

  get isRunning() {
    return this.items.some(({ state }) => state === "waiting" || state === "asked");
  }

  /**
   * Begins a handover, unless one is running.
   *
   * @param {string[]} ids in this order
   * @param {string} to
   */
  begin(ids, to) {
    if (this.isRunning) return;
    this.to = to;
    this.items = ids.map((id) => ({ id, state: "waiting", tries: 0, problem: "" }));
  }

  /** Leaves the rest to the user. A transfer under way is not withdrawn. */
  stop() {
    this.items = this.items.filter(({ state }) => state !== "waiting");
  }

  /** Whether the transfer of this conversation is under way. @param {string} id */
  isAsked(id) {
    return this.items.some((item) => item.id === id && item.state === "asked");
  }

  /**
   * Requests the next transfer, if none is under way.
   *
   * @param {Pick<Machine, "works" | "conversations">} machine
   * @param {() => string} newId
   */
  step({ works, conversations }, newId) {
    for (const item of this.items) {
      if (item.state === "asked" || (item.state === "waiting" && works.isPending(item.id))) return;
      if (item.state !== "waiting") continue;
      const work = conversations.get(item.id)?.work ?? null;
      if (work === null || listOf(work, this.#me) !== "mine") {
        item.state = "failed";
        continue;
      }
      Object.assign(item, { state: "asked", tries: item.tries + 1 });
      works.want(item.id, "transfer", { version: work.version, client_message_id: newId(), to: this.to ?? "" });
      return;
    }
  }

  /**
   * Takes up the reply to a transfer, after the conversation has.
   *
   * @param {string} id
   * @param {Json} reply
   */
  answered(id, reply) {
    const item = this.items.find((item) => item.id === id && item.state === "asked");
    if (!item) return;
    const isAgain = isOfTheSession(reply) || (reply.code === "conflict" && item.tries < TRIES);
    if (reply.success === true) item.state = "done";
    else if (isAgain) item.state = "waiting";
    else Object.assign(item, { state: "failed", problem: reply.code === "conflict" ? "" : String(reply.error) });
  }
}
