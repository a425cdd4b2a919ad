// The control room: all conversations, and one of them open.

import { h, hidden, reconcile, say, set } from "./dom.js";
import { together } from "./pace.js";
import { Rooms } from "./rooms.js";
import { Shell, announce } from "./shell.js";
import { beep, isSoundOn, setSound } from "./sound.js";
import { Thread } from "./thread.js";
import { ROLES, counted, nameOf, titleOf, whenOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../session.js").Session} Session */

/** An emergency stays on top for this long after its last message. */
const URGENT_FOR = 8 * 60 * 60_000;

export class ControlView {
  #session;
  #shell;
  #thread;
  #rooms;
  /** @type {string | null} */
  #open = null;
  /** Emergencies that nobody here has looked at. @type {Set<string>} */
  #alarms = new Set();
  /** Emergencies that were told of: each makes its sound once. At most as many as there are conversations. @type {Set<string>} */
  #told = new Set();
  #urgent = h("ul", { class: "rows" });
  #others = h("ul", { class: "rows" });
  #urgentPart = h("section", { class: "urgent", "aria-labelledby": "urgent-heading", hidden: true });
  #nothing = h("p", { class: "nothing" });
  #alarm = h("div", { class: "alarm", role: "alert", hidden: true });
  #heading = h("h2", { class: "thread-title", tabindex: -1 });
  #about = h("p", { class: "thread-about" });
  #empty = h("p", { class: "empty" }, "Choose a conversation to read it here.");
  #main;
  #ask = together(() => this.#update());

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.#thread = new Thread(session, []);
    this.#rooms = new Rooms(session);
    const back = h("button", { type: "button", class: "back", click: () => this.#show(null) }, "‹ Conversations");
    const head = h("div", { class: "thread-head" }, back, h("div", {}, this.#heading, this.#about));
    this.#urgentPart.append(h("h2", { id: "urgent-heading" }, "Emergencies"), this.#urgent);
    const list = h(
      "nav",
      { class: "list", "aria-label": "Conversations" },
      h("div", { class: "list-head" }, h("p", { "aria-hidden": true }, "Control room"), soundButton()),
      this.#rooms.element,
      this.#urgentPart,
      h("section", { "aria-labelledby": "list-heading" }, h("h2", { id: "list-heading" }, "Conversations"), this.#others, this.#nothing),
    );
    const open = h("section", { class: "open", "aria-label": "Open conversation" }, this.#empty, head, this.#thread.element);
    const key = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    const name = h("h1", { class: "hidden" }, "Control room");
    this.#main = h("main", { class: "control", keydown: key }, name, this.#alarm, list, open);
    this.#shell = new Shell(session, this.#main);
    this.element = this.#shell.element;
    this.#update();
  }

  /** @param {import("../types.d.ts").Told} told */
  hear(told) {
    if (told.kind === "request") this.#request(told.event);
    if (told.kind === "message") this.#message(told.message);
    if (told.kind === "full") announce("The outbox is full: this message was not taken.");
    if (told.kind === "gone" && told.id === this.#open) this.#show(null);
    this.#ask();
  }

  close() {
    this.#thread.gone.abort();
  }

  /** @param {import("../types.d.ts").NewSupportConversation} event */
  #request(event) {
    const isEmergency = event.room_type === "emergency_support";
    if (isEmergency) return this.#raise(event.conversation_id);
    beep(false);
    announce(`New request from ${event.creator_name}: ${titleOf(event.title)}`);
  }

  /** @param {string} id */
  #raise(id) {
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.#alarms.add(id);
    beep(true);
  }

  /** @param {import("../types.d.ts").Message} message */
  #message(message) {
    if (message.conversation_id !== this.#open) return;
    const { people } = this.#session.client.machine.conversations;
    announce(`${nameOf(people.get(message.sender_id), message.sender_id)}: ${message.content}`);
  }

  /** @param {string | null} id */
  #show(id) {
    const before = this.#open;
    this.#open = id;
    if (id !== null) this.#alarms.delete(id);
    this.#thread.show(id);
    this.#update();
    if (id !== null) this.#heading.focus();
    else if (before) this.#row(before)?.focus();
  }

  /** @param {string} id */
  #row(id) {
    const row = this.#main.querySelector(`[data-key="${CSS.escape(id)}"] button`);
    return /** @type {HTMLElement | null} */ (row);
  }

  /** Escape leads back to the list. @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && this.#open !== null) this.#show(null);
  }

  #update() {
    const { machine } = this.#session.client;
    const all = machine.conversations.byActivity();
    const isUrgent = (/** @type {Conversation} */ one) =>
      one.isEmergency && (one.unread > 0 || Date.now() - one.lastAt < URGENT_FOR);
    const urgent = all.filter(isUrgent);
    // One that was created while there was no connection is known from the list alone.
    for (const one of urgent) if (one.unread > 0 && one.id !== this.#open) this.#raise(one.id);
    this.#rows(this.#urgent, urgent);
    this.#rows(this.#others, all.filter((one) => !isUrgent(one)));
    this.#urgentPart.hidden = urgent.length === 0;
    this.#nothing.hidden = all.length > 0;
    say(this.#nothing, machine.conversations.isListed ? "No conversation yet. New requests appear here." : "Loading…");
    const unread = all.filter((one) => one.unread > 0).length;
    document.title = `${unread > 0 ? `(${counted(unread)}) ` : ""}Control room · Transit chat`;
    this.#head();
    this.#showAlarm();
    this.#thread.update();
    this.#rooms.update();
    this.#shell.update();
  }

  #head() {
    const { conversations } = this.#session.client.machine;
    const one = this.#open === null ? undefined : conversations.get(this.#open);
    set(this.#main, "data-shows", one ? "thread" : "list");
    this.#empty.hidden = one !== undefined;
    /** @type {HTMLElement} */ (this.#heading.closest(".thread-head")).hidden = !one;
    if (!one) return;
    const creator = conversations.people.get(one.created_by);
    say(this.#heading, titleOf(one.title));
    const others = one.participants.filter((id) => id !== one.created_by).map((id) => nameOf(conversations.people.get(id), id));
    const role = creator ? ` · ${ROLES[creator.role]}` : "";
    const withWhom = others.length > 3 ? `${others.length} in control` : others.join(", ");
    say(this.#about, `${nameOf(creator, one.created_by)}${role}${withWhom ? ` · with ${withWhom}` : ""}`);
  }

  /** The emergency that came last and was not opened. */
  #showAlarm() {
    const { conversations } = this.#session.client.machine;
    const id = [...this.#alarms].at(-1);
    const one = id === undefined ? undefined : conversations.get(id);
    const key = one ? `${one.id}` : "";
    if (this.#alarm.dataset.id === key) return;
    this.#alarm.dataset.id = key;
    this.#alarm.hidden = !one;
    if (!one) return this.#alarm.replaceChildren();
    const creator = conversations.people.get(one.created_by);
    const title = titleOf(one.title);
    const words = [nameOf(creator, one.created_by), creator && ROLES[creator.role], title !== "Emergency" && title];
    this.#alarm.replaceChildren(
      h("p", {}, h("strong", {}, "Emergency"), words.filter((word) => word).join(" · ")),
      h("button", { type: "button", click: () => this.#show(one.id) }, "Open"),
    );
  }

  /**
   * @param {HTMLElement} parent
   * @param {Conversation[]} items
   */
  #rows(parent, items) {
    const make = (/** @type {Conversation} */ one) => this.#makeRow(one);
    reconcile(parent, items, (one) => one.id, make, (element, one) => this.#updateRow(element, one));
  }

  /** @param {Conversation} one */
  #makeRow({ id }) {
    const part = (/** @type {string} */ name) => h("span", { class: name });
    const parts = ["row-title", "row-when", "row-who", "row-last", "row-badge"].map(part);
    return h("li", { class: "row" }, h("button", { type: "button", click: () => this.#show(id) }, ...parts));
  }

  /**
   * @param {HTMLElement} element
   * @param {Conversation} one
   */
  #updateRow(element, one) {
    const { people } = this.#session.client.machine.conversations;
    const button = /** @type {HTMLElement} */ (element.firstElementChild);
    const [title, when, who, last, badge] = /** @type {HTMLElement[]} */ ([...button.children]);
    if (!title || !when || !who || !last || !badge) return;
    set(element, "data-unread", one.unread > 0);
    set(element, "data-emergency", one.isEmergency);
    set(button, "aria-current", one.id === this.#open);
    say(title, titleOf(one.title));
    say(when, one.lastAt > 0 ? whenOf(one.lastAt) : "");
    set(when, "title", one.lastAt > 0 ? wholeTimeOf(one.lastAt) : null);
    const creator = people.get(one.created_by);
    say(who, `${nameOf(creator, one.created_by)}${creator ? ` · ${ROLES[creator.role]}` : ""}`);
    const typing = [...one.typing.keys()].some((id) => id !== this.#session.user.id);
    const by = one.last?.sender_id === this.#session.user.id ? "You: " : "";
    say(last, typing ? "typing…" : one.last ? `${by}${one.last.content}` : "");
    if (badge.dataset.count === String(one.unread)) return;
    badge.dataset.count = String(one.unread);
    badge.replaceChildren(...(one.unread > 0 ? [counted(one.unread), hidden(" unread")] : []));
  }
}

function soundButton() {
  const words = () => (isSoundOn() ? "Sound on" : "Sound off");
  const button = h("button", { type: "button", class: "toggle", "aria-pressed": isSoundOn() }, words());
  button.addEventListener("click", () => {
    setSound(!isSoundOn());
    set(button, "aria-pressed", isSoundOn());
    say(button, words());
  });
  return button;
}
