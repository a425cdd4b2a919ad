// The screen of a driver or a queue regulator: help at one press, and the conversation with
// control.

import { t } from "../language.js";
import { showBadge } from "./badge.js";
import { Calls } from "./calls.js";
import { h, hidden, hide, reconcile, say, set } from "./dom.js";
import { EmergencyBar } from "./emergency.js";
import { HelpDialog } from "./help.js";
import { Changes, perFrame } from "./pace.js";
import { OrderScreen } from "./order_screen.js";
import { PhraseBook } from "./phrases.js";
import { keepPlace, keptPlace } from "./place.js";
import { Requests } from "./requests.js";
import { Shell, announce } from "./shell.js";
import { Thread } from "./thread.js";
import { contentOf, counted, nameOf, sentence, titleOf, whenOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../session.js").Session} Session */

/** Conversations offered beside the open one. */
const OFFERED = 12;

export class DriverView {
  /** The id of the open conversation. @type {string | null} */
  open = null;
  #session;
  #shell;
  #thread;
  #dialog;
  #tabs = h("ul", { class: "tabs" });
  #nav = h("nav", { class: "tabs-part", "aria-label": t("driver.conversations"), hidden: true }, this.#tabs);
  #requests;
  #calls;
  #phrases;
  #kept;
  #emergency;
  #order;
  #title = h("h1", { class: "thread-title", dir: "auto", tabindex: -1 });
  #welcome = h("h1", { class: "welcome" });
  #help = h("button", { type: "button", class: "help-button", click: () => this.#dialog.element.showModal() }, t("driver.help"));
  #main;
  #changes = new Changes();
  #gone = new AbortController();
  #ask = perFrame(() => this.#update(), this.#gone.signal);

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.#kept = keptPlace(session.user.id);
    this.#phrases = new PhraseBook(session);
    this.#thread = new Thread(session, { phrases: this.#phrases, gone: this.#gone.signal });
    this.#calls = new Calls(session, (id) => this.show(id));
    this.#emergency = new EmergencyBar(session);
    this.#requests = new Requests(session, t("driver.unsent"));
    this.#dialog = new HelpDialog(this.#phrases, session.unsent, (draft) => this.#post(draft));
    const help = () => this.#dialog.element.showModal();
    this.#order = new OrderScreen(session, { show: (id) => this.show(id), help, gone: this.#gone.signal });
    const parts = [this.#nav, this.#title, this.#welcome, this.#emergency.element, this.#requests.element, this.#thread.element, this.#help];
    this.#main = h("main", { class: "driver" }, ...parts, this.#dialog.element, this.#order.element);
    this.#shell = new Shell(session, this.#main, this.#gone.signal);
    this.element = this.#shell.element;
    if (this.#kept) this.show(this.#kept.open);
    this.#update();
  }

  /** @param {import("../types.d.ts").Told} told */
  hear(told) {
    this.#changes.note(told);
    if (told.kind === "created") this.#created(told.id);
    if (told.kind === "message") this.#message(told.message);
    this.#calls.hear(told);
    if (told.kind === "changed" && told.what === "phrases") this.#newPhrases();
    if (told.kind === "overdue" && this.#calls.overdue(told.id, told.order)) announce(t("order.overdue_told_by_control"));
    if (told.kind === "answered_before") announce(t("order.answered_before"));
    if (told.kind === "full") announce(t("shell.outbox_full"));
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
    this.#dialog.update();
    this.#thread.updatePhrases();
  }

  /** @param {string | null} id */
  show(id) {
    this.open = id;
    keepPlace(this.#session.user.id, id, id === null ? "" : this.#titleOf(id));
    this.#thread.show(id);
    this.#ask();
  }

  /** @param {import("../types.d.ts").Draft} draft */
  #post(draft) {
    this.#session.client.handle({ kind: "post", draft, at: Date.now() });
    announce(t("driver.on_its_way"));
  }

  /** @param {string} id */
  #created(id) {
    this.show(id);
    announce(t("driver.arrived"));
  }

  /** @param {import("../types.d.ts").Message} message */
  #message(message) {
    const { people } = this.#session.client.machine.conversations;
    announce(`${nameOf(people.get(message.sender_id), message.sender_id)}: ${contentOf(message, people)}`);
  }

  #update() {
    const { machine } = this.#session.client;
    const changes = this.#changes.take();
    const all = machine.conversations.byActivity();
    const newest = all[0];
    if (this.open === null && newest) this.show(newest.id);
    const open = all.find((one) => one.id === this.open);
    const requests = this.#requests.update();
    this.#tabList(all.slice(0, OFFERED));
    hide(this.#nav, all.length < 2);
    const isOpen = this.open !== null;
    hide(this.#title, !isOpen);
    if (open) say(this.#title, titleOf(this.#titleOf(open.id)));
    this.#emergency.update(open);
    set(this.#main, "data-emergency", open?.isEmergency ?? false);
    set(this.#main, "data-shows", isOpen ? "thread" : "welcome");
    hide(this.#welcome, isOpen);
    say(this.#welcome, welcomeWords(machine.conversations.isListed, requests));
    const unread = all.reduce((sum, one) => sum + one.unread, 0);
    showBadge(t("app.name"), unread);
    this.#thread.update(changes);
    this.#order.update();
    this.#shell.update();
  }

  /** The title of a conversation, or the one from before the reload. @param {string} id */
  #titleOf(id) {
    const { title = "" } = this.#session.client.machine.conversations.get(id) ?? {};
    return title || (this.#kept?.open === id ? this.#kept.title : "");
  }

  /** @param {Conversation[]} all */
  #tabList(all) {
    const make = (/** @type {Conversation} */ { id }) => {
      const parts = [h("span", { class: "tab-title", dir: "auto" }), h("span", { class: "tab-when" }), h("span", { class: "row-badge" })];
      return h("li", {}, h("button", { type: "button", click: () => this.show(id) }, ...parts));
    };
    reconcile(this.#tabs, all, (one) => one.id, make, (element, one) => {
      const button = /** @type {HTMLElement} */ (element.firstElementChild);
      const [title, when, badge] = /** @type {HTMLElement[]} */ ([...button.children]);
      if (!title || !when || !badge) return;
      set(button, "aria-current", one.id === this.open);
      set(element, "data-emergency", one.isEmergency);
      say(title, titleOf(this.#titleOf(one.id)));
      say(when, one.lastAt > 0 ? sentence(whenOf(one.lastAt)) : "");
      if (badge.dataset.count === String(one.unread)) return;
      badge.dataset.count = String(one.unread);
      badge.replaceChildren(...(one.unread > 0 ? [counted(one.unread), hidden(` ${t("row.unread")}`)] : []));
    });
  }
}

/**
 * @param {boolean} isListed whether the list is complete and empty
 * @param {number} requests the number of unsent ones
 */
function welcomeWords(isListed, requests) {
  if (requests > 0) return t("driver.your_request");
  return t(isListed ? "driver.welcome" : "app.loading");
}
