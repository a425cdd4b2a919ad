// The known state of one conversation.

import { LIMITS, PERIODS } from "./limits.js";
import { Orders } from "./orders.js";
import { NOW, Wanted, afterLoss, again, isOfTheSession } from "./turn.js";

/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../types.d.ts").Summary} Summary */
/** @typedef {import("../types.d.ts").Turn} Turn */
/** @typedef {import("../types.d.ts").Json} Json */

/**
 * The messages held: a contiguous range, each message once.
 *
 * @typedef {{ messages: Message[], epoch: string }} Held
 */

/**
 * An own message that the server acknowledged and whose event has not arrived yet.
 *
 * @typedef {{ client_message_id: string, seq: number, content: string, at: number }} Settled
 */

/**
 * Whether a message is an entry: it says what has happened, and is no text of a user.
 *
 * @param {Message} message
 */
export const isEntry = ({ work, emergency, answer }) => [work, emergency, answer].some((part) => part?.action !== undefined);

export class Conversation {
  title = "";
  room_type = /** @type {import("../types.d.ts").RoomType} */ ("general_support");
  created_by = "";
  /** @type {string[]} */
  participants = [];
  /** Number of participants. Greater than the length of a brief list. */
  participantCount = 0;
  /** The request for the conversation's row of the list. */
  row = new Wanted();
  /** Messages to announce once the row has named their senders. Bounded by `LIMITS.unnamed`: the newest. @type {Message[]} */
  unnamed = [];
  /** @type {{ content: string, sender_id: string } | null} */
  last = null;
  /** Whether a notification has told of the conversation, and its work is not known yet. */
  isAnnounced = false;
  /** The time of the last message, in milliseconds since 1970. */
  lastAt = 0;
  /**
   * The server's time at which the last message arrived, in milliseconds since 1970. Its own time
   * may be wrong, and this one is never ahead of the conversations that moved later.
   */
  movedAt = 0;
  /** The server's time of the first message, in milliseconds since 1970, or 0 while it is unknown. */
  since = 0;
  /** Whether to request the first message, for its time. @type {Turn} */
  first = "done";
  lastSeq = 0;
  /** The sequence number at which `last` is known to be the newest text. An entry does not change it. */
  textAt = 0;
  readUpTo = 0;
  unread = 0;
  /** Sequence numbers of others' messages received since the list was requested. @type {number[]} */
  heard = [];
  /** @type {Held | null} */
  held = null;
  /** Whether the screen shows the conversation, and an ascending number of its opening. */
  isOpen = false;
  opened = 0;
  /** Whether to request the messages after the held ones. @type {Turn} */
  join = "done";
  /** Whether to request the messages before the held ones. @type {Turn} */
  older = "done";
  /** The read position to be reported to the server. @type {{ turn: Turn, message_id: string, seq: number } | null} */
  reading = null;
  /** Typing users, each with the time of expiry. @type {Map<string, number>} */
  typing = new Map();
  /** The read positions of other users. @type {Map<string, number>} */
  readers = new Map();
  /** @type {Settled[]} */
  settled = [];
  /** The newest known work. @type {import("../types.d.ts").Work | null} */
  work = null;
  /** The sequence number at which the work is known to hold. */
  #workAt = 0;
  /** The newest known state of the emergency. @type {import("../types.d.ts").Emergency | null} */
  emergency = null;
  #emergencyAt = 0;
  orders = new Orders();
  /** Whether there are notes of control beside the conversation. */
  hasNotes = false;
  /** Notes of colleagues that came while none were shown. */
  newNotes = 0;

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

  /** The last sequence number of the contiguous range that begins with the first held message. */
  get heldTo() {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** Whether older messages exist than the held ones. */
  get hasOlder() {
    return (this.messages[0]?.seq ?? 1) > 1;
  }

  /**
   * Applies a row of the list. The row does not cover messages that arrived after it was made.
   *
   * @param {Summary} summary
   */
  listed(summary) {
    this.title = summary.title;
    this.room_type = summary.room_type ?? "general_support";
    this.created_by = summary.created_by;
    this.#takePart(summary.participants.map((person) => person.id), summary.participant_count);
    this.readUpTo = Math.max(this.readUpTo, summary.read_up_to ?? 0);
    this.lastSeq = Math.max(this.lastSeq, summary.last_seq);
    if (summary.last_seq >= this.textAt) {
      this.textAt = summary.last_seq;
      this.lastAt = Date.parse(summary.last_message_at) || 0;
      this.last = summary.last_message ?? null;
      this.#findBegin();
    }
    this.workIs(summary.last_seq, summary.work);
    this.emergencyIs(summary.last_seq, summary.emergency);
    this.positionsAre(summary.positions);
    this.hasNotes ||= summary.notes_conversation_id !== undefined;
    this.heard = this.heard.filter((seq) => seq > summary.last_seq && seq > this.readUpTo);
    const isRead = Math.max(this.readUpTo, this.reading?.seq ?? 0) >= summary.last_seq;
    this.unread = Math.min((isRead ? 0 : summary.unread_count) + this.heard.length, LIMITS.unread);
    if (this.held && this.heldTo < this.lastSeq && this.join === "done") this.join = NOW;
  }

  /** Of an emergency the row tells the time of the last message, and the alarm that of the first. */
  #findBegin() {
    if (this.since > 0) return;
    if (this.lastSeq === 1) this.since = this.lastAt;
    else if (this.isEmergency && this.first === "done") this.first = NOW;
  }

