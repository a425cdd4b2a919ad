// Notes of control beside a conversation. They are a conversation of their own, which no list has.

import { Conversation } from "./conversation.js";
import { LIMITS } from "./limits.js";
import { NOW } from "./turn.js";

/** The beginning of the ids of all notes. */
const BEGIN = "notes_";

/** The id of the notes beside a conversation. @param {string} id */
export const notesOf = (id) => `${BEGIN}${id}`;

/** Whether an id is that of notes. @param {string} id */
export const isNotes = (id) => id.startsWith(BEGIN);

/** The id of the conversation beside notes. @param {string} id */
export const besideOf = (id) => id.slice(BEGIN.length);

/** The notes that are shown, and those that were shown last. */
export class KnownNotes {
  /** The conversations that may have notes. @type {ReadonlyMap<string, Conversation>} */
  #conversations;
  /** @type {Map<string, Conversation>} */
  all = new Map();

  /** @param {ReadonlyMap<string, Conversation>} conversations */
  constructor(conversations) {
    this.#conversations = conversations;
  }

  /** The conversation beside notes. @param {Conversation} notes */
  beside(notes) {
    return this.#conversations.get(besideOf(notes.id));
  }

  /** Whether the server has these notes. @param {Conversation} notes */
  exist(notes) {
    return this.beside(notes)?.hasNotes === true;
  }

  /** Shows notes, and forgets those that are shown no more. @param {string} id */
  open(id) {
    for (const one of this.all.values()) if (!one.isOpen) this.all.delete(one.id);
    const notes = this.all.get(id) ?? new Conversation(id);
    this.all.set(id, notes);
    this.#emptyIfNone(notes);
    const beside = this.beside(notes);
    if (beside) beside.newNotes = 0;
    return notes;
  }

  /** Notes begin with the first one. There is nothing to request before. @param {Conversation} notes */
  #emptyIfNone(notes) {
    if (!this.exist(notes)) notes.held ??= { messages: [], epoch: "" };
  }

  /** All held notes are void. */
  forgetNumbers() {
    for (const notes of this.all.values()) {
      notes.forgetNumbers();
      this.#emptyIfNone(notes);
    }
  }

  /**
   * Applies a live note.
   *
   * @param {import("../types.d.ts").Message} message
   * @param {boolean} isMine
   * @param {boolean} isConfirmed whether the epoch is known to be the one of the note
   */
  heard(message, isMine, isConfirmed) {
    const notes = this.all.get(message.conversation_id);
    const beside = this.#conversations.get(besideOf(message.conversation_id));
    if (beside) {
      beside.hasNotes = true;
      if (!isMine && notes?.isOpen !== true) beside.newNotes = Math.min(beside.newNotes + 1, LIMITS.unread);
    }
    if (!notes) return;
    if (!isConfirmed) {
      if (notes.join === "done") notes.join = NOW;
      return;
    }
    notes.heardOf(message, isMine);
    notes.append(message);
  }
}
