// Painting at the browser's pace, and only what changed.

/** A page that is not seen has no frames; its title and its alarms change all the same, after this many milliseconds. */
const UNSEEN = 500;

/**
 * A function that asks for `paint`, which is called once in the next frame for all that changed until then.
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

/** What changed since the last painting. */
export class Changes {
  /** Whether anything may have changed. */
  all = true;
  /** Conversations of which more than the typing changed. @type {Set<string>} */
  conversations = new Set();
  /** Conversations in which somebody types, or no longer. @type {Set<string>} */
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

  /** Gives what changed, and begins anew. */
  take() {
    const { all, conversations, typing, outbox } = this;
    Object.assign(this, { all: false, conversations: new Set(), typing: new Set(), outbox: false });
    return { all, conversations, typing, outbox };
  }
}
