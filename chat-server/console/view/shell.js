// The frame around both views: the bar with the connection's state, and urgent notices.

import { t } from "../language.js";
import { isControl } from "../token.js";
import { WHOM, addressAs } from "../trial.js";
import { h, hidden, hide, say, set } from "./dom.js";
import { notifyOffer } from "./notify.js";
import { tokenForm } from "./sign_in.js";
import { isSoundBlocked, isSoundOn, onSound } from "./sound.js";
import { endOf, nameOf, roleOf, stateOf, timeOf } from "./words.js";

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
  #blocked = h("button", { type: "button", class: "blocked", hidden: true }, t("shell.sound_blocked"));
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
      h("p", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }), hidden(t("app.name"))),
      h("p", { class: "who" }, h("strong", { dir: "auto" }, nameOf(user, user.id)), h("span", {}, roleOf(user))),
      trial && h("p", { class: "tag" }, t("trial.tag")),
      this.#state,
      this.#server,
      this.#blocked,
      h("button", { type: "button", class: "leave", click: () => this.#leave() }, t("session.sign_out")),
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
    say(this.#server, server === null ? "" : t("shell.served_by", { server }));
    hide(this.#blocked, !isSoundBlocked() || (isControl(this.#session.user.role) && !isSoundOn()));
    hide(this.#warning, isKept);
    say(this.#warning, t("shell.keeps_nothing"));
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
    const kept = waiting > 0 ? ` ${t("end.queue", { count: waiting })}` : "";
    const said = h("p", {}, `${text}${kept}`);
    if (wants === "token") return [said, this.#tokenForm()];
    const again = h("button", { type: "button", click: () => client.handle({ kind: "resume" }) }, t("end.connect_again"));
    return wants === "again" ? [said, again] : [said];
  }

  /** Warns of the end of the session. @param {number} at */
  #ending(at) {
    const said = h("p", {}, t("session.ends", { time: timeOf(at) }));
    const enter = () => {
      this.#alert.replaceChildren(said, this.#tokenForm());
      this.#alert.querySelector("textarea")?.focus();
    };
    return [said, h("button", { type: "button", click: enter }, t("session.new_token"))];
  }

  #tokenForm() {
    return tokenForm(t("session.go_on"), (token) => {
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
      h("h2", { id: "leave-heading" }, t("session.unsent", { count: waiting })),
      h("p", {}, t("session.unsent_stay")),
      h(
        "div",
        { class: "dialog-buttons" },
        h("button", { type: "button", class: "primary", click: () => dialog.close() }, t("session.stay")),
        h("button", { type: "button", click: () => (dialog.close(), this.#session.leave()) }, t("session.sign_out")),
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
      t(words),
      hidden(` ${t("trial.new_tab")}`),
    ),
  );
  return h("nav", { class: "second-tab", "aria-label": t("trial.tag") }, h("span", {}, t("trial.second_tab")), ...links);
}
