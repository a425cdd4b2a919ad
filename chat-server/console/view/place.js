// The place in the browser's history: the list, or a conversation above it. Back leads from a
// conversation to the list, and a reload opens the conversation again.

/**
 * The driver's conversation before a reload, which is shown even if the list can't be loaded.
 *
 * @param {string} user
 * @returns {{ open: string, title: string } | null}
 */
export function keptPlace(user) {
  const { state } = history;
  return state?.user === user && typeof state.open === "string" ? { open: state.open, title: String(state.title ?? "") } : null;
}

/** @param {string} user @param {string | null} open @param {string} title */
export const keepPlace = (user, open, title) => history.replaceState(open === null ? null : { user, open, title }, "");

export class Place {
  #user;
  /** The open conversation. @type {string | null} */
  #open = null;
  /** Whether the page itself goes back, and needs no event about it. */
  #isReturning = false;

  /**
   * @param {string} user whose places these are
   * @param {(id: string | null) => void} show
   * @param {AbortSignal} gone when nothing is shown any more
   */
  constructor(user, show, gone) {
    this.#user = user;
    const moved = () => {
      if (this.#isReturning) return this.#returned();
      this.#open = this.now;
      show(this.#open);
    };
    addEventListener("popstate", moved, { signal: gone });
  }

  /** The conversation of this place. @returns {string | null} */
  get now() {
    const { state } = history;
    return state?.user === this.#user && typeof state.open === "string" ? state.open : null;
  }

  /** The user has opened a conversation, or gone back to the list. @param {string | null} id */
  go(id) {
    this.#open = id;
    if (id === this.now || this.#isReturning) return;
    if (id !== null && this.now === null) history.pushState(this.#state(id), "");
    else if (id !== null) history.replaceState(this.#state(id), "");
    else {
      this.#isReturning = true;
      history.back();
    }
  }

  /** The page has gone back. Meanwhile the user may have opened another conversation. */
  #returned() {
    this.#isReturning = false;
    if (this.#open !== null) this.go(this.#open);
  }

  /** @param {string} open */
  #state(open) {
    return { user: this.#user, open };
  }
}
