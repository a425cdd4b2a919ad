// The requests for one conversation: its row, its messages, and the user's read position.

import { LIMITS } from "./limits.js";
import { isDue } from "./turn.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("../types.d.ts").Ask} Ask */

/**
 * The most urgent request that is due for one conversation.
 *
 * @param {Conversation} one
 * @param {number} now
 * @returns {Ask | null}
 */
export function nextOf(one, now) {
  const conversation_id = one.id;
  if (isDue(one.row.turn, now)) {
    // A brief row does not name all participants. If names are missing, the whole row is needed.
    const data = one.row.ask() ? { conversation_id } : { conversation_id, participants: "brief" };
    return { purpose: { kind: "row", id: one.id }, type: "get_active_conversations", data };
  }
  if (isDue(one.join, now)) {
    one.join = "wire";
    // No store has the epoch "". The server therefore returns the newest page.
    const from = one.held ? { after_seq: one.heldTo, epoch: one.held.epoch } : { after_seq: 0, epoch: "" };
    return { purpose: { kind: "join", id: one.id }, type: "join_conversation", data: { conversation_id, ...from } };
  }
  if (isDue(one.first, now)) {
    one.first = "wire";
    const data = { conversation_id, after_seq: 0, limit: 1 };
    return { purpose: { kind: "first", id: one.id }, type: "get_conversation_messages", data };
  }
  if (isDue(one.older, now)) {
    one.older = "wire";
    const data = { conversation_id, limit: LIMITS.olderPage, before_seq: one.messages[0]?.seq ?? 1 };
    return { purpose: { kind: "older", id: one.id }, type: "get_conversation_messages", data };
  }
  if (one.reading && isDue(one.reading.turn, now)) {
    one.reading.turn = "wire";
    const data = { conversation_id, message_id: one.reading.message_id };
    return { purpose: { kind: "read", id: one.id, seq: one.reading.seq }, type: "mark_message_read", data };
  }
  return null;
}
