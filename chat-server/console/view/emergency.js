// The life of the open emergency: whether somebody has taken it, by name and time, and its end.

import { t } from "../language.js";
import { h, hide, reconcile, say, set } from "./dom.js";
import { nameOf, whenOf, wholeTimeOf } from "./words.js";

/** @typedef {import("../machine/conversation.js").Conversation} Conversation */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").Emergency} Emergency */
/** @typedef {import("../types.d.ts").EndReason} EndReason */

/** @type {Record<EndReason, import("../language.js").Key>} */
const ENDS = {
  solved: "emergency.end_solved",
  handed_over: "emergency.end_handed_over",
  false_alarm: "emergency.end_false_alarm",
  withdrawn: "emergency.withdraw",
};

/** @type {Record<EndReason, import("../language.js").Key>} */
const ENDED = {
  solved: "emergency.solved",
  handed_over: "emergency.handed_over",
  false_alarm: "emergency.false_alarm",
  withdrawn: "emergency.withdrawn",
};

export class EmergencyBar {
  #session;
  #state = h("p", { class: "emergency-state", role: "status" });
  #actions = h("div", { class: "emergency-actions", role: "group", "aria-label": t("emergency.label") });
  /** The conversation that is shown. The buttons stay, and end its emergency. @type {Conversation | undefined} */
  #shown;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.element = h("div", { class: "emergency", hidden: true }, this.#state, this.#actions);
  }

  /** @param {Conversation | undefined} one */
  update(one) {
    const emergency = one?.emergency;
    this.#shown = one;
    hide(this.element, !emergency);
    if (!one || !emergency) return;
    set(this.element, "data-state", emergency.state);
    say(this.#state, this.#words(emergency));
    set(this.#state, "title", wholeTimeOf(Date.parse(emergency.since) || 0));
    const isPending = this.#session.client.machine.works.isPending(one.id);
    reconcile(
      this.#actions,
      this.#offered(one, emergency),
      (reason) => reason,
      (reason) => h("button", { type: "button", click: () => this.#end(reason) }, t(ENDS[reason])),
      (button) => set(button, "aria-disabled", isPending),
    );
  }

  get #isControl() {
    return this.#session.user.role.startsWith("CONTROL");
  }

  /** @param {Emergency} emergency */
  #words({ state, by, level, since, reason }) {
    const when = whenOf(Date.parse(since) || 0);
    if (state === "OPEN") {
      if (!this.#isControl) return t("emergency.alerting");
      return level === 0 ? t("emergency.open") : t("emergency.open_level", { level });
    }
    // Control reads beside it who has the conversation.
    if (state === "TAKEN") return this.#isControl ? "" : this.#taken(by, when);
    const words = t("emergency.over", { when, reason: t(ENDED[reason ?? "solved"]) });
    // Somebody may have forced the withdrawal, and may read along.
    return this.#isControl && reason === "withdrawn" ? `${words} ${t("emergency.forced")}` : words;
  }

  /** @param {string | null} id @param {string} when */
  #taken(id, when) {
    if (id === this.#session.user.id) return t("emergency.taken_by_you", { when });
    const { people } = this.#session.client.machine.conversations;
    return t("emergency.taken", { when, name: id === null ? t("name.in_sentence_somebody") : nameOf(people.get(id), id) });
  }

  /** @param {Conversation} one @param {Emergency} emergency @returns {EndReason[]} */
  #offered({ created_by }, { state }) {
    if (state === "ENDED") return [];
    if (this.#isControl) return ["solved", "handed_over", "false_alarm"];
    return state === "OPEN" && created_by === this.#session.user.id ? ["withdrawn"] : [];
  }

  /** @param {EndReason} reason */
  #end(reason) {
    const { id = "", emergency } = this.#shown ?? {};
    if (!emergency || this.#session.client.machine.works.isPending(id)) return;
    this.#session.client.handle({ kind: "end_emergency", id, reason, version: emergency.version });
  }
}
