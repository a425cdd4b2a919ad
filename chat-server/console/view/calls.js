// Calling the user for messages of the other side, also for those that arrived while the connection
// was lost: a driver for each message of control, and control for those in the user's own
// conversations. Orders that are overdue call the side that has given them.

import { isOfControl } from "../machine/orders.js";
import { isControl } from "../token.js";
import { isSeen, notify } from "./notify.js";
import { overdueWords } from "./overdue.js";
import { callControl, callDriver } from "./sound.js";
import { nameOf, titleOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../types.d.ts").Told} Told */

/** Least pause between two sounds for control, in milliseconds. A driver hears each message. */
const PAUSE = 2_000;

export class Calls {
  #session;
  #show;
  #isControl;
  /** When control was called last. */
  #soundedAt = -Infinity;
  /** The conversation that is shown. @type {string | null} */
  open = null;
  /** The number of the newest message of each conversation that the user was called for. @type {Map<string, number>} */
  #calledTo = new Map();

  /**
   * @param {import("../session.js").Session} session
   * @param {(id: string) => void} show
   */
  constructor(session, show) {
    this.#session = session;
    this.#show = show;
    this.#isControl = isControl(session.user.role);
  }

  /** @param {Told} told */
  hear(told) {
    const { conversations } = this.#session.client.machine;
    if (told.kind === "message") {
      const { conversation_id: id, sender_id, seq, content, order } = told.message;
      this.#call(id, seq, sender_id, content, order !== undefined);
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
   * @param {boolean} [isUrgent]
   */
  #call(id, seq, sender, content, isUrgent = false) {
    const { conversations } = this.#session.client.machine;
    if (seq <= (this.#calledTo.get(id) ?? 0)) return;
    this.#calledTo.set(id, seq);
    const [person, one] = [conversations.people.get(sender), conversations.get(id)];
    // The list names everybody in the field.
    const isOfControl = person === undefined || isControl(person.role);
    if (sender === this.#session.user.id || isOfControl === this.#isControl) return;
    if (this.#isControl && !this.#isAwaited(one)) return;
    this.#sound();
    const title = `${nameOf(person, sender)} · ${titleOf(one?.title ?? "")}`;
    notify(title, { body: content, tag: `${id} ${seq}`, isUrgent, open: () => this.#show(id) });
  }

  /**
   * Whether an overdue order is the user's to look after: its own, one of a conversation that it
   * has, or one that nobody has. If so, calls the user.
   *
   * @param {string} id
   * @param {import("../types.d.ts").Order} order
   */
  overdue(id, order) {
    const one = this.#session.client.machine.conversations.get(id);
    const me = this.#session.user.id;
    const holder = one?.work?.assignee ?? null;
    if (isOfControl(order) !== this.#isControl) return false;
    if (this.#isControl && order.sender_id !== me && holder !== me && holder !== null) return false;
    this.#sound();
    const title = overdueWords(order, this.#session);
    notify(title, { body: titleOf(one?.title ?? ""), tag: `${order.message_id} overdue`, isUrgent: true, open: () => this.#show(id) });
    return true;
  }

  /** Whether the conversation is the user's, who does not look at it. @param {Conversation | undefined} one */
  #isAwaited(one) {
    return one?.work?.assignee === this.#session.user.id && (one.id !== this.open || !isSeen());
  }

  #sound() {
    if (!this.#isControl) return callDriver();
    if (performance.now() - this.#soundedAt < PAUSE) return;
    this.#soundedAt = performance.now();
    callControl();
  }
}
