// All known conversations, their participants, and the requests for the list.

import { isControl } from "../token.js";
import { nextOf } from "./asking.js";
import { Conversation, isEntry } from "./conversation.js";
import { LIMITS } from "./limits.js";
import { KnownNotes, isNotes } from "./notes.js";
import { NOW, afterLoss, again, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../types.d.ts").NewSupportConversation} NewSupportConversation */
/** @typedef {import("../types.d.ts").Person} Person */
/** @typedef {import("../types.d.ts").Summary} Summary */
/** @typedef {import("../types.d.ts").Turn} Turn */

export class Conversations {
  /** Without notes. @type {Map<string, Conversation>} */
  all = new Map();
  notes = new KnownNotes(this.all);
  /** @type {Map<string, Person>} */
  people = new Map();
  /** The epoch of all sequence numbers. @type {string | null} */
  epoch = null;
  /** Whether the epoch was confirmed over this connection. */
  isConfirmed = false;
  /** Whether the list was ever received completely. */
  isListed = false;
  /** Difference between the server's clock and `now`. @type {number | null} */
  #ahead = null;
  /**
   * The next page to request, the number of conversations before it, and the time before which
   * its rows have moved.
   *
   * @type {{ turn: Turn, cursor: string | null, count: number, above: number }}
   */
  #list = { turn: "done", cursor: null, count: 0, above: 0 };
  /** People whose names were requested over this connection. Bounded by the participants. @type {Set<string>} */
  #strangers = new Set();
  #opened = 0;

  /** @param {string} id */
  get(id) {
    return this.all.get(id) ?? this.notes.all.get(id);
  }

  /** All conversations, and the notes. Called after each frame, so that no list is made unless notes are shown. */
  #every() {
    const notes = this.notes.all;
    return notes.size === 0 ? this.all.values() : [...this.all.values(), ...notes.values()];
  }

  /** @param {string} id */
  #known(id) {
    let known = this.all.get(id);
    if (!known) {
      known = new Conversation(id);
      this.all.set(id, known);
      this.#forgetSilent();
    }
    return known;
  }

  /** Number of conversations with unread messages. */
  get unread() {
    let count = 0;
    for (const one of this.all.values()) if (one.unread > 0) count += 1;
    return count;
  }

  /** Ordered by arrival: the last one that moved comes first, whatever the times of messages say. */
  byActivity() {
    return [...this.all.values()].sort((one, other) => other.movedAt - one.movedAt || (one.id < other.id ? -1 : 1));
  }

  /** The server's time, in milliseconds since 1970; 0 if unknown. @param {number} now */
  timeAt(now) {
    return this.#ahead === null ? 0 : now + this.#ahead;
  }

  /**
   * The read positions of the other side: the field for control, and control for the field. A
   * colleague's position says nothing about the addressee. The list names all participants from the
   * field; anyone else belongs to control.
   *
   * @param {Conversation} conversation
   * @param {import("../types.d.ts").Role} role of the user
   */
  readersOf(conversation, role) {
    const isOther = (/** @type {string} */ id) => {
      const other = this.people.get(id);
      return (other === undefined || isControl(other.role)) !== isControl(role);
    };
    return new Map([...conversation.readers].filter(([id]) => isOther(id)));
  }

  /**
   * Applies a page of the list.
   *
   * @param {Json} reply
   * @param {number} now
   */
  listed(reply, now) {
    const later = again(reply, now);
    this.#list.turn = later ?? "done";
    if (later !== null || reply.success !== true) return;
    this.#take(reply, now);
    this.#place(reply.conversations, now);
    const count = this.#list.count + reply.conversations.length;
    const isMore = typeof reply.next_cursor === "string" && reply.conversations.length > 0 && count < LIMITS.conversations;
    // A new epoch restarts the list.
    if (this.#list.turn === "done" && isMore) Object.assign(this.#list, { turn: NOW, cursor: reply.next_cursor, count });
    else if (this.#list.turn === "done") this.isListed = true;
  }

  /**
   * Applies the row of one conversation. Returns `false` if the user is no longer a participant.
   *
   * @param {Conversation} one
   * @param {Json} reply
   * @param {number} now
   */
  rowOf(one, reply, now) {
    one.row.answered(reply, now);
    const before = one.lastAt;
    if (reply.success === true) this.#take(reply, now);
    // An entry advances the numbers, and moves nothing.
    if (one.lastAt !== before) one.movedAt = Math.min(one.lastAt, this.timeAt(now) || one.lastAt);
    return reply.code !== "conversation_not_found";
  }

  /**
   * @param {Json} reply
   * @param {number} now
   */
  #take(reply, now) {
    this.adopt(reply.epoch);
    const told = Date.parse(reply.timestamp);
    if (Number.isFinite(told)) this.#ahead = told - now;
    for (const summary of /** @type {Summary[]} */ (reply.conversations)) {
      for (const person of summary.participants) this.people.set(person.id, person);
      this.#known(summary.id).listed(summary);
    }
  }

  /**
   * Places the rows of a page. The list is in the order of arrival, so no row has moved after the one
   * above it.
   *
   * @param {Summary[]} rows
   * @param {number} now
   */
  #place(rows, now) {
    if (this.#list.cursor === null) this.#list.above = this.timeAt(now) || Infinity;
    for (const { id, last_seq } of rows) {
      const one = this.#known(id);
      if (last_seq < one.textAt) continue;
      one.movedAt = Math.min(one.lastAt, this.#list.above);
      this.#list.above = one.movedAt - 1;
    }
  }

  /**
   * People appeared in a conversation. If a name is unknown, all participants are requested, once.
   *
   * @param {Conversation} one
   * @param {Iterable<string>} ids
   * @param {number} now
   */
  seen(one, ids, now) {
    // Notes have no row.
    const row = (isNotes(one.id) ? this.notes.beside(one) : one)?.row;
    for (const id of ids) {
      if (this.people.has(id) || this.#strangers.has(id)) continue;
      this.#strangers.add(id);
      row?.want(now, true);
    }
  }

  /** A search has found people. @param {Person[]} found */
  met(found) {
    for (const person of found) this.people.set(person.id, person);
  }

  /**
   * Applies the epoch of a reply. A new epoch voids all held messages.
   *
   * @param {unknown} epoch
   */
  adopt(epoch) {
    if (typeof epoch !== "string") return;
    this.isConfirmed = true;
    if (this.epoch !== null && this.epoch !== epoch) {
      for (const conversation of this.all.values()) conversation.forgetNumbers();
      this.notes.forgetNumbers();
      Object.assign(this.#list, { turn: NOW, cursor: null, count: 0 });
    }
    this.epoch = epoch;
  }

  /** A conversation that the server has named. If it is new, its row is requested. @param {string} id @param {number} now */
  named(id, now) {
    const isNew = !this.all.has(id);
    const conversation = this.#known(id);
    if (isNew) conversation.row.want(now);
    return conversation;
  }

  /**
   * Applies a live message. Returns its conversation.
   *
   * @param {Message} message
   * @param {string} me
   * @param {number} now
   */
  heard(message, me, now) {
    const conversation = this.named(message.conversation_id, now);
    const { assignee } = message.work ?? {};
    this.seen(conversation, assignee ? [message.sender_id, assignee] : [message.sender_id], now);
    if (!isEntry(message)) conversation.types(message.sender_id, false, now);
    if (!this.isConfirmed) {
      // The number may belong to another epoch. The server knows the missing messages.
      if (conversation.held && conversation.join === "done") conversation.join = NOW;
      conversation.row.want(now);
      return { conversation, isNew: false };
    }
    const isNewMessage = message.seq > conversation.lastSeq && !isEntry(message);
    conversation.heardOf(message, message.sender_id === me);
    if (isNewMessage) conversation.movedAt = this.timeAt(now) || conversation.lastAt;
    conversation.append(message);
    return { conversation, isNew: isNewMessage };
  }

  /**
   * Somebody requests help.
   *
   * @param {NewSupportConversation} event
   * @param {number} now
   */
  created(event, now) {
    const conversation = this.#known(event.conversation_id);
    conversation.title = event.title;
    conversation.room_type = event.room_type;
    conversation.created_by = event.creator_id;
    conversation.since = Date.parse(event.timestamp) || 0;
    conversation.isAnnounced = conversation.work === null;
    conversation.lastAt = Math.max(conversation.lastAt, conversation.since);
    conversation.movedAt = this.timeAt(now) || conversation.lastAt;
    if (!this.people.has(event.creator_id)) {
      const [first_name = "", ...rest] = event.creator_name.split(" ");
      const person = { id: event.creator_id, role: event.creator_role, first_name, last_name: rest.join(" ") };
      this.people.set(event.creator_id, person);
    }
    conversation.row.want(now);
  }

  /**
   * An own conversation was created.
   *
   * @param {Json} reply
   * @param {string} me
   * @param {import("../types.d.ts").Draft} draft
   * @param {number} now
   */
  createdByUs(reply, me, draft, now) {
    const conversation = this.#known(String(reply.conversation_id));
    conversation.title = String(reply.title);
    conversation.created_by = me;
    conversation.participants = reply.participants ?? [];
    if (draft.type === "create_support_conversation" && draft.room_type) conversation.room_type = draft.room_type;
    conversation.lastAt = Math.max(conversation.lastAt, Date.parse(reply.timestamp) || 0);
    conversation.movedAt = this.timeAt(now) || conversation.lastAt;
    conversation.participantCount = conversation.participants.length;
    conversation.workIs(1, reply.work);
    conversation.row.want(now);
    return conversation;
  }

  /** The screen shows the conversation. @param {string} id */
  open(id) {
    const conversation = isNotes(id) ? this.notes.open(id) : this.#known(id);
    this.#opened += 1;
    Object.assign(conversation, { isOpen: true, opened: this.#opened });
    if (conversation.join === "done") conversation.join = NOW;
    const held = [...this.all.values()].filter((one) => one.held && !one.isOpen);
    held.sort((one, other) => other.opened - one.opened);
    for (const one of held.slice(LIMITS.held - 1)) Object.assign(one, { held: null, join: "done", settled: [] });
  }

  /** @param {string} id */
  forget(id) {
    this.all.delete(id);
    this.notes.all.delete(id);
  }

  /** A new connection is open. Everything held may be outdated. */
  connected() {
    this.isConfirmed = false;
    this.#strangers.clear();
    Object.assign(this.#list, { turn: NOW, cursor: null, count: 0 });
    for (const one of this.#every()) {
      one.heard = [];
      if (one.held || one.isOpen) one.join = NOW;
    }
  }

  lost() {
    this.#list.turn = afterLoss(this.#list.turn);
    for (const one of this.#every()) one.lost();
  }

  /**
   * The most urgent request that is due.
   *
   * @param {number} now
   * @returns {Ask | null}
   */
  next(now) {
    if (isDue(this.#list.turn, now)) {
      this.#list.turn = "wire";
      const { cursor } = this.#list;
      const from = cursor === null ? { limit: LIMITS.firstListPage } : { limit: LIMITS.listPage, cursor };
      return { purpose: { kind: "list" }, type: "get_active_conversations", data: { ...from, participants: "brief" } };
    }
    for (const one of this.#every()) {
      if (isNotes(one.id) && !this.notes.exist(one)) continue;
      const ask = nextOf(one, now);
      if (ask) return ask;
    }
    return null;
  }

  /** The time of the next turn. Asked for after each frame, so no list is made of all conversations. @param {number} now */
  deadline(now) {
    let first = earliest([this.#list.turn], now);
    const take = (/** @type {import("../types.d.ts").Turn | undefined} */ turn) => {
      if (typeof turn === "number" && turn > now && (first === null || turn < first)) first = turn;
    };
    for (const one of this.#every()) {
      take(one.row.turn);
      take(one.join);
      take(one.first);
      take(one.older);
      take(one.reading?.turn);
    }
    return first;
  }

  /** The time at which the first typing user counts as silent. */
  typingDeadline() {
    let first = null;
    for (const { typing } of this.all.values()) if (typing.size > 0) first = earliest([first, ...typing.values()]);
    return first;
  }

  /**
   * Ends the typing of users that have become silent. Returns their conversations.
   *
   * @param {number} now
   */
  endTyping(now) {
    const changed = [];
    for (const one of this.all.values()) {
      if (one.typing.size === 0) continue;
      const ended = [...one.typing].filter(([, until]) => until <= now);
      for (const [user] of ended) one.typing.delete(user);
      if (ended.length > 0) changed.push(one.id);
    }
    return changed;
  }

  #forgetSilent() {
    if (this.all.size <= LIMITS.conversations) return;
    const silent = [...this.all.values()].filter((one) => !one.isOpen && one.settled.length === 0);
    silent.sort((one, other) => one.movedAt - other.movedAt);
    const [first] = silent;
    if (first) this.all.delete(first.id);
  }
}
