// What is known of one conversation.

import { LIMITS, PERIODS } from "./limits.js";
import { NOW, Wanted, afterLoss } from "./turn.js";

/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../types.d.ts").Summary} Summary */
/** @typedef {import("../types.d.ts").Turn} Turn */
/** @typedef {import("../types.d.ts").Json} Json */

/**
 * Messages that are held: all from the first to the last of them, without a gap, each once.
 *
 * @typedef {{ messages: Message[], epoch: string }} Held
 */

/**
 * A message of ours that the server has, and that has not been heard of yet.
 *
 * @typedef {{ client_message_id: string, seq: number, content: string, at: number }} Settled
 */

export class Conversation {
  title = "";
  room_type = /** @type {import("../types.d.ts").RoomType} */ ("general_support");
  created_by = "";
  /** @type {string[]} */
  participants = [];
  /** How many take part: more than are named, if the list was brief. */
  participantCount = 0;
  /** Its row of the list. */
  row = new Wanted();
  /** Messages that are told of when the row has named their senders. Bounded by `LIMITS.unnamed`: the newest. @type {Message[]} */
  unnamed = [];
  /** @type {{ content: string, sender_id: string } | null} */
  last = null;
  /** When its last message was sent, in milliseconds since 1970. */
  lastAt = 0;
  /** When it was first heard of, by the server's clock: in milliseconds since 1970, or 0. */
  since = 0;
  lastSeq = 0;
  readUpTo = 0;
  unread = 0;
  /** The numbers of others' messages that came since the list was asked for. @type {number[]} */
  heard = [];
  /** @type {Held | null} */
  held = null;
  /** Whether the screen shows it, and since when: a count that rises. */
  isOpen = false;
  opened = 0;
  /** Whether what comes after the held messages is to be asked for. @type {Turn} */
  join = "done";
  /** Whether what comes before them is. @type {Turn} */
  older = "done";
  /** The reading that the server is to be told. @type {{ turn: Turn, message_id: string, seq: number } | null} */
  reading = null;
  /** Who types, each until a time. @type {Map<string, number>} */
  typing = new Map();
  /** Up to where others have read. @type {Map<string, number>} */
  readers = new Map();
  /** @type {Settled[]} */
  settled = [];

  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  get isEmergency() {
    return this.room_type === "emergency_support";
  }

  get messages() {
    return this.held?.messages ?? [];
  }

  /** The last number up to which all is held from the first held one on. */
  get heldTo() {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** Whether there are older messages than those held. */
  get hasOlder() {
    return (this.messages[0]?.seq ?? 1) > 1;
  }

  /**
   * What the list says. Of messages that came after it was made, it does not know.
   *
   * @param {Summary} summary
   */
  listed(summary) {
    this.title = summary.title;
    this.room_type = summary.room_type ?? "general_support";
    this.created_by = summary.created_by;
    this.#takePart(summary.participants.map((person) => person.id), summary.participant_count);
    this.readUpTo = Math.max(this.readUpTo, summary.read_up_to ?? 0);
    if (summary.last_seq >= this.lastSeq) {
      this.lastSeq = summary.last_seq;
      this.lastAt = Date.parse(summary.last_message_at) || 0;
      this.since ||= this.lastAt;
      this.last = summary.last_message ?? null;
    }
    this.heard = this.heard.filter((seq) => seq > summary.last_seq && seq > this.readUpTo);
    const isRead = Math.max(this.readUpTo, this.reading?.seq ?? 0) >= summary.last_seq;
    this.unread = Math.min((isRead ? 0 : summary.unread_count) + this.heard.length, LIMITS.unread);
    if (this.held && this.heldTo < this.lastSeq && this.join === "done") this.join = NOW;
  }

  /**
   * A brief list names some of those who take part: others who are known are kept.
   *
   * @param {string[]} named
   * @param {number} [count]
   */
  #takePart(named, count = named.length) {
    const all = count > named.length ? [...new Set([...named, ...this.participants])] : named;
    this.participants = all.length > count ? named : all;
    this.participantCount = count;
  }

  /**
   * A message came, live or as the answer to ours.
   *
   * @param {Message} message
   * @param {boolean} isMine
   */
  heardOf(message, isMine) {
    if (message.seq <= this.lastSeq) return;
    this.lastSeq = message.seq;
    this.lastAt = Date.parse(message.sent_at) || 0;
    this.last = message;
    if (isMine) return;
    this.heard = [...this.heard, message.seq].slice(-LIMITS.unread);
    this.unread = Math.min(this.unread + 1, LIMITS.unread);
  }

  /**
   * Holds a message if it is the next one. What was missed before it is asked for.
   *
   * @param {Message} message
   * @returns {boolean} whether it is new
   */
  append(message) {
    if (!this.held || message.seq <= this.heldTo) return false;
    if (message.seq > this.heldTo + 1) {
      if (this.join === "done") this.join = NOW;
      return false;
    }
    this.held.messages.push(message);
    if (this.held.messages.length > LIMITS.messages) this.held.messages.splice(0, LIMITS.messages / 10);
    this.settled = this.settled.filter((settled) => settled.seq > this.heldTo);
    return true;
  }

  /**
   * A page of what comes after the held messages, or the newest page if they belong to another history.
   *
   * @param {Json} page
   */
  joined(page) {
    const before = this.heldTo;
    if (page.reset === true || !this.held) {
      this.held = { messages: [.../** @type {Message[]} */ (page.messages)], epoch: String(page.epoch) };
    } else {
      for (const message of page.messages) this.append(message);
    }
    this.lastSeq = Math.max(this.lastSeq, page.last_seq);
    this.settled = this.settled.filter((settled) => settled.seq > this.heldTo);
    // A page without anything new would be followed by the same again.
    this.join = this.heldTo < this.lastSeq && this.heldTo > before ? NOW : "done";
  }

  /**
   * A page of what comes before the held messages.
   *
   * @param {Json} page
   */
  prepended(page) {
    this.older = "done";
    if (!this.held) return;
    const first = this.messages[0]?.seq ?? 0;
    const messages = /** @type {Message[]} */ (page.messages).filter((message) => message.seq < first);
    if (messages.length > 0 && messages.at(-1)?.seq === first - 1) this.held.messages.unshift(...messages);
  }

  /**
   * Up to where the user has read, here or on another device.
   *
   * @param {number} seq
   * @returns {boolean} whether it is known how many are unread now
   */
  readTo(seq) {
    this.readUpTo = Math.max(this.readUpTo, seq);
    this.heard = this.heard.filter((heard) => heard > this.readUpTo);
    if (this.readUpTo < this.lastSeq) return this.unread === 0;
    this.unread = 0;
    return true;
  }

  /**
   * @param {string} user
   * @param {boolean} types
   * @param {number} now
   * @returns {boolean} whether that is news
   */
  types(user, types, now) {
    if (!types) return this.typing.delete(user);
    const isNew = !this.typing.has(user);
    this.typing.set(user, now + PERIODS.typingShown);
    return isNew;
  }

  /** The numbers belong to another history: nothing that is held means anything. */
  forgetNumbers() {
    Object.assign(this, { held: null, lastSeq: 0, readUpTo: 0, unread: 0, heard: [], reading: null, settled: [] });
    this.readers.clear();
    this.older = "done";
    this.join = this.isOpen ? NOW : "done";
  }

  /** The connection is lost. */
  lost() {
    this.typing.clear();
    this.row.lost();
    this.join = afterLoss(this.join);
    this.older = afterLoss(this.older);
    if (this.reading) this.reading.turn = afterLoss(this.reading.turn);
  }
}