  /**
   * Applies the page with the first message, which is requested once.
   *
   * @param {Json} reply
   * @param {number} now
   */
  began(reply, now) {
    // The session ends, and the request is repeated over the next connection.
    if (isOfTheSession(reply)) return;
    this.first = again(reply, now) ?? "done";
    if (this.first === "done") this.since ||= Date.parse(reply.messages?.[0]?.sent_at) || this.lastAt;
  }

  /**
   * A brief list names only some participants. Other known ones are kept.
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
   * A message arrived, as a live event or as the reply to an own draft.
   *
   * @param {Message} message
   * @param {boolean} isMine
   */
  heardOf(message, isMine) {
    if (message.seq <= this.lastSeq) return;
    this.lastSeq = message.seq;
    this.workIs(message.seq, message.work);
    this.emergencyIs(message.seq, message.emergency);
    this.orders.learn(message);
    if (isEntry(message)) return;
    this.textAt = message.seq;
    this.lastAt = Date.parse(message.sent_at) || 0;
    this.last = message;
    if (isMine) return;
    this.heard = [...this.heard, message.seq].slice(-LIMITS.unread);
    this.unread = Math.min(this.unread + 1, LIMITS.unread);
  }

  /**
   * Takes up the work that holds at a message, unless a newer one is known.
   *
   * @param {number} seq
   * @param {import("../types.d.ts").Work | undefined} work
   */
  workIs(seq, work) {
    if (!work || !(seq >= this.#workAt)) return;
    this.#workAt = seq;
    this.work = work;
    this.isAnnounced = false;
  }

  /**
   * The same for the emergency.
   *
   * @param {number} seq
   * @param {import("../types.d.ts").Emergency | undefined} emergency
   */
  emergencyIs(seq, emergency) {
    if (!emergency || !(seq >= this.#emergencyAt)) return;
    this.#emergencyAt = seq;
    this.emergency = emergency;
  }

  /**
   * Appends a message if it is the next one. Otherwise requests the missing ones.
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
   * Applies a page of messages after the held ones, or the newest page if the held ones belong to
   * another epoch.
   *
   * @param {Json} page
   */
  joined(page) {
    const before = this.heldTo;
    for (const message of page.messages) this.orders.learn(message);
    if (page.reset === true || !this.held) {
      this.held = { messages: [.../** @type {Message[]} */ (page.messages)], epoch: String(page.epoch) };
    } else {
      for (const message of page.messages) this.append(message);
    }
    this.lastSeq = Math.max(this.lastSeq, page.last_seq);
    this.workIs(page.last_seq, page.work);
    this.emergencyIs(page.last_seq, page.emergency);
    this.positionsAre(page.positions);
    this.hasNotes ||= page.notes_conversation_id !== undefined;
    this.settled = this.settled.filter((settled) => settled.seq > this.heldTo);
    // A page without news would be requested again and again.
    this.join = this.heldTo < this.lastSeq && this.heldTo > before ? NOW : "done";
  }

  /**
   * Applies a page of messages before the held ones.
   *
   * @param {Json} page
   */
  prepended(page) {
    this.older = "done";
    for (const message of page.messages) this.orders.learn(message);
    if (!this.held) return;
    const first = this.messages[0]?.seq ?? 0;
    const messages = /** @type {Message[]} */ (page.messages).filter((message) => message.seq < first);
    if (messages.length > 0 && messages.at(-1)?.seq === first - 1) this.held.messages.unshift(...messages);
  }

  /**
   * Applies the user's read position, set here or on another device.
   *
   * @param {number} seq
   * @returns {boolean} whether the number of unread messages is known now
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
   * @returns {boolean} whether this is a change
   */
  types(user, types, now) {
    if (!types) return this.typing.delete(user);
    const isNew = !this.typing.has(user);
    this.typing.set(user, now + PERIODS.typingShown);
    return isNew;
  }

  /**
   * Applies how far others have read. A position never falls: a smaller one is older.
   *
   * @param {{ user_id: string, read_up_to: number }[]} [positions] `chat:control` stands for everybody in control
   */
  positionsAre(positions = []) {
    for (const { user_id, read_up_to } of positions) {
      this.readers.set(user_id, Math.max(read_up_to, this.readers.get(user_id) ?? 0));
    }
  }

  /** The sequence numbers belong to another epoch. All held messages are void. */
  forgetNumbers() {
    Object.assign(this, { held: null, lastSeq: 0, textAt: 0, readUpTo: 0, unread: 0, heard: [], reading: null, settled: [] });
    this.readers.clear();
    this.work = null;
    this.isAnnounced = false;
    this.#workAt = 0;
    this.emergency = null;
    this.#emergencyAt = 0;
    this.orders.clear();
    Object.assign(this, { hasNotes: false, newNotes: 0 });
    this.older = "done";
    this.join = this.isOpen ? NOW : "done";
  }

  /** The connection is lost. */
  lost() {
    this.typing.clear();
    this.row.lost();
    this.join = afterLoss(this.join);
    this.older = afterLoss(this.older);
    this.first = afterLoss(this.first);
    if (this.reading) this.reading.turn = afterLoss(this.reading.turn);
  }
}
