// Inputs from the user: drafts, opened conversations, read positions, typing and rooms.

import { LIMITS } from "./limits.js";
import { NOW } from "./turn.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("../types.d.ts").Input} Input */
/** @typedef {import("../types.d.ts").Output} Output */

export class Actions {
  #machine;
  #newId;
  /** The order of the newest draft. */
  #newest;
  /** @type {Output[]} */
  #outputs = [];

  /**
   * @param {import("./machine.js").Machine} machine
   * @param {() => string} newId
   * @param {number} newest the highest order of earlier drafts
   */
  constructor(machine, newId, newest) {
    this.#machine = machine;
    this.#newId = newId;
    this.#newest = newest;
  }

  /**
   * Handles an input from the user.
   *
   * @param {number} now
   * @param {Input} input
   * @param {Output[]} outputs
   */
  handle(now, input, outputs) {
    this.#outputs = outputs;
    const { conversations, sending, typing } = this.#machine;
    switch (input.kind) {
      case "post":
        return this.#post(input.draft, input.at);
      case "adopt":
        sending.adopt(input.entries);
        for (const entry of input.entries) this.#isWritten(entry.order);
        return this.#changed("outbox");
      case "written_elsewhere":
        return this.#isWritten(input.order);
      case "discard":
      case "retry":
        sending[input.kind](input.id, outputs);
        return this.#changed("outbox");
      case "open":
        return conversations.open(input.id);
      case "shut":
        return this.#with(input.id, (one) => (one.isOpen = false));
      case "older":
        return this.#with(input.id, (one) => {
          if (one.older === "done" && one.hasOlder && one.messages.length < LIMITS.messages) one.older = NOW;
        });
      case "read":
        return this.#with(input.id, (one) => this.#read(one));
      case "typing":
        if (this.#machine.connection.link !== null) typing.set(input.id, input.is_typing, now);
        return;
      case "room":
        return this.#room(input.room, input.wanted);
      case "people":
        this.#machine.people.search(input.find, input.side);
        return this.#changed("people");
      case "phrases":
        return this.#machine.phrases.want(input.language);
      case "hand_over":
        this.#machine.handover.begin(input.ids, input.to);
        return this.#changed("handover");
      case "hand_over_stop":
        this.#machine.handover.stop();
        return this.#changed("handover");
      case "work":
        return this.#work(input);
      case "withdraw_order":
        return this.#withdrawOrder(input.id, input.message_id);
      case "end_emergency":
        return this.#endEmergency(input);
    }
  }

  /**
   * @param {import("../types.d.ts").Draft} draft
   * @param {number} at by the clock of the device
   */
  #post(draft, at) {
    const { sending, typing } = this.#machine;
    if (draft.type === "answer_message" && this.#isAnswered(draft.message_id)) return;
    this.#newest += 1;
    const entry = { client_message_id: this.#newId(), at, order: this.#newest, draft };
    if (!sending.post(entry, this.#outputs)) this.#outputs.push({ kind: "full" });
    if (draft.type === "send_chat_message") typing.sent(draft.conversation_id);
    this.#changed("outbox");
  }

  /** An order is answered once: a further press does nothing, unless the server has refused the first. @param {string} messageId */
  #isAnswered(messageId) {
    const { sending } = this.#machine;
    const before = sending.answerTo(messageId);
    if (before?.refused !== undefined) sending.discard(before.client_message_id, this.#outputs);
    return before !== undefined && before.refused === undefined;
  }

  /** Later drafts are ordered after this one. @param {number} [order] */
  #isWritten(order = 0) {
    this.#newest = Math.max(this.#newest, order);
  }

  /** @param {Conversation} one */
  #read(one) {
    const newest = one.messages.at(-1);
    if (!newest || newest.seq <= Math.max(one.readUpTo, one.reading?.seq ?? 0)) return;
    one.reading = { turn: NOW, message_id: newest.id, seq: newest.seq };
    if (newest.seq >= one.lastSeq) one.unread = 0;
    this.#outputs.push({ kind: "changed", what: "conversation", id: one.id });
  }

  /**
   * @param {import("../types.d.ts").RoomType} room
   * @param {boolean} wanted
   */
  #room(room, wanted) {
    const { rooms } = this.#machine;
    if (wanted) {
      rooms.want(room);
    } else {
      rooms.leave(room);
      // Rooms are left by disconnecting. The next connection joins the others.
      if (rooms.joined.has(room)) this.#machine.reconnect();
    }
    this.#changed("rooms");
  }

  /** @param {Extract<Input, { kind: "work" }>} input */
  #work({ id, action, version, to }) {
    const data = { version, client_message_id: this.#newId(), ...(to === undefined ? {} : { to }) };
    this.#machine.works.want(id, action, data);
    this.#outputs.push({ kind: "changed", what: "conversation", id });
  }

  /** @param {Extract<Input, { kind: "end_emergency" }>} input */
  #endEmergency({ id, reason, version }) {
    this.#machine.works.wantEnd(id, reason, { version, client_message_id: this.#newId() });
    this.#outputs.push({ kind: "changed", what: "conversation", id });
  }

  /** @param {string} id @param {string} message_id */
  #withdrawOrder(id, message_id) {
    this.#machine.works.wantWithdrawal(id, { message_id, client_message_id: this.#newId() });
    this.#outputs.push({ kind: "changed", what: "conversation", id });
  }

  /**
   * @param {string} id
   * @param {(one: Conversation) => void} act
   */
  #with(id, act) {
    const one = this.#machine.conversations.get(id);
    if (one) act(one);
  }

  /** @param {"outbox" | "rooms" | "people" | "handover"} what */
  #changed(what) {
    this.#outputs.push({ kind: "changed", what });
  }
}
