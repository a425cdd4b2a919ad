// An open conversation: its messages, typing users, and the input field.

import { t } from "../language.js";
import { isEntry } from "../machine/conversation.js";
import { besideOf } from "../machine/notes.js";
import { Composer } from "./composer.js";
import { h, hidden, hide, reconcile, say, set } from "./dom.js";
import { updateOrder } from "./order.js";
import { announce } from "./shell.js";
import { contentOf, dayOf, nameOf, refusalOf, timeOf, typingWords, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Entry} Entry */

/**
 * A line of the conversation.
 *
 * @typedef {object} Line
 * @property {string} key
 * @property {string} sender
 * @property {string} content
 * @property {number} seq greater than any read position for unsent lines
 * @property {number} at
 * @property {boolean} startsDay whether the line is the first of a day
 * @property {boolean} goesOn whether the previous line has the same sender
 * @property {"theirs" | "waiting" | "refused" | "sent" | "read" | "entry"} is
 * @property {string} [refused]
 * @property {string} [refused_code]
 * @property {import("../types.d.ts").KnownOrder} [order]
 * @property {string[]} [choices] of an order that is not sent yet
 * @property {import("../types.d.ts").Message} [entry] what has happened, worded in the language of the page
 */

/** The field for a note. */
const noteField = () => ({ id: "note", label: t("notes.field"), hint: t("notes.hint"), send: t("notes.add") });

/** The field for a message. */
const messageField = () => ({ id: "message", label: t("composer.label"), hint: t("composer.hint"), send: t("composer.send") });

/** Distance from an end that counts as being there, in pixels. */
const NEAR = 60;

export class Thread {
  #session;
  /** @type {string | null} */
  #id = null;
  #lines;
  #older = h("p", { class: "older", hidden: true });
  #typing = h("p", { class: "typing", "aria-live": "polite" });
  #below = h("button", { type: "button", class: "below", hidden: true, click: () => this.#toEnd() }, t("thread.below"));
  #composer;
  #areNotes;
  #first = 0;
  #isAtEnd = true;
  /** The last scroll position. */
  #top = 0;
  /** The read positions of the other side. @type {Map<string, number>} */
  #readers = new Map();

