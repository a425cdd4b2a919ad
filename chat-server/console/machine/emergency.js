// The decision whether an emergency still needs somebody.

/** @typedef {import("./conversation.js").Conversation} Conversation */

/**
 * Whether nobody has taken this emergency yet. One that has just been announced is open, though
 * nothing else is known of it. The only place of this decision.
 *
 * @param {Conversation} one
 */
export const isOpenEmergency = (one) => (one.emergency ? one.emergency.state === "OPEN" : one.isEmergency && one.isAnnounced);

/** Whether the emergency is not over. @param {Conversation} one */
export const isLiveEmergency = (one) => (one.emergency ? one.emergency.state !== "ENDED" : one.isEmergency && one.isAnnounced);

/** The best known time of its begin. @param {Conversation} one */
const begin = (one) => one.since || Date.parse(one.work?.waiting_since ?? "") || one.lastAt;

/**
 * The open emergencies, the oldest first.
 *
 * @param {Iterable<Conversation>} all
 */
export const openEmergencies = (all) => [...all].filter(isOpenEmergency).sort((one, other) => begin(one) - begin(other));
