// Handling of frames from the server.

import { LIMITS } from "./limits.js";
import { besideOf, isNotes } from "./notes.js";
import { lane } from "./sending.js";
import { again, isOfTheSession } from "./turn.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Output} Output */
/** @typedef {import("../types.d.ts").Purpose} Purpose */

/** One received frame. */
export class Incoming {
  #machine;
  #now;
  #outputs;

  /**
   * @param {import("./machine.js").Machine} machine
   * @param {number} now
   * @param {Output[]} outputs
   */
  constructor(machine, now, outputs) {
    this.#machine = machine;
    this.#now = now;
    this.#outputs = outputs;
  }

  /**
   * Handles a reply to the request with this purpose.
   *
   * @param {Purpose} purpose
   * @param {Json} reply
   */
  reply(purpose, reply) {
    const { connection, conversations, people, phrases, rooms } = this.#machine;
    switch (purpose.kind) {
      case "list":
        conversations.listed(reply, this.#now);
        if (connection.servedBy(reply.served_by)) this.#changed("connection");
        return this.#changed("list");
      case "draft":
        return this.#draftReply(purpose.id, reply);
      case "orders":
        return this.#ordersListed(reply);
      case "order":
        return this.#learn(this.#machine.openOrders.found(purpose.id, reply, this.#now));
      case "room":
        rooms.answered(purpose.room, reply, this.#now);
        return this.#changed("rooms");
      case "people":
        conversations.met(people.answered(reply, this.#now));
        return this.#changed("people");
      case "phrases":
        phrases.answered(reply, this.#now);
        return this.#changed("phrases");
      case "work":
        return this.#workReply(purpose.id, reply);
      case "row":
      case "join":
      case "first":
      case "older":
      case "read": {
        const one = conversations.get(purpose.id);
        if (one) this.#conversationReply(one, purpose, reply);
      }
    }
  }

  /**
   * @param {Conversation} one
   * @param {Extract<Purpose, { kind: "row" | "join" | "first" | "older" | "read" }>} purpose
   * @param {Json} reply
   */
  #conversationReply(one, purpose, reply) {
    if (purpose.kind === "row") {
      if (!this.#machine.conversations.rowOf(one, reply, this.#now)) this.#gone(one);
      for (const message of one.unnamed.splice(0)) this.#outputs.push({ kind: "message", message });
    } else if (purpose.kind === "join") this.#joinReply(one, reply);
    else if (purpose.kind === "first") one.began(reply, this.#now);
    else if (purpose.kind === "read") this.#readReply(one, purpose.seq, reply);
    else {
      one.older = again(reply, this.#now) ?? "done";
      if (reply.success === true) one.prepended(reply);
    }
    if (one.isOpen) this.#machine.conversations.seen(one, new Set(one.messages.map(({ sender_id }) => sender_id)), this.#now);
    this.#changedConversation(one.id);
  }

  /**
   * @param {Conversation} one
   * @param {Json} reply
   */
  #joinReply(one, reply) {
    if (isOfTheSession(reply)) return;
    const { conversations } = this.#machine;
    const later = again(reply, this.#now);
    if (later !== null) {
      one.join = later;
    } else if (reply.success === true) {
      conversations.adopt(reply.epoch);
      one.joined(reply);
    } else {
      one.join = "done";
      if (reply.code === "conversation_not_found") return this.#gone(one);
      this.#outputs.push({ kind: "gone", id: one.id });
    }
  }

  /**
   * @param {string} id
   * @param {Json} reply
   */
  #workReply(id, reply) {
    const { conversations, handover, works } = this.#machine;
    const one = conversations.get(id);
    if (!works.answered(id, reply, this.#now)) return;
    if (reply.success === true || reply.code === "conflict") {
      one?.workIs(reply.seq ?? reply.work?.version, reply.work);
      one?.emergencyIs(reply.seq ?? reply.emergency?.version, reply.emergency);
      if (reply.order) one?.orders.take(reply.order);
    }
    if (handover.isAsked(id)) {
      handover.answered(id, reply);
      this.#changed("handover");
    } else if (one && reply.success !== true && !isOfTheSession(reply)) {
      // A conflict about an order says that it waits for nobody any more.
      const code = reply.code === "conflict" && reply.order ? "order_over" : String(reply.code);
      this.#outputs.push({ kind: "lost", id, error: String(reply.error), code });
    }
    this.#changedConversation(id);
  }

  /** The user is no longer a participant. @param {Conversation} one */
  #gone(one) {
    this.#machine.conversations.forget(one.id);
    this.#outputs.push({ kind: "gone", id: one.id });
    this.#changed("list");
  }

  /**
   * @param {Conversation} one
   * @param {number} seq
   * @param {Json} reply
   */
  #readReply(one, seq, reply) {
    const later = again(reply, this.#now);
    if (one.reading?.seq === seq) {
      if (later !== null) one.reading.turn = later;
      else one.reading = null;
    }
    if (reply.success === true && !one.readTo(seq)) one.row.want(this.#now);
  }

  /**
   * @param {string} id
   * @param {Json} reply
   */
  #draftReply(id, reply) {
    const { sending } = this.#machine;
    const entry = sending.answered(id, reply, this.#now, this.#outputs);
    if (entry?.draft.type === "answer_message") this.#answered(entry.draft.conversation_id, reply);
    if (entry?.refused_code === "already_answered") sending.discard(id, this.#outputs);
    else if (entry && entry.refused !== undefined) this.#outputs.push({ kind: "refused", entry });
    else if (entry) this.#acknowledged(entry, reply);
    this.#changed("outbox");
  }

  /**
   * @param {import("../types.d.ts").Entry} entry
   * @param {Json} reply
   */
  #acknowledged({ client_message_id, at, draft }, reply) {
    const { conversations, user } = this.#machine;
    if (!("conversation_id" in draft)) {
      const { id } = conversations.createdByUs(reply, user, draft, this.#now);
      this.#outputs.push({ kind: "created", client_message_id, id });
      return this.#changed("list");
    }
    if (draft.type === "add_note") this.#noted(draft.conversation_id);
    const one = conversations.get(lane(draft));
    if (!one) return;
    if (draft.type !== "answer_message" && one.held && reply.seq > one.heldTo) {
      one.settled.push({ client_message_id, seq: reply.seq, content: draft.content, at });
    }
    this.#changedConversation(one.id);
  }

  /**
   * The reply to an answer has the order, also if somebody has answered before.
   *
   * @param {string} id
   * @param {Json} reply
   */
  #answered(id, reply) {
    if (reply.order) this.#machine.conversations.get(id)?.orders.take(reply.order);
    if (reply.code === "already_answered") this.#outputs.push({ kind: "answered_before", id });
    this.#changedConversation(id);
  }

  /** @param {string} id @param {import("../types.d.ts").Order} order */
  #orderOverdue(id, order) {
    const { conversations } = this.#machine;
    // The version may belong to another epoch. The list of open orders tells what has ended.
    if (!conversations.isConfirmed) return;
    conversations.named(id, this.#now).orders.take(order, { isAlert: true });
    this.#changedConversation(id);
  }

  /** @param {Json} reply */
  #ordersListed(reply) {
    for (const message of this.#machine.openOrders.listed(reply, this.#now)) this.#learn(message);
  }

  /** Takes up the order of a message that no page of its conversation has. @param {import("../types.d.ts").Message | null} message */
  #learn(message) {
    if (!message) return;
    const one = this.#machine.conversations.named(message.conversation_id, this.#now);
    one.orders.learn(message);
    this.#changedConversation(one.id);
  }

  /** Handles a frame that is no reply. @param {Json} event */
  event(event) {
    const { connection, conversations } = this.#machine;
    const conversation = conversations.get(event.conversation_id);
    switch (event.type) {
      case "new_message":
        return this.#newMessage({ conversation_id: event.conversation_id, ...event.message });
      case "new_support_conversation":
        conversations.created(/** @type {any} */ (event), this.#now);
        this.#outputs.push({ kind: "request", event: /** @type {any} */ (event) });
        return this.#changed("list");
      case "typing_status":
        return this.#typing(conversation, event);
      case "message_read":
        conversation?.positionsAre([{ user_id: event.user_id, read_up_to: event.read_up_to }]);
        break;
      case "order_overdue":
        return this.#orderOverdue(event.conversation_id, event.order);
      case "read_position":
        if (conversation && !conversation.readTo(event.read_up_to)) conversation.row.want(this.#now);
        break;
      case "error":
        connection.told = { reason: String(event.error), pause: Number(event.retry_after_ms) || 0 };
    }
    if (conversation) this.#changedConversation(conversation.id);
  }

  /**
   * @param {Conversation | undefined} conversation
   * @param {Json} event
   */
  #typing(conversation, event) {
    if (conversation?.types(event.user_id, event.is_typing, this.#now)) {
      this.#machine.conversations.seen(conversation, [event.user_id], this.#now);
      this.#outputs.push({ kind: "changed", what: "typing", id: conversation.id });
    }
  }

  /** @param {import("../types.d.ts").Message} message */
  #newMessage(message) {
    const { conversations, user } = this.#machine;
    if (isNotes(message.conversation_id)) return this.#newNote(message);
    const isNewest = conversations.isConfirmed && message.seq > (conversations.get(message.conversation_id)?.lastSeq ?? 0);
    const { conversation, isNew } = conversations.heard(message, user, this.#now);
    const { sender_id: by, work } = message;
    if (isNew && by !== user) this.#tell(conversation, message);
    const isHanded = work?.action === "TRANSFER" && work.assignee === user && by !== user;
    if (isNewest && isHanded) this.#outputs.push({ kind: "handed", id: conversation.id, by });
    this.#changedConversation(conversation.id);
  }

  /** @param {import("../types.d.ts").Message} message */
  #newNote(message) {
    const { conversations, user } = this.#machine;
    conversations.notes.heard(message, message.sender_id === user, conversations.isConfirmed);
    const notes = conversations.get(message.conversation_id);
    if (notes?.isOpen) conversations.seen(notes, [message.sender_id], this.#now);
    this.#changedConversation(message.conversation_id);
    this.#changedConversation(besideOf(message.conversation_id));
  }

  /** An own note is stored. @param {string} id of the conversation beside it */
  #noted(id) {
    const one = this.#machine.conversations.get(id);
    if (one) one.hasNotes = true;
    this.#changedConversation(id);
  }

  /**
   * Announces a message: at once, or as soon as its sender's name is known.
   *
   * @param {Conversation} one
   * @param {import("../types.d.ts").Message} message
   */
  #tell(one, message) {
    const isNamed = this.#machine.conversations.people.has(message.sender_id) || one.row.turn === "done";
    if (isNamed) this.#outputs.push({ kind: "message", message });
    else one.unnamed = [...one.unnamed, message].slice(-LIMITS.unnamed);
  }

  /** @param {"connection" | "list" | "outbox" | "rooms" | "people" | "phrases" | "handover"} what */
  #changed(what) {
    this.#outputs.push({ kind: "changed", what });
  }

  /** Also tells of the orders that are overdue now, each once. @param {string} id */
  #changedConversation(id) {
    this.#outputs.push({ kind: "changed", what: "conversation", id });
    for (const order of this.#machine.conversations.get(id)?.orders.takeOverdue() ?? []) this.#outputs.push({ kind: "overdue", id, order });
  }
}
