// The chat client as a state machine, without screen, network, clock or randomness.
//
// It keeps the promises of the Rust SDK. Messages are sent once and in order, over any number of
// connections. A conversation shows the server's messages without gaps, each once. `handle` takes
// every event and returns the actions to perform, in order; then `tick` is due at `deadline()`.

import { Actions } from "./actions.js";
import { Connection } from "./connection.js";
import { Conversations } from "./conversations.js";
import { Handover } from "./handover.js";
import { Incoming } from "./incoming.js";
import { LIMITS, PERIODS } from "./limits.js";
import { OpenOrders } from "./open_orders.js";
import { People } from "./people.js";
import { Phrases } from "./phrases.js";
import { Rooms } from "./rooms.js";
import { Sending, requestOf } from "./sending.js";
import { NOW, again, earliest } from "./turn.js";
import { Typing } from "./typing.js";
import { Wire } from "./wire.js";
import { Works } from "./works.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Input} Input */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Output} Output */

export class Machine {
  connection;
  conversations = new Conversations();
  openOrders = new OpenOrders();
  sending = new Sending();
  people = new People();
  phrases = new Phrases();
  rooms = new Rooms();
  typing = new Typing();
  works = new Works();
  handover;
  #wire = new Wire();
  #isProbeWanted = false;
  /** Factor on the deadline of replies. Doubles with each late reply. */
  #patience = 1;
  /** A new token for the open session. @type {{ token: string, turn: import("../types.d.ts").Turn } | null} */
  #refresh = null;
  #token;
  #newId;
  #now = 0;
  #actions;
  /** @type {Output[]} */
  #outputs = [];

  /**
   * @param {{ user: string, token: string, random: () => number, newId: () => string, newest?: number }} settings `newest` is
   *   the highest order of earlier drafts
   */
  constructor({ user, token, random, newId, newest = 0 }) {
    this.user = user;
    this.#token = token;
    this.handover = new Handover(user);
    this.#newId = newId;
    this.#actions = new Actions(this, newId, newest);
    this.connection = new Connection(random);
  }

