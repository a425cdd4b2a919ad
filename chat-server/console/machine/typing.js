// That the user types: told when it begins, again while it goes on, and when it ends.

import { PERIODS } from "./limits.js";
import { NOW, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Turn} Turn */

/** Where the user types. Bounded: one conversation is shown at a time, and of others the end is told once. */
export class Typing {
  /** @type {Map<string, { turn: Turn, until: number }>} */
  #active = new Map();

  /**
   * A key was pressed, or the text is empty again.
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

  /** A message was sent: the server ends it by itself. @param {string} id */
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

  /** When the next turn comes. @param {number} now */
  deadline(now) {
    return earliest([...this.#active.values()].flatMap((active) => [active.turn, active.until]), now);
  }
}
