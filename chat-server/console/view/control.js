// The control room: all conversations, one of them open.

import { t } from "../language.js";
import { Alarm } from "./alarm.js";
import { showBadge } from "./badge.js";
import { Calls } from "./calls.js";
import { h, hide, isComposed, say, set } from "./dom.js";
import { GiveOrderDialog } from "./give_order.js";
import { HandOverDialog } from "./hand_over.js";
import { keysDialog, listenForKeys } from "./keys.js";
import { languageChoice } from "./language.js";
import { List } from "./list.js";
import { Notes } from "./notes.js";
import { notify } from "./notify.js";
import { OverdueBar } from "./overdue.js";
import { Changes, perFrame } from "./pace.js";
import { PhraseBook } from "./phrases.js";
import { Place } from "./place.js";
import { Requests } from "./requests.js";
import { Rooms } from "./rooms.js";
import { Shell, announce } from "./shell.js";
import { beep, isSoundOn, setSound } from "./sound.js";
import { StartDialog } from "./start.js";
import { Thread } from "./thread.js";
import { EmergencyBar } from "./emergency.js";
import { Transcript } from "./transcript.js";
import { WorkBar } from "./work.js";
import { contentOf, nameOf, roleOf, titleOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */

export class ControlView {
  /** The id of the open conversation. @type {string | null} */
  open = null;
  #session;
  #shell;
  #thread;
  #notes;
  #rooms;
  #list;
  #alarm;
  #overdue;
  #giveOrder;
  #calls;
  #work;
  #emergency;
  #requests;
  #transcript;
  #start;
  #keys = keysDialog();
  #place;
  #phrases;
  /** The conversation to open again after a reload, once it is known. @type {string | null} */
  #kept;
  #handOver;
  /** Whether the next new conversation is opened: it was started here, and nothing was opened since. */
  #opensStarted = false;
  #heading = h("h2", { class: "thread-title", dir: "auto", tabindex: -1 });
  #about = h("p", { class: "thread-about", dir: "auto" });
  #empty = h("p", { class: "empty" }, t("control.choose"));
  #main;
  #changes = new Changes();
  #gone = new AbortController();
  #ask = perFrame(() => this.#update(), this.#gone.signal);

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.#phrases = new PhraseBook(session);
    this.#giveOrder = new GiveOrderDialog(session, () => this.#thread.updateText());
    const giveOrder = (/** @type {string} */ id) => this.#giveOrder.open(id);
    this.#thread = new Thread(session, { phrases: this.#phrases, gone: this.#gone.signal, giveOrder });
    this.#notes = new Notes(session, this.#gone.signal);
    this.#rooms = new Rooms(session);
    const show = (/** @type {string} */ id) => this.show(id);
    this.#calls = new Calls(session, show);
    this.#handOver = new HandOverDialog(session);
    this.#list = new List(session, { show, handOver: () => this.#handOver.open(), gone: this.#gone.signal });
    this.#alarm = new Alarm(session, { show, take: (id) => this.#takeAlarm(id), gone: this.#gone.signal });
    this.#overdue = new OverdueBar(session, show);
    this.#emergency = new EmergencyBar(session);
    this.#work = new WorkBar(session, (id) => this.#handOver.open(id));
    this.#transcript = new Transcript(session);
    this.#requests = new Requests(session, t("control.unsent"));
    this.#start = new StartDialog(session, (draft) => this.#started(draft));
    this.#main = this.#layout();
    this.#shell = new Shell(session, this.#main, this.#gone.signal);
    this.element = this.#shell.element;
    this.#place = new Place(session.user.id, (id) => this.#show(id), this.#gone.signal);
    this.#kept = this.#place.now;
    listenForKeys((command) => this.#command(command), this.#gone.signal);
    this.#update();
  }

  #layout() {
    const key = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    const dialogs = [this.#start.element, this.#handOver.element, this.#giveOrder.element, this.#keys];
    const alerts = h("div", { class: "alerts" }, this.#alarm.element, this.#overdue.element);
    const name = h("h1", { class: "hidden" }, t("control.heading"));
    return h("main", { class: "control", keydown: key }, name, alerts, this.#listPart(), this.#openPart(), ...dialogs);
  }

  #listPart() {
    const keys = h("button", { type: "button", click: () => this.#keys.showModal() }, t("keys.heading"));
    return h(
      "nav",
      { class: "list", "aria-label": t("list.label") },
      h("div", { class: "list-head" }, h("p", { "aria-hidden": true }, t("control.heading")), keys, soundButton()),
      h("button", { type: "button", class: "start-button primary", click: () => this.#start.open() }, t("control.start")),
      this.#rooms.element,
      ...this.#list.parts,
      this.#requests.element,
      languageChoice(),
    );
  }

  #openPart() {
    const back = h("button", { type: "button", class: "back", click: () => this.show(null) }, t("control.back"));
    const about = h("div", {}, this.#heading, this.#about);
    const tools = [this.#notes.button, this.#transcript.element];
    const head = h("div", { class: "thread-head" }, back, about, ...tools, this.#emergency.element, this.#work.element);
    const parts = [this.#empty, head, this.#notes.element, this.#thread.element];
    return h("section", { class: "open", "aria-label": t("control.open") }, ...parts);
  }

  /** @param {import("../types.d.ts").Told} told */
  hear(told) {
    this.#changes.note(told);
    if (this.#kept !== null && this.#session.client.machine.conversations.get(this.#kept)) this.show(this.#kept);
    if (told.kind === "request") this.#request(told.event);
    if (told.kind === "message") this.#message(told.message);
    this.#calls.hear(told);
    if (told.kind === "created") this.#created(told.id);
    if (told.kind === "overdue" && this.#calls.overdue(told.id, told.order)) this.#overdue.add(told.id, told.order);
    if (told.kind === "answered_before") announce(t("order.answered_before"));
    if (told.kind === "full") announce(t("shell.outbox_full"));
    if (told.kind === "handed") this.#handed(told);
    if (told.kind === "changed" && told.what === "phrases") this.#newPhrases();
    if (told.kind === "lost") this.#work.lost(told);
    if (told.kind === "gone") this.#notes.gone(told.id);
    if (told.kind === "gone" && told.id === this.open) this.show(null);
    this.#ask();
  }

  close() {
    this.#gone.abort();
  }

  focus() {
    this.#thread.focus();
  }

  #newPhrases() {
    this.#phrases.keep();
    this.#thread.updatePhrases();
  }

  /** Opens a conversation, or returns to the list. @param {string | null} id */
  show(id) {
    this.#place.go(id);
    this.#show(id);
  }

  /** @param {string | null} id */
  #show(id) {
    this.#transcript.open = id;
    this.#calls.open = id;
    const before = this.open;
    this.#kept = null;
    this.open = id;
    this.#opensStarted = false;
    this.#thread.show(id);
    this.#notes.show(id);
    this.#update();
    if (id !== null) this.#heading.focus();
    else if (before) this.#list.focus(before);
  }

  /** @param {import("../types.d.ts").Draft} draft */
  #started(draft) {
    this.#session.client.handle({ kind: "post", draft, at: Date.now() });
    this.#opensStarted = true;
    announce(t("control.starting"));
  }

  /** @param {string} id */
  #created(id) {
    announce(t("control.started"));
    if (this.#opensStarted) this.show(id);
  }

  /** @param {import("../types.d.ts").NewSupportConversation} event */
  #request(event) {
    // The alarm tells of emergencies.
    if (event.room_type === "emergency_support") return;
    const { conversation_id: id, creator_name } = event;
    beep(false);
    this.#call(id, t("control.request", { name: creator_name }), titleOf(event.title));
  }

  /** A colleague has handed a conversation over. @param {{ id: string, by: string }} handed */
  #handed({ id, by }) {
    const { conversations } = this.#session.client.machine;
    beep(false);
    const name = nameOf(conversations.people.get(by), by);
    const title = titleOf(conversations.get(id)?.title ?? "");
    this.#call(id, t("control.handed", { name }), title);
  }

  /**
   * @param {string} id
   * @param {string} said
   * @param {string} title
   */
  #call(id, said, title) {
    announce(t("control.announced", { said, title }));
    notify(said, { body: title, tag: id, open: () => this.show(id) });
  }

  /** Takes and opens an emergency. @param {string} id */
  #takeAlarm(id) {
    const work = this.#session.client.machine.conversations.get(id)?.work;
    this.#session.client.handle({ kind: "work", id, action: "take", version: work?.version ?? 0 });
    this.show(id);
  }

  /** @param {import("../types.d.ts").Message} message */
  #message(message) {
    const { people } = this.#session.client.machine.conversations;
    const { conversation_id: id, sender_id: sender } = message;
    if (id === this.open) announce(`${nameOf(people.get(sender), sender)}: ${contentOf(message, people)}`);
  }

  /** Escape returns to the list. @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && !isComposed(event) && this.open !== null) this.show(null);
  }

  /** @param {import("./keys.js").Command} command */
  #command(command) {
    const { focused } = this.#list;
    const one = focused === null ? undefined : this.#session.client.machine.conversations.get(focused);
    if (command === "next" || command === "previous") return this.#list.step(command === "next" ? 1 : -1);
    if (command === "take" || command === "resolve") return this.#work.press(command, one);
    if (command === "help") return this.#keys.showModal();
    if (command === "write") return this.open !== null && this.focus();
    if (command === "notes") return this.open !== null && this.#notes.toggle();
    if (command === "order") return this.open !== null && this.#giveOrder.open(this.open);
    return this.#list.choose(command);
  }

  #update() {
    const changes = this.#changes.take();
    this.#list.update(changes, this.open);
    this.#alarm.update();
    this.#overdue.update(this.open);
    this.#head();
    this.#thread.update(changes);
    this.#notes.update(changes, this.open === null ? undefined : this.#session.client.machine.conversations.get(this.open));
    this.#transcript.update();
    this.#requests.update();
    this.#start.update();
    this.#handOver.update();
    this.#rooms.update();
    this.#shell.update();
    showBadge(`${t("control.heading")} · ${t("app.name")}`, this.#session.client.machine.conversations.unread, this.#alarm.count);
  }

  #head() {
    const { conversations } = this.#session.client.machine;
    const isOpen = this.open !== null;
    set(this.#main, "data-shows", isOpen ? "thread" : "list");
    hide(this.#empty, isOpen);
    hide(/** @type {HTMLElement} */ (this.#heading.closest(".thread-head")), !isOpen);
    const one = this.open === null ? undefined : conversations.get(this.open);
    this.#emergency.update(one);
    this.#work.update(one);
    if (!one) return;
    const creator = conversations.people.get(one.created_by);
    say(this.#heading, titleOf(one.title));
    const others = one.participants.filter((id) => id !== one.created_by).map((id) => nameOf(conversations.people.get(id), id));
    const count = Math.max(one.participantCount - 1, others.length);
    const who = `${nameOf(creator, one.created_by)}${creator ? ` · ${roleOf(creator)}` : ""}`;
    const withWhom = count > Math.min(others.length, 3) ? t("control.count", { count }) : others.join(", ");
    say(this.#about, withWhom ? t("control.about", { who, others: withWhom }) : who);
  }
}

function soundButton() {
  const words = () => t(isSoundOn() ? "shell.sound_on" : "shell.sound_off");
  const button = h("button", { type: "button", class: "toggle", "aria-pressed": isSoundOn() }, words());
  button.addEventListener("click", () => {
    setSound(!isSoundOn());
    set(button, "aria-pressed", isSoundOn());
    say(button, words());
  });
  return button;
}