  /**
   * Handles an input. Returns the actions to perform, in order.
   *
   * @param {number} now milliseconds that never fall
   * @param {Input} input
   * @returns {Output[]}
   */
  handle(now, input) {
    this.#now = now;
    this.#outputs = [];
    this.#input(input);
    this.#due();
    this.handover.step(this, this.#newId);
    this.#pump();
    return this.#outputs;
  }

  /** The time at which `tick` is due unless something happens before. */
  deadline() {
    const parts = [this.conversations, this.openOrders, this.sending, this.people, this.phrases, this.rooms, this.typing, this.works];
    const turns = [...parts.map((part) => part.deadline(this.#now)), earliest([this.#refresh?.turn], this.#now)];
    const ofLink = this.connection.link === null ? [] : [...turns, this.#wire.deadline()];
    // A pending request probes the connection already.
    const ofConnection = this.#wire.size > 0 ? null : this.connection.deadline();
    return earliest([ofConnection, this.conversations.typingDeadline(), ...ofLink]);
  }

  /** @param {Input} input */
  #input(input) {
    switch (input.kind) {
      case "start":
      case "resume":
        return this.#start();
      case "opened":
        return this.#opened(input.link);
      case "closed":
        return this.#closed(input.link, input.code);
      case "frame":
        return this.#frame(input.link, input.text);
      case "online":
        return this.#online();
      case "offline":
        this.#isProbeWanted = this.connection.link !== null;
        return;
      case "close":
        this.#hangUp();
        return this.connection.close();
      case "token":
        return this.#newToken(input.token);
      default:
        return this.#actions.handle(this.#now, input, this.#outputs);
    }
  }

  // The connection.

  #start() {
    if (["closed", "opening", "open"].includes(this.connection.state.is)) return;
    this.connection.forgetFailures();
    this.#connect();
  }

  #connect() {
    this.connection.connect(this.#token, this.#now, this.#outputs);
    this.#changed("connection");
  }

  /** @param {number} link */
  #opened(link) {
    if (!this.connection.opened(link, this.#now)) return;
    this.conversations.connected();
    this.openOrders.connected();
    this.#changed("connection");
  }

  /**
   * @param {number} link
   * @param {number} code
   */
  #closed(link, code) {
    if (!this.connection.leave(this.#now, link)) return;
    this.#lost();
    this.connection.after(code, this.#now);
    this.#changed("connection");
  }

  /** Leaves the connection for a new one. */
  reconnect() {
    this.#hangUp();
    this.#connect();
  }

  #hangUp() {
    const { state } = this.connection;
    if (!this.connection.leave(this.#now)) return;
    if (state.is === "opening" || state.is === "open") this.#outputs.push({ kind: "disconnect", link: state.link });
    this.#lost();
  }

  /** Requests of the lost transport are repeated over the next one. */
  #lost() {
    this.#isProbeWanted = false;
    this.#wire.clear();
    this.sending.lost();
    this.people.lost();
    this.phrases.lost();
    this.rooms.lost();
    this.typing.lost();
    this.works.lost();
    this.conversations.lost();
    this.openOrders.lost();
    if (this.#refresh) this.#token = this.#refresh.token;
    this.#refresh = null;
    for (const id of this.conversations.all.keys()) this.#changedConversation(id);
    this.#changed("outbox");
    this.#changed("rooms");
  }

  /** The network is back, or has changed. */
  #online() {
    const { is } = this.connection.state;
    if (is === "open") {
      this.#isProbeWanted = true;
    } else if (is === "pausing" && !this.connection.cause) {
      this.connection.forgetFailures();
      this.#connect();
    }
  }

  /** @param {string} token */
  #newToken(token) {
    if (this.connection.link !== null) {
      this.#refresh = { token, turn: NOW };
      return;
    }
    this.#token = token;
    // The refused token was the old one.
    if (!this.connection.cause) return;
    this.#hangUp();
    this.#start();
  }

  /** Handles everything that is due by time. */
  #due() {
    const { state } = this.connection;
    if (state.is === "pausing" && state.until <= this.#now) this.#connect();
    if (state.is === "opening" && state.giveUpAt <= this.#now) this.#giveUp();
    if (state.is === "open") {
      const overdue = this.#wire.deadline();
      if (overdue !== null && overdue <= this.#now) this.#giveUpWaiting();
      else if (this.#wire.size === 0 && state.heardAt + PERIODS.heartbeat <= this.#now) this.#isProbeWanted = true;
    }
    for (const id of this.conversations.endTyping(this.#now)) this.#outputs.push({ kind: "changed", what: "typing", id });
  }

  #giveUpWaiting() {
    this.#patience = Math.min(2 * this.#patience, LIMITS.patience);
    this.#giveUp();
  }

  #giveUp() {
    this.#hangUp();
    this.connection.pause(PERIODS.backoffFrom, this.#now);
    this.#changed("connection");
  }

  // Requests.

  #pump() {
    for (;;) {
      const { link } = this.connection;
      if (link === null || this.#wire.size >= LIMITS.onWire) return;
      const ask = this.#next();
      if (!ask) return;
      const within = ask.purpose.kind === "probe" ? PERIODS.probeWithin : PERIODS.replyWithin;
      this.#outputs.push({ kind: "send", link, text: this.#wire.put(ask, this.#now + within * this.#patience) });
    }
  }

  /** @returns {Ask | null} */
  #next() {
    const now = this.#now;
    return (
      this.#nextOfSession() ??
      this.rooms.next(now) ??
      this.works.next(now) ??
      this.people.next(now) ??
      this.openOrders.next(now, this.conversations) ??
      this.conversations.next(now) ??
      this.#nextDraft() ??
      this.phrases.next(now) ??
      this.typing.next(now)
    );
  }

  /** @returns {Ask | null} */
  #nextOfSession() {
    if (this.#refresh && typeof this.#refresh.turn === "number" && this.#refresh.turn <= this.#now) {
      const { token } = this.#refresh;
      this.#refresh.turn = "wire";
      return { purpose: { kind: "refresh", token }, type: "refresh_token", data: { token } };
    }
    if (this.#isProbeWanted) {
      this.#isProbeWanted = false;
      this.connection.heard(this.#now);
      return { purpose: { kind: "probe" }, type: "get_active_conversations", data: { limit: 1, participants: "brief" } };
    }
    return null;
  }

  /** @returns {Ask | null} */
  #nextDraft() {
    const entry = this.sending.next(this.#now);
    return entry && { purpose: { kind: "draft", id: entry.client_message_id }, ...requestOf(entry) };
  }

  // Frames from the server.

  /**
   * @param {number} link
   * @param {string} text
   */
  #frame(link, text) {
    if (this.connection.link !== link) return;
    this.connection.heard(this.#now);
    const frame = parse(text);
    if (!frame) return;
    const incoming = new Incoming(this, this.#now, this.#outputs);
    if (typeof frame.type === "string") return incoming.event(frame);
    const purpose = this.#wire.take(frame.request_id);
    if (!purpose) return;
    if (this.#wire.size === 0) this.#patience = 1;
    if (this.connection.answered(this.#now)) this.#changed("connection");
    if (purpose.kind === "refresh") this.#refreshReply(purpose.token, frame);
    else incoming.reply(purpose, frame);
  }

  /**
   * @param {string} token
   * @param {Json} reply
   */
  #refreshReply(token, reply) {
    const later = again(reply, this.#now);
    if (this.#refresh?.token === token) {
      if (later !== null) this.#refresh.turn = later;
      else this.#refresh = null;
    }
    if (later !== null) return;
    const ok = reply.success === true;
    if (ok) this.#token = token;
    this.#outputs.push({ kind: "renewed", ok, ...(ok ? {} : { error: String(reply.error) }) });
  }

  /** @param {"connection" | "list" | "outbox" | "rooms"} what */
  #changed(what) {
    this.#outputs.push({ kind: "changed", what });
  }

  /** @param {string} id */
  #changedConversation(id) {
    this.#outputs.push({ kind: "changed", what: "conversation", id });
  }
}

/**
 * Parses a frame. `null` unless it is an object.
 *
 * @param {string} text
 * @returns {Json | null}
 */
function parse(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame === "object" && frame !== null && !Array.isArray(frame) ? frame : null;
  } catch {
    return null;
  }
}
