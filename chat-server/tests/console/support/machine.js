// A bench for the machine: a clock that the test moves, and the server's side of its frames.

import assert from "node:assert/strict";
import { Machine } from "../../../console/machine/machine.js";

/** @typedef {import("../../../console/types.d.ts").Input} Input */
/** @typedef {import("../../../console/types.d.ts").Output} Output */

export const ME = "john";

export class Bench {
  now = 1_000;
  link = 0;
  /** @type {Output[]} */
  outputs = [];
  /** The sent requests that the test has not taken yet. @type {{ type: string, request_id: number, data: any }[]} */
  sent = [];
  #ids = 0;

  /** @param {{ random?: () => number, token?: string }} [settings] */
  constructor({ random = () => 0.5, token = "token" } = {}) {
    this.machine = new Machine({ user: ME, token, random, newId: () => `m${(this.#ids += 1)}` });
  }

  /** @param {Input} input */
  handle(input) {
    for (const output of this.machine.handle(this.now, input)) {
      this.outputs.push(output);
      if (output.kind === "connect") this.link = output.link;
      if (output.kind === "send") this.sent.push(JSON.parse(output.text));
    }
  }

  /** Lets time pass, and wakes the machine at the times that it asked for. @param {number} time */
  pass(time) {
    const until = this.now + time;
    for (let at; (at = this.machine.deadline()) !== null && at <= until; ) {
      this.now = Math.max(this.now, at);
      const before = this.machine.deadline();
      this.handle({ kind: "tick" });
      assert.notEqual(this.machine.deadline(), before, "the machine wakes again and again for nothing");
    }
    this.now = until;
  }

  open() {
    this.handle({ kind: "opened", link: this.link });
  }

  /** @param {number} code */
  close(code = 1006) {
    this.sent = [];
    this.handle({ kind: "closed", link: this.link, code });
  }

  /** @param {object} frame */
  frame(frame) {
    this.handle({ kind: "frame", link: this.link, text: JSON.stringify(frame) });
  }

  /** Takes the next request of this type, which must have been sent. @param {string} type */
  request(type) {
    const place = this.sent.findIndex((request) => request.type === type);
    assert.notEqual(place, -1, `${type} among ${JSON.stringify(this.sent)}`);
    return /** @type {{ type: string, request_id: number, data: any }} */ (this.sent.splice(place, 1)[0]);
  }

  /**
   * Answers a request.
   *
   * @param {{ request_id: number }} request
   * @param {object} reply
   */
  reply({ request_id }, reply) {
    this.frame({ success: true, ...reply, request_id });
  }

  /** Connects, and answers the requests for the lists. @param {object[]} [conversations] @param {string} [epoch] @param {object[]} [orders] */
  live(conversations = [], epoch = "e1", orders = []) {
    if (this.link === 0) this.handle({ kind: "start" });
    this.open();
    this.reply(this.request("get_active_conversations"), { conversations, epoch });
    this.reply(this.request("get_open_orders"), { orders });
  }

  /** @param {string} content @param {string} [conversation_id] */
  post(content, conversation_id = "c") {
    this.handle({ kind: "post", draft: { type: "send_chat_message", conversation_id, content }, at: this.now });
  }

  /** The contents of the drafts that were sent. */
  texts() {
    return this.sent.filter((request) => request.type === "send_chat_message").map((request) => request.data.content);
  }

  /** The numbers of the messages that are shown. @param {string} [id] */
  seqs(id = "c") {
    return this.machine.conversations.get(id)?.messages.map((message) => message.seq);
  }

  /** @template {Output["kind"]} K @param {K} kind */
  of(kind) {
    return /** @type {Extract<Output, { kind: K }>[]} */ (this.outputs.filter((output) => output.kind === kind));
  }
}

/** @param {number} seq @param {string} [sender_id] @param {string} [conversation_id] */
export const message = (seq, sender_id = "jane", conversation_id = "c") => ({
  id: `msg_${seq}`,
  conversation_id,
  sender_id,
  content: `text ${seq}`,
  sent_at: new Date(seq * 1000).toISOString(),
  seq,
});

/** @param {number} from @param {number} to */
export const messages = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));

/** @param {number} seq @param {string} [sender_id] */
export const live = (seq, sender_id) => {
  const { conversation_id, ...rest } = message(seq, sender_id);
  return { type: "new_message", conversation_id, message: rest };
};

/** @param {number} last_seq @param {object} [more] */
export const summary = (last_seq, more = {}) => ({
  id: "c",
  title: "Support: Road",
  created_by: ME,
  last_message_at: new Date(last_seq * 1000).toISOString(),
  participants: [
    { id: ME, role: "BUS_DRIVER", first_name: "John", last_name: "Doe" },
    { id: "jane", role: "CONTROL_STAFF", first_name: "Jane", last_name: "Smith" },
  ],
  room_type: "driver_support",
  last_seq,
  read_up_to: last_seq,
  unread_count: 0,
  ...more,
});
