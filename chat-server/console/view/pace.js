// Painting once per frame, and only changes.

/** Hidden pages have no frames. Their title and alarms are updated after this many milliseconds. */
const UNSEEN = 500;

/**
 * Returns a function that requests `paint`, called once in the next frame for all changes until
 * then.
 *
 * @param {() => void} paint
 * @param {AbortSignal} gone after which nothing is painted
 */
export function perFrame(paint, gone) {
  let isAsked = false;
  return () => {
    if (isAsked || gone.aborted) return;
    isAsked = true;
    const run = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      isAsked = false;
      if (!gone.aborted) paint();
    };
    const frame = requestAnimationFrame(run);
    const timer = setTimeout(run, UNSEEN);
  };
}

/** The changes since the last painting. */
export class Changes {
  /** Whether anything may have changed. */
  all = true;
  /** Conversations with changes other than typing. @type {Set<string>} */
  conversations = new Set();
  /** Conversations in which somebody started or stopped typing. @type {Set<string>} */
  typing = new Set();
  /** Whether drafts have changed. */
  outbox = false;

  /** @param {import("../types.d.ts").Told} told */
  note(told) {
    if (told.kind !== "changed") return;
    if (told.what === "conversation") this.conversations.add(told.id);
    else if (told.what === "typing") this.typing.add(told.id);
    else if (told.what === "outbox") this.outbox = true;
    else if (told.what === "list") this.all = true;
  }

  /** Returns the changes, and resets them. */
  take() {
    const { all, conversations, typing, outbox } = this;
    Object.assign(this, { all: false, conversations: new Set(), typing: new Set(), outbox: false });
    return { all, conversations, typing, outbox };
  }
}
