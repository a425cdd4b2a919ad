// Calling a driver: sound, vibration and a notification for each message of control, also for those
// that arrived while the connection was lost.

import { isControl } from "../token.js";
import { notify } from "./notify.js";
import { callDriver } from "./sound.js";
import { nameOf, titleOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../types.d.ts").Told} Told */

export class Calls {
  #session;
  #show;
  /** The number of the newest message of each conversation that the driver was called for. @type {Map<string, number>} */
  #calledTo = new Map();

  /**
   * @param {import("../session.js").Session} session
   * @param {(id: string) => void} show
   */
  constructor(session, show) {
    this.#session = session;
    this.#show = show;
  }

  /** @param {Told} told */
  hear(told) {
    const { conversations } = this.#session.client.machine;
    if (told.kind === "message") {
      const { conversation_id: id, sender_id, seq, content } = told.message;
      this.#call(id, seq, sender_id, content);
    }
    if (told.kind !== "changed") return;
    if (told.what === "list") for (const one of conversations.all.values()) this.#missed(one);
    if (told.what === "conversation") this.#missed(conversations.get(told.id));
  }

  /** Calls for a message that only the row tells of. Messages whose sender has no name yet are told of later. @param {Conversation | undefined} one */
  #missed(one) {
    if (one?.last && one.unread > 0 && one.unnamed.length === 0) this.#call(one.id, one.textAt, one.last.sender_id, one.last.content);
  }

  /**
   * @param {string} id
   * @param {number} seq
   * @param {string} sender
   * @param {string} content
   */
  #call(id, seq, sender, content) {
    const { conversations } = this.#session.client.machine;
    if (seq <= (this.#calledTo.get(id) ?? 0)) return;
    this.#calledTo.set(id, seq);
    const person = conversations.people.get(sender);
    // The list names everybody in the field.
    if (sender === this.#session.user.id || (person && !isControl(person.role))) return;
    callDriver();
    const title = `${nameOf(person, sender)} · ${titleOf(conversations.get(id)?.title ?? "")}`;
    notify(title, { body: content, tag: `${id} ${seq}`, open: () => this.#show(id) });
  }
}
