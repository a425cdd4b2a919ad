// New conversations that the server does not have yet, and messages of conversations that are not
// known yet.

import { t } from "../language.js";
import { h, reconcile, set } from "./dom.js";
import { refusalOf } from "./words.js";

/** @typedef {import("../types.d.ts").Entry} Entry */

export class Requests {
  #session;

  /**
   * @param {import("../session.js").Session} session
   * @param {string} label
   */
  constructor(session, label) {
    this.#session = session;
    this.element = h("ul", { class: "requests", "aria-label": label });
  }

  /** Shows the unsent ones. Returns their number. */
  update() {
    const { conversations, sending } = this.#session.client.machine;
    const entries = [...sending.creations(), ...sending.strays(conversations.all)];
    reconcile(this.element, entries, (entry) => entry.client_message_id, makeRequest, (element, entry) => this.#request(element, entry));
    return entries.length;
  }

  /**
   * @param {HTMLElement} element
   * @param {Entry} entry
   */
  #request(element, entry) {
    const state = /** @type {HTMLElement} */ (element.lastElementChild);
    const { client } = this.#session;
    const isLive = client.machine.connection.phase.phase === "live";
    const words = entry.refused !== undefined ? refusalOf(entry) : t(isLive ? "draft.being_sent" : "draft.no_connection");
    set(element, "data-refused", entry.refused !== undefined);
    if (state.dataset.words === words) return;
    state.dataset.words = words;
    const act = (/** @type {"retry" | "discard"} */ kind) => () => client.handle({ kind, id: entry.client_message_id });
    const buttons = [
      h("button", { type: "button", click: act("retry") }, t("draft.retry")),
      h("button", { type: "button", click: act("discard") }, t("draft.discard")),
    ];
    state.replaceChildren(words, ...(entry.refused !== undefined ? buttons : []));
  }
}

/** @param {Entry} entry */
function makeRequest({ draft }) {
  const title = "title" in draft ? draft.title : "";
  return h("li", {}, h("strong", { dir: "auto" }, title), h("p", { dir: "auto" }, draft.content), h("p", { class: "request-state", role: "status" }));
}
