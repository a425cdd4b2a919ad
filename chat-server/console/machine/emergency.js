// The decision whether an emergency still needs somebody.

/** @typedef {import("./conversation.js").Conversation} Conversation */

/**
 * Whether nobody has taken this emergency yet. The work of one that has just been announced is not
 * known. The only place of this decision.
 *
 * @param {Conversation} one
 */
export const isOpenEmergency = (one) => one.isEmergency && (one.work === null ? one.isAnnounced : one.work.state === "WAITING");

/** The best known time of its begin. @param {Conversation} one */
const begin = (one) => one.since || Date.parse(one.work?.waiting_since ?? "") || one.lastAt;

/**
 * The open emergencies, the oldest first.
 *
 * @param {Iterable<Conversation>} all
 */
export const openEmergencies = (all) => [...all].filter(isOpenEmergency).sort((one, other) => begin(one) - begin(other));
