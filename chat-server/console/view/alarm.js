// The alarm: emergencies not opened by anyone here, the oldest first.

import { h, hide } from "./dom.js";
import { beep } from "./sound.js";
import { ROLES, nameOf, timeOf, titleOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */

/** The best known time of the begin. @param {Conversation} one */
const begin = (one) => one.since || one.lastAt;

export class Alarm {
  #session;
  #show;
  /** Emergencies not opened by anyone. @type {Set<string>} */
  #open = new Set();
  /** Announced emergencies: each sounds once. Bounded by the conversations. @type {Set<string>} */
  #told = new Set();
  #shown = "";
  element = h("div", { class: "alarm", role: "alert", hidden: true });

  /**
   * @param {import("../session.js").Session} session
   * @param {(id: string) => void} show
   */
  constructor(session, show) {
    this.#session = session;
    this.#show = show;
  }

  /** Raises an emergency. @param {string} id */
  raise(id) {
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.#open.add(id);
    beep(true);
  }

  /** Somebody has opened the emergency. @param {string} id */
  opened(id) {
    this.#told.add(id);
    this.#open.delete(id);
  }

  update() {
    const { conversations } = this.#session.client.machine;
    const open = [...this.#open].flatMap((id) => conversations.get(id) ?? []).sort((one, other) => begin(one) - begin(other));
    const [oldest] = open;
    const creator = oldest && conversations.people.get(oldest.created_by);
    const key = oldest ? `${open.length} ${oldest.id} ${nameOf(creator, oldest.created_by)} ${oldest.title}` : "";
    if (this.#shown === key) return;
    this.#shown = key;
    hide(this.element, !oldest);
    this.element.replaceChildren(...(oldest ? this.#parts(oldest, creator, open.length) : []));
  }

  /**
   * @param {Conversation} oldest
   * @param {import("../types.d.ts").Person | undefined} creator
   * @param {number} count
   */
  #parts(oldest, creator, count) {
    const title = titleOf(oldest.title);
    const words = [nameOf(creator, oldest.created_by), creator && ROLES[creator.role], title !== "Emergency" && title];
    const since = h("time", { datetime: new Date(oldest.since).toISOString(), title: wholeTimeOf(oldest.since) }, timeOf(oldest.since));
    const said = [
      h("strong", {}, "Emergency"),
      h("span", { class: "alarm-count" }, count === 1 ? "1 open" : `${count} open, the oldest first`),
      h("span", {}, words.filter((word) => word).join(" · "), oldest.since > 0 && " · ", oldest.since > 0 && since),
    ];
    return [
      h("p", {}, ...said),
      h("button", { type: "button", click: () => this.#show(oldest.id) }, "Open"),
    ];
  }
}