  /**
   * `gone`: when it is shown no more. `giveOrder`: control alone gives orders here. `areNotes`: it
   * shows notes, which nobody is told the typing of.
   *
   * @param {Session} session
   * @param {{ phrases: Pick<import("./phrases.js").PhraseBook, "messages">, gone: AbortSignal, giveOrder?: (id: string) => void,
   *   areNotes?: boolean }} settings
   */
  constructor(session, { phrases, gone, giveOrder, areNotes = false }) {
    this.#session = session;
    this.#areNotes = areNotes;
    const label = t(areNotes ? "notes.label" : "thread.label");
    this.#lines = h("ol", { class: "lines", tabindex: 0, "aria-label": label, scroll: () => this.#scrolled() });
    this.#composer = new Composer({
      phrases,
      post: (content) => this.#post(content),
      unsent: session.unsent,
      field: areNotes ? noteField() : messageField(),
      ...(giveOrder && { giveOrder }),
      types: (is_typing) => this.#types(is_typing),
    });
    const history = h("div", { class: "history" }, this.#older, this.#lines, this.#below);
    this.element = h("div", { class: "thread", hidden: true }, history, this.#typing, this.#composer.element);
    addEventListener("focus", () => this.#markRead(), { signal: gone });
    document.addEventListener("visibilitychange", () => this.#markRead(), { signal: gone });
    const sizes = new ResizeObserver(() => this.#isAtEnd && this.#toEnd());
    sizes.observe(this.#lines);
    gone.addEventListener("abort", () => sizes.disconnect());
  }

  /** Shows another conversation, or none. @param {string | null} id */
  show(id) {
    if (this.#id === id) return;
    const { client } = this.#session;
    if (this.#id !== null) client.handle({ kind: "shut", id: this.#id });
    this.#id = id;
    this.#lines.replaceChildren();
    this.#isAtEnd = true;
    this.#first = 0;
    this.#composer.show(id);
    if (id !== null) client.handle({ kind: "open", id });
    this.#updateAll();
  }

  focus() {
    this.#composer.focus();
  }

  /** The unsent text was changed elsewhere. */
  updateText() {
    this.#composer.show(this.#id);
  }

  /** The server has sent other ready texts. */
  updatePhrases() {
    this.#composer.update();
  }

  /** Shows the changes. @param {Pick<import("./pace.js").Changes, "all" | "conversations" | "typing" | "outbox">} changes */
  update({ all, conversations, typing, outbox }) {
    if (this.#id === null) return;
    if (all || outbox || conversations.has(this.#id)) this.#updateAll();
    else if (typing.has(this.#id)) this.#showTyping();
  }

  #updateAll() {
    hide(this.element, this.#id === null);
    const conversation = this.#conversation;
    // After an error the client begins anew. Until the view does too, its user goes on writing.
    if (!conversation) return;
    const first = conversation.messages[0]?.seq ?? 0;
    const isPrepended = this.#first > 0 && first < this.#first;
    const { scrollHeight, scrollTop } = this.#lines;
    const before = this.#lines.childElementCount;
    this.#render(conversation);
    this.#first = first;
    if (this.#isAtEnd) this.#toEnd();
    else if (isPrepended) this.#lines.scrollTop = scrollTop + this.#lines.scrollHeight - scrollHeight;
    else if (this.#lines.childElementCount > before) hide(this.#below, false);
    this.#fill(conversation);
    this.#markRead();
  }

  get #conversation() {
    return this.#id === null ? undefined : this.#session.client.machine.conversations.get(this.#id);
  }

  /** @param {Conversation} conversation */
  #render(conversation) {
    const { machine } = this.#session.client;
    const drafts = machine.sending.of(conversation.id);
    const { id: me, role } = this.#session.user;
    const readers = machine.conversations.readersOf(conversation, role);
    this.#readers = readers;
    const lines = linesOf(conversation, drafts, me, Math.max(0, ...readers.values()));
    reconcile(this.#lines, lines, (line) => line.key, makeLine, (element, line) => this.#line(element, line));
    set(this.#lines, "aria-busy", !conversation.held || conversation.older !== "done");
    hide(this.#older, conversation.held !== null && conversation.older === "done");
    say(this.#older, t(conversation.held ? "thread.older" : "app.loading"));
    this.#showTyping();
  }

  #showTyping() {
    const typing = [...(this.#conversation?.typing.keys() ?? [])].filter((id) => id !== this.#session.user.id);
    say(this.#typing, typingWords(typing.map((id) => this.#who(id))));
  }

  /** @param {string} id */
  #who(id) {
    return nameOf(this.#session.client.machine.conversations.people.get(id), id);
  }

  /**
   * @param {HTMLElement} element
   * @param {Line} line
   */
  #line(element, line) {
    set(element, "data-is", line.is);
    set(element, "data-goes-on", line.goesOn);
    set(element, "data-day", line.startsDay ? dayOf(line.at) : null);
    const [head, content, foot] = /** @type {[HTMLElement, HTMLElement, HTMLElement]} */ ([...element.children]);
    say(head, line.is === "entry" ? "" : line.is === "theirs" ? this.#who(line.sender) : t("name.you"));
    const { people } = this.#session.client.machine.conversations;
    if (line.entry) say(content, contentOf(line.entry, people, this.#conversation?.orders));
    if (line.order) this.#order(element, line.order);
    const readers = line.is === "read" ? [...this.#readers].filter(([id, seq]) => seq >= line.seq && people.has(id)) : [];
    set(foot, "title", readers.length > 0 ? t("thread.read_by", { names: readers.map(([id]) => this.#who(id)).join(", ") }) : null);
    if (foot.dataset.is === line.is && line.is !== "refused") return;
    foot.dataset.is = line.is;
    foot.replaceChildren(...this.#foot(line));
  }

  /** @param {HTMLElement} element @param {import("../types.d.ts").KnownOrder} order */
  #order(element, order) {
    const part = /** @type {HTMLElement} */ (element.children[3] ?? element.appendChild(h("div", { class: "order" })));
    if (this.#id !== null) updateOrder(part, this.#id, order, this.#session);
  }

  /** @param {Line} line */
  #foot(line) {
    const time = h("time", { datetime: new Date(line.at).toISOString(), title: wholeTimeOf(line.at) }, timeOf(line.at));
    if (line.is === "theirs" || line.is === "entry") return [time];
    if (line.is !== "refused") return [time, tick(line.is)];
    const act = (/** @type {"retry" | "discard"} */ kind) => () =>
      this.#session.client.handle({ kind, id: line.key });
    return [
      h("span", { class: "refused" }, refusalOf(line)),
      h("button", { type: "button", click: act("retry") }, t("draft.retry")),
      h("button", { type: "button", click: act("discard") }, t("draft.discard")),
    ];
  }

  /** @param {boolean} is_typing */
  #types(is_typing) {
    if (this.#id !== null && !this.#areNotes) this.#session.client.handle({ kind: "typing", id: this.#id, is_typing });
  }

  /** @param {string} content */
  #post(content) {
    const { machine } = this.#session.client;
    if (this.#id === null || machine.sending.isFull) {
      announce(t("shell.too_many"));
      return false;
    }
    this.#isAtEnd = true;
    this.#session.client.handle({ kind: "post", draft: this.#draft(this.#id, content), at: Date.now() });
    return true;
  }

  /** @param {string} id @param {string} content @returns {import("../types.d.ts").Draft} */
  #draft(id, content) {
    if (this.#areNotes) return { type: "add_note", conversation_id: besideOf(id), content };
    return { type: "send_chat_message", conversation_id: id, content };
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#lines;
    // Only scrolling up leaves the end. A shorter list also causes this event, and must not.
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.#isAtEnd = true;
    else if (scrollTop < this.#top) this.#isAtEnd = false;
    this.#top = scrollTop;
    if (this.#isAtEnd) {
      hide(this.#below, true);
      this.#markRead();
    }
    if (this.#conversation) this.#fill(this.#conversation);
  }

  /** Requests older messages if their place is visible. @param {Conversation} conversation */
  #fill(conversation) {
    const isSeen = this.#lines.scrollTop < 4 * NEAR && this.#lines.clientHeight > 0;
    if (isSeen && conversation.held && conversation.hasOlder && conversation.older === "done") {
      this.#session.client.handle({ kind: "older", id: conversation.id });
    }
  }

  #toEnd() {
    this.#lines.scrollTop = this.#lines.scrollHeight;
    this.#top = this.#lines.scrollTop;
    hide(this.#below, true);
  }

  /** Marks messages as read when their end is visible on a focused page. */
  #markRead() {
    const isSeen = document.visibilityState === "visible" && document.hasFocus() && this.#lines.clientHeight > 0;
    if (this.#id !== null && isSeen && this.#isAtEnd) this.#session.client.handle({ kind: "read", id: this.#id });
  }
}

/**
 * Messages from the server, then acknowledged own ones, then unsent ones.
 *
 * @param {Conversation} conversation
 * @param {Entry[]} drafts
 * @param {string} me
 * @param {number} readTo the read position of the other side
 * @returns {Line[]}
 */
function linesOf(conversation, drafts, me, readTo) {
  const held = conversation.messages.map((message) => {
    const { id, seq, sender_id, content, sent_at } = message;
    const own = seq <= readTo ? "read" : "sent";
    const is = isEntry(message) ? "entry" : sender_id !== me ? "theirs" : own;
    const order = message.order && conversation.orders.get(id);
    const more = is === "entry" ? { entry: message } : order ? { order } : {};
    return { key: id, sender: sender_id, content, seq, at: Date.parse(sent_at) || 0, is, ...more };
  });
  const settled = conversation.settled.map((one) => ({ ...one, key: one.client_message_id, sender: me, is: "sent" }));
  const waiting = drafts.map(({ client_message_id, at, draft, refused, refused_code }) => {
    const is = refused === undefined ? "waiting" : "refused";
    const choices = "answers" in draft ? { choices: draft.answers } : {};
    return { key: client_message_id, sender: me, content: draft.content, seq: Infinity, at, is, refused, refused_code, ...choices };
  });
  const lines = /** @type {Line[]} */ ([...held, ...settled, ...waiting]);
  let before = /** @type {Line | undefined} */ (undefined);
  for (const line of lines) {
    line.startsDay = before === undefined || !isSameDay(before.at, line.at);
    const isAlike = (line.is === "entry") === (before?.is === "entry");
    line.goesOn = !line.startsDay && isAlike && before?.sender === line.sender && line.at - before.at < 5 * 60_000;
    before = line;
  }
  return lines;
}

/**
 * Whether two times are on one day of this device. Most lines follow each other closely, and need no calendar.
 *
 * @param {number} one
 * @param {number} other
 */
function isSameDay(one, other) {
  const [date, next] = [new Date(one), new Date(other)];
  return date.getDate() === next.getDate() && Math.abs(other - one) < 48 * 60 * 60_000;
}

/**
 * The content of a message never changes, except for entries, whose names may come later.
 *
 * @param {Line} line
 */
function makeLine(line) {
  const content = h("p", { class: "content", dir: "auto" }, line.content);
  const choices = line.choices && h("p", { class: "order order-tag" }, `${t("order.tag")} · ${line.choices.join(" / ")}`);
  return h("li", { class: "line" }, h("p", { class: "sender", dir: "auto" }), content, h("p", { class: "foot" }), choices);
}

/** @param {"waiting" | "sent" | "read"} is */
function tick(is) {
  const [sign, words] = { waiting: ["◷", t("thread.waiting")], sent: ["✓", t("thread.sent")], read: ["✓✓", t("thread.read")] }[is] ?? [];
  return h("span", { class: "tick" }, h("span", { "aria-hidden": "true" }, sign), hidden(words ?? ""));
}
