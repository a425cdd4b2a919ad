// Reports of the user's typing: at its start, repeatedly while it lasts, and at its end.

import { PERIODS } from "./limits.js";
import { NOW, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Turn} Turn */

/**
 * The conversations in which the user types. Bounded: one conversation is shown at a time, and the
 * end in others is reported once.
 */
export class Typing {
  /** @type {Map<string, { turn: Turn, until: number }>} */
  #active = new Map();

  /**
   * A key was pressed, or the text has become empty.
   *
   * @param {string} id
   * @param {boolean} types
   * @param {number} now
   */
  set(id, types, now) {
    const active = this.#active.get(id);
    if (active) active.until = types ? now + PERIODS.typingEnds : now;
    else if (types) this.#active.set(id, { turn: NOW, until: now + PERIODS.typingEnds });
  }

  /** A message was sent. The server ends the typing. @param {string} id */
  sent(id) {
    this.#active.delete(id);
  }

  lost() {
    this.#active.clear();
  }

  /**
   * @param {number} now
   * @returns {Ask | null}
   */
  next(now) {
    for (const [conversation_id, active] of this.#active) {
      const is_typing = active.until > now;
      if (is_typing && !isDue(active.turn, now)) continue;
      if (is_typing) active.turn = now + PERIODS.typingRefresh;
      else this.#active.delete(conversation_id);
      return { purpose: { kind: "typing" }, type: "typing_indicator", data: { conversation_id, is_typing } };
    }
    return null;
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest([...this.#active.values()].flatMap((active) => [active.turn, active.until]), now);
  }
}
