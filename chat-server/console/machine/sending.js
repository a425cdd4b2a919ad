// The outbox: unacknowledged drafts, in the order of writing.

import { LIMITS } from "./limits.js";
import { notesOf } from "./notes.js";
import { NOW, afterLoss, again, earliest, isDue, isOfTheSession } from "./turn.js";

/** @typedef {import("../types.d.ts").Entry} Entry */
/** @typedef {import("../types.d.ts").Draft} Draft */
/** @typedef {import("../types.d.ts").Turn} Turn */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Output} Output */
/** @typedef {{ entry: Entry, turn: Turn }} Item */

/**
 * The unit of ordering: the messages and answers of one conversation, or its notes. All new conversations share a lane.
 *
 * @param {Draft} draft
 */
export function lane(draft) {
  if (draft.type === "add_note") return notesOf(draft.conversation_id);
  return "conversation_id" in draft ? draft.conversation_id : "";
}

/**
 * The request of a draft. The text of an answer is for the screen alone.
 *
 * @param {Entry} entry
 */
export function requestOf({ draft: { type, ...data }, client_message_id }) {
  const { content, ...rest } = data;
  return { type, data: { ...(type === "answer_message" ? rest : data), client_message_id } };
}

/**
 * Compares the order of writing. Drafts of older versions have only a time, and come first.
 *
 * @param {Entry} one
 * @param {Entry} other
 */
export const inOrder = (one, other) => (one.order ?? 0) - (other.order ?? 0) || one.at - other.at;

/**
 * The drafts, oldest first. Bounded by `LIMITS.outbox`.
 *
 * Only the oldest draft of each lane is on the wire: if it is rate limited, no later draft
 * overtakes it.
 */
export class Sending {
  /** @type {Item[]} */
  items = [];

  /**
   * Adds a draft. Returns `false` without room.
   *
   * @param {Entry} entry
   * @param {Output[]} outputs
   */
  post(entry, outputs) {
    if (this.isFull) return false;
    this.items.push({ entry, turn: NOW });
    outputs.push({ kind: "keep", entry });
    return true;
  }

  /**
   * Adopts drafts of an earlier run, or of a closed page. They are stored already, and the server
   * may have received any of them.
   *
   * @param {Entry[]} entries
   */
  adopt(entries) {
    const known = new Set(this.items.map((item) => item.entry.client_message_id));
    for (const entry of entries) {
      if (known.has(entry.client_message_id) || this.items.length >= LIMITS.outbox) continue;
      known.add(entry.client_message_id);
      this.items.push({ entry, turn: entry.refused === undefined ? NOW : "done" });
    }
    this.items.sort((one, other) => inOrder(one.entry, other.entry));
  }

  /**
   * The next draft that is due.
   *
   * @param {number} now
   * @returns {Entry | null}
   */
  next(now) {
    const taken = new Set();
    for (const item of this.items) {
      if (item.turn === "done" || taken.has(lane(item.entry.draft))) continue;
      if (isDue(item.turn, now)) {
        item.turn = "wire";
        return item.entry;
      }
      taken.add(lane(item.entry.draft));
    }
    return null;
  }

  /**
   * Applies a reply to a draft. Returns the entry if this settles it: acknowledged or refused.
   *
   * @param {string} id
   * @param {Json} reply
   * @param {number} now
   * @param {Output[]} outputs
   * @returns {Entry | null}
   */
  answered(id, reply, now, outputs) {
    const item = this.#item(id);
    if (!item || isOfTheSession(reply)) return null;
    const later = again(reply, now);
    if (later !== null) {
      item.turn = later;
      return null;
    }
    if (reply.success === true) {
      this.discard(id, outputs);
    } else {
      item.entry = { ...item.entry, refused: String(reply.error), refused_code: String(reply.code) };
      item.turn = "done";
      outputs.push({ kind: "keep", entry: item.entry });
    }
    return item.entry;
  }

  /**
   * Withdraws a draft.
   *
   * @param {string} id
   * @param {Output[]} outputs
   */
  discard(id, outputs) {
    const before = this.items.length;
    this.items = this.items.filter((item) => item.entry.client_message_id !== id);
    if (this.items.length < before) outputs.push({ kind: "forget", id });
  }

  /**
   * Sends a refused draft again.
   *
   * @param {string} id
   * @param {Output[]} outputs
   */
  retry(id, outputs) {
    const item = this.#item(id);
    if (item?.turn !== "done") return;
    const { refused: _, refused_code: __, ...entry } = item.entry;
    item.entry = entry;
    item.turn = NOW;
    outputs.push({ kind: "keep", entry });
  }

  /** The connection is lost. Drafts without a reply are sent again. */
  lost() {
    for (const item of this.items) item.turn = afterLoss(item.turn);
  }

  get isFull() {
    return this.items.length >= LIMITS.outbox;
  }

  /** Number of unsent drafts. */
  get waiting() {
    return this.items.filter((item) => item.turn !== "done").length;
  }

  /**
   * The drafts of a conversation.
   *
   * @param {string} id
   */
  of(id) {
    return this.items.filter((item) => lane(item.entry.draft) === id).map((item) => item.entry);
  }

  /**
   * The answer to an order that is not acknowledged yet.
   *
   * @param {string} messageId
   */
  answerTo(messageId) {
    return this.items.find(({ entry: { draft } }) => draft.type === "answer_message" && draft.message_id === messageId)?.entry;
  }

  /** The conversations still to be created. */
  creations() {
    return this.of("");
  }

  /**
   * The messages and notes of conversations that are not known, as after a reload without a network.
   *
   * @param {ReadonlyMap<string, unknown>} known
   */
  strays(known) {
    const entries = this.items.map(({ entry }) => entry);
    return entries.filter(({ draft }) => "conversation_id" in draft && !known.has(draft.conversation_id));
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest(this.items.map((item) => item.turn), now);
  }

  /** @param {string} id */
  #item(id) {
    return this.items.find((item) => item.entry.client_message_id === id);
  }
}
