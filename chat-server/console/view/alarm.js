// The alarm: emergencies that nobody has taken, the oldest first. It sounds until somebody has, in
// every open console.

import { t } from "../language.js";
import { openEmergencies } from "../machine/emergency.js";
import { h, hide } from "./dom.js";
import { notify } from "./notify.js";
import { beep } from "./sound.js";
import { nameOf, roleOf, timeOf, titleOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */

/** Pause between two sounds, in milliseconds. */
const REPEATED = 5_000;

export class Alarm {
  #session;
  #show;
  #take;
  /** The open emergencies, each with its notification. @type {Map<string, Notification | null>} */
  #open = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ringing;
  #shown = "";
  element = h("div", { class: "alarm", role: "alert", hidden: true });

  /**
   * @param {import("../session.js").Session} session
   * @param {{ show: (id: string) => void, take: (id: string) => void, gone: AbortSignal }} settings `gone`: when it is shown no more
   */
  constructor(session, { show, take, gone }) {
    this.#session = session;
    this.#show = show;
    this.#take = take;
    gone.addEventListener("abort", () => clearInterval(this.#ringing));
  }

  /** Number of open emergencies. */
  get count() {
    return this.#open.size;
  }

  update() {
    const { conversations } = this.#session.client.machine;
    const open = openEmergencies(conversations.all.values());
    this.#ring(open);
    const [oldest] = open;
    const creator = oldest && conversations.people.get(oldest.created_by);
    const key = oldest ? `${open.length} ${oldest.id} ${nameOf(creator, oldest.created_by)} ${oldest.title} ${oldest.since}` : "";
    if (this.#shown === key) return;
    this.#shown = key;
    hide(this.element, !oldest);
    this.element.replaceChildren(...(oldest ? this.#parts(oldest, creator, open.length) : []));
  }

  /** Sounds at once for a new emergency, and again and again while one is open. @param {Conversation[]} open */
  #ring(open) {
    const ids = new Set(open.map(({ id }) => id));
    for (const [id, notice] of this.#open) {
      if (ids.has(id)) continue;
      notice?.close();
      this.#open.delete(id);
    }
    const fresh = open.filter(({ id }) => !this.#open.has(id));
    for (const one of fresh) this.#open.set(one.id, this.#notify(one));
    if (fresh.length === 0 && this.#open.size > 0) return;
    clearInterval(this.#ringing);
    if (fresh.length === 0) return;
    beep(true);
    this.#ringing = setInterval(() => beep(true), REPEATED);
  }

  /** @param {Conversation} one */
  #notify({ id, created_by }) {
    const name = nameOf(this.#session.client.machine.conversations.people.get(created_by), created_by);
    return notify(t("alarm.heading"), { body: name, tag: id, isUrgent: true, open: () => this.#show(id) });
  }

  /**
   * @param {Conversation} oldest
   * @param {import("../types.d.ts").Person | undefined} creator
   * @param {number} count
   */
  #parts(oldest, creator, count) {
    const title = titleOf(oldest.title);
    const words = [nameOf(creator, oldest.created_by), creator && roleOf(creator), title !== t("phrase.emergency") && title];
    const since = h("time", { datetime: new Date(oldest.since).toISOString(), title: wholeTimeOf(oldest.since) }, timeOf(oldest.since));
    const said = [
      h("strong", {}, t("alarm.heading")),
      h("span", { class: "alarm-count" }, t("alarm.open", { count })),
      h("span", { dir: "auto" }, words.filter((word) => word).join(" · "), oldest.since > 0 && " · ", oldest.since > 0 && since),
    ];
    return [
      h("p", {}, ...said),
      h("button", { type: "button", click: () => this.#take(oldest.id) }, t("alarm.take")),
      h("button", { type: "button", click: () => this.#show(oldest.id) }, t("alarm.show")),
    ];
  }
}
