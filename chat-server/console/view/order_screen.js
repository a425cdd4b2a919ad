// The order that waits for a driver or a queue regulator. It fills the screen until it is answered
// or over. It never opens over another dialog: a press on a call for help must not meet an answer.

import { t } from "../language.js";
import { waitsFor } from "../machine/orders.js";
import { h, say } from "./dom.js";
import { answerButtons, answerText, askedUser, postAnswer } from "./order.js";
import { nameOf, timeLeft, whenOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").KnownOrder} KnownOrder */

/** Time for which a new screen takes no answer, in milliseconds: the press may be meant for what was there before. */
const GUARD = 600;

/** Pause between two updates of the time left, in milliseconds. */
const TICK = 1_000;

export class OrderScreen {
  #session;
  #show;
  #help;
  /** The answer that was pressed here and is on its way. @type {{ id: string, known: KnownOrder, answer: number } | null} */
  #sent = null;
  #shown = "";
  #due = 0;
  #heading = h("h2", { id: "order-heading", tabindex: -1 }, t("order.heading"));
  #left = h("p", { class: "order-left" });
  #more = h("p", { class: "order-more" });
  #body = h("div", { class: "order-body" });
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  /**
   * @param {Session} session
   * @param {{ show: (id: string) => void, help: () => void, gone: AbortSignal }} settings `help` opens the calls for help; `gone`: when it
   *   is shown no more
   */
  constructor(session, { show, help, gone }) {
    this.#session = session;
    this.#show = show;
    this.#help = h("button", { type: "button", class: "help-button", click: help }, t("driver.help"));
    const keydown = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && event.preventDefault();
    const attributes = { class: "order-screen", "aria-labelledby": "order-heading", "aria-describedby": "order-content", keydown };
    this.element = h("dialog", attributes, this.#heading, this.#body, this.#more, this.#help);
    // Another dialog has gone, or the browser has closed this one.
    document.addEventListener("close", () => this.update(), { capture: true, signal: gone });
    gone.addEventListener("abort", () => clearInterval(this.#ticking));
  }

  update() {
    const [next, ...others] = this.#waiting();
    if (this.#sent && !this.#session.client.machine.sending.answerTo(this.#sent.known.order.message_id)) this.#sent = null;
    if (next) this.#ask(next.id, next.known, others.length);
    else if (this.#sent) this.#tellSent(this.#sent);
    else this.#close();
  }

  /** The orders that wait for the user, the one due first in front. */
  #waiting() {
    const { conversations, sending } = this.#session.client.machine;
    const user = askedUser(this.#session);
    const all = [...conversations.all.values()].flatMap(({ id, orders }) => [...orders.all].map((known) => ({ id, known })));
    const waiting = all.filter(({ known: { order, answers } }) => answers.length > 0 && waitsFor(order, user) && !sending.answerTo(order.message_id));
    return waiting.sort((one, other) => Date.parse(one.known.order.due) - Date.parse(other.known.order.due) || one.known.order.seq - other.known.order.seq);
  }

  /** @param {string} id @param {KnownOrder} known @param {number} others the number of further orders */
  #ask(id, known, others) {
    this.#due = Date.parse(known.order.due) || 0;
    say(this.#more, others > 0 ? t("order.more", { count: others }) : "");
    const choose = (/** @type {number} */ answer) => {
      this.#sent = { id, known, answer };
      this.#show(id);
      postAnswer(this.#session, id, known, answer);
      this.update();
    };
    const from = this.#from(known);
    this.#fill(`${known.order.message_id} ${from} ${known.content}`, () => [
      h("p", { class: "order-from", dir: "auto" }, from),
      h("p", { class: "order-content", id: "order-content", dir: "auto" }, known.content),
      this.#left,
      answerButtons(known, choose),
    ]);
    this.#tick();
  }

  /** @param {{ id: string, known: KnownOrder, answer: number }} sent */
  #tellSent({ known, answer }) {
    say(this.#more, "");
    const isLive = this.#session.client.machine.connection.phase.phase === "live";
    const words = t(isLive ? "order.on_its_way" : "order.no_connection", { answer: answerText(known, answer) });
    const back = () => {
      this.#sent = null;
      this.update();
    };
    this.#fill(words, () => [
      h("p", { class: "order-content", id: "order-content", dir: "auto" }, known.content),
      h("p", { class: "order-left", role: "status", dir: "auto" }, words),
      h("div", { class: "order-answers" }, h("button", { type: "button", click: back }, t("order.back"))),
    ]);
  }

  /** Fills the screen anew if it shows something else, and opens it. @param {string} key @param {() => HTMLElement[]} parts */
  #fill(key, parts) {
    const isOther = this.#shown !== key;
    if (isOther) this.#body.replaceChildren(...parts());
    this.#shown = key;
    const isFirst = !this.element.open;
    if (isFirst && document.querySelector("dialog[open]")) return;
    if (isFirst) this.element.showModal();
    if (!isOther && !isFirst) return;
    // The focus is on no answer: a key meant for the message field must not press one.
    this.#heading.focus();
    guard(this.#body);
    clearInterval(this.#ticking);
    this.#ticking = setInterval(() => this.#tick(), TICK);
  }

  #close() {
    this.#shown = "";
    clearInterval(this.#ticking);
    if (this.element.open) this.element.close();
  }

  #tick() {
    const left = this.#due - (this.#session.client.machine.conversations.timeAt(performance.now()) || Date.now());
    say(this.#left, left > 0 ? t("order.left", { time: timeLeft(left) }) : t("order.time_over"));
  }

  /** @param {KnownOrder} known */
  #from({ order: { sender_id, due } }) {
    const name = nameOf(this.#session.client.machine.conversations.people.get(sender_id), sender_id);
    return t("order.from", { name, when: whenOf(Date.parse(due) || 0) });
  }
}

/** The buttons take no press at first. @param {HTMLElement} part */
function guard(part) {
  const buttons = [...part.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  setTimeout(() => buttons.forEach((button) => (button.disabled = false)), GUARD);
}
