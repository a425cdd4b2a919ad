// The frame around both views: the bar with the connection's state, and urgent notices.

import { isControl } from "../token.js";
import { WHOM, addressAs } from "../trial.js";
import { h, hidden, hide, say, set } from "./dom.js";
import { notifyOffer } from "./notify.js";
import { tokenForm } from "./sign_in.js";
import { isSoundBlocked, isSoundOn, onSound } from "./sound.js";
import { ROLES, endOf, nameOf, several, stateOf, timeOf } from "./words.js";

/** @typedef {import("../client.js").Client} Client */
/** @typedef {import("../session.js").Session} Session */

const live = h("p", { class: "hidden", role: "status" });

/** Announces a text to screen readers, after the current one. @param {string} text */
export function announce(text) {
  live.textContent = "";
  live.textContent = text;
}

export class Shell {
  #session;
  #state = h("p", { class: "state", role: "status" });
  #server = h("p", { class: "server", hidden: true });
  #alert = h("div", { class: "alert", role: "alert", hidden: true });
  #blocked = h("button", { type: "button", class: "blocked", hidden: true }, "Sound is blocked: click here");
  #warning = h("p", { class: "warning", role: "status", hidden: true });
  #shown = "";

  /**
   * @param {Session} session
   * @param {HTMLElement} main
   * @param {AbortSignal} gone when it is shown no more
   */
  constructor(session, main, gone) {
    this.#session = session;
    const { user, trial } = session;
    document.body.dataset.side = isControl(user.role) ? "control" : "field";
    const bar = h(
      "header",
      { class: "bar" },
      h("p", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }), hidden("Transit chat")),
      h("p", { class: "who" }, h("strong", { dir: "auto" }, nameOf(user, user.id)), h("span", {}, ROLES[user.role])),
      trial && h("p", { class: "tag" }, "Trial"),
      this.#state,
      this.#server,
      this.#blocked,
      h("button", { type: "button", class: "leave", click: () => this.#leave() }, "Sign out"),
    );
    const top = h("div", { class: "top" }, bar, trial && secondTab(trial), this.#alert, this.#warning, notifyOffer(), live);
    this.element = h("div", { class: "shell" }, top, main);
    onSound(() => this.update(), gone);
    this.update();
  }

  update() {
    const { machine, isKept } = this.#session.client;
    const { cause, phase } = machine.connection;
    const { state, text } = stateOf(phase, machine.sending.waiting, navigator.onLine);
    set(this.#state, "data-state", state);
    say(this.#state, text);
    const server = phase.phase === "live" ? machine.connection.server : null;
    hide(this.#server, server === null);
    say(this.#server, server === null ? "" : `served by ${server}`);
    hide(this.#blocked, !isSoundBlocked() || (isControl(this.#session.user.role) && !isSoundOn()));
    hide(this.#warning, isKept);
    say(this.#warning, "This browser does not keep what you write: do not close this page while messages wait.");
    const ends = this.#session.endsSoon;
    const key = cause ? String(cause.code) : ends !== null ? `ends ${ends}` : "";
    if (key === this.#shown) return;
    this.#shown = key;
    hide(this.#alert, key === "");
    this.#alert.replaceChildren(...(cause ? this.#end(cause) : ends !== null ? this.#ending(ends) : []));
  }

  /** @param {import("../types.d.ts").Cause} cause */
  #end({ code, reason }) {
    const { client } = this.#session;
    const { text, wants } = endOf(code, reason);
    const waiting = client.machine.sending.waiting;
    const kept = waiting > 0 ? ` ${several(waiting, "message")} will be sent when you are back.` : "";
    const said = h("p", {}, `${text}${kept}`);
    if (wants === "token") return [said, this.#tokenForm()];
    const again = h("button", { type: "button", click: () => client.handle({ kind: "resume" }) }, "Connect again");
    return wants === "again" ? [said, again] : [said];
  }

  /** Warns of the end of the session. @param {number} at */
  #ending(at) {
    const said = h("p", {}, `Your session ends at ${timeOf(at)}. With a new token it goes on.`);
    const enter = () => {
      this.#alert.replaceChildren(said, this.#tokenForm());
      this.#alert.querySelector("textarea")?.focus();
    };
    return [said, h("button", { type: "button", click: enter }, "Enter a new token")];
  }

  #tokenForm() {
    return tokenForm("Go on", (token) => {
      const wrong = this.#session.renew(token);
      // If the server refuses it, the notice begins anew.
      if (wrong === null) this.#shown = "unknown";
      return wrong;
    });
  }

  /** Unsent messages stay on this device. A leaving user is told. */
  #leave() {
    const { waiting } = this.#session.client.machine.sending;
    if (waiting === 0) return this.#session.leave();
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-labelledby": "leave-heading", close: () => dialog.remove() },
      h("h2", { id: "leave-heading" }, `${several(waiting, "message")} not sent yet`),
      h("p", {}, "They stay on this device, and are sent when you sign in here again."),
      h(
        "div",
        { class: "dialog-buttons" },
        h("button", { type: "button", class: "primary", click: () => dialog.close() }, "Stay"),
        h("button", { type: "button", click: () => (dialog.close(), this.#session.leave()) }, "Sign out"),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  }
}

/**
 * The users offered for a second tab.
 *
 * @param {{ key: string, whom: import("../trial.js").Whom }} trial
 */
function secondTab({ key, whom }) {
  const others = Object.entries(WHOM).filter(([other]) => other !== whom);
  const links = others.map(([other, words]) =>
    h(
      "a",
      { href: addressAs(key, /** @type {any} */ (other)), target: "_blank", rel: "noopener" },
      words,
      hidden(" (opens a new tab)"),
    ),
  );
  return h("nav", { class: "second-tab", "aria-label": "Trial" }, h("span", {}, "Open a second tab as"), ...links);
}
