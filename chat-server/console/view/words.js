// Times, names and states in words.

import { CODES } from "../machine/connection.js";

/** @typedef {import("../types.d.ts").Person} Person */
/** @typedef {import("../types.d.ts").Role} Role */

export const ROLES = Object.freeze(
  /** @type {Record<Role, string>} */ ({
    BUS_DRIVER: "Bus driver",
    QUEUE_REGULATOR: "Queue regulator",
    CONTROL_STAFF: "Control staff",
    CONTROL_ADMIN: "Control admin",
  }),
);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const dateOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "longOffset",
});

/** @param {number} at */
export const timeOf = (at) => clock.format(at);

/** The whole date and time, with the offset from UTC. @param {number} at */
export const wholeTimeOf = (at) => full.format(at).replace(/GMT$/, "UTC+00:00").replace("GMT", "UTC");

/** The day, with the year if it is another one. @param {number} at */
export function dayOf(at) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return new Date(at).getFullYear() === new Date().getFullYear() ? date.format(at) : dateOfYear.format(at);
}

/**
 * When, as shortly as it can be said.
 *
 * @param {number} at
 */
export const whenOf = (at) => (dayOf(at) === "Today" ? timeOf(at) : dayOf(at));

/**
 * @param {Person | undefined} person
 * @param {string} id
 */
export const nameOf = (person, id) => `${person?.first_name ?? ""} ${person?.last_name ?? ""}`.trim() || id;

/** The server puts this prefix before every title. @param {string} title */
export const titleOf = (title) => title.replace(/^Support: /, "") || "Conversation";

/**
 * @param {number} count
 * @param {string} one
 */
export const several = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/**
 * A length of time, in its largest units.
 *
 * @param {number} ms
 */
export function ageOf(ms) {
  const minutes = Math.floor(Math.max(ms, 0) / 60_000);
  const [hours, days] = [Math.floor(minutes / 60), Math.floor(minutes / 1_440)];
  if (minutes < 1) return "under 1 min";
  if (hours < 1) return `${minutes} min`;
  if (days < 1) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** @param {string[]} names */
export function typingWords(names) {
  if (names.length === 0) return "";
  if (names.length > 2) return `${names.length} people are typing…`;
  return `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing…`;
}

/** The server counts no further than 100. @param {number} count */
export const counted = (count) => (count >= 100 ? "99+" : String(count));

/**
 * The connection's state in words.
 *
 * @param {import("../types.d.ts").Phase} phase
 * @param {number} waiting number of unsent messages
 * @param {boolean} isOnline whether the browser reports a network
 * @returns {{ state: "live" | "reconnecting" | "offline" | "ended", text: string }}
 */
export function stateOf(phase, waiting, isOnline) {
  const queue = waiting > 0 ? ` · ${several(waiting, "message")} waiting` : "";
  if (phase.phase === "live") return { state: "live", text: `Live${queue.replace("waiting", "on the way")}` };
  if (phase.cause || phase.phase === "stopped") return { state: "ended", text: `Not connected${queue}` };
  if (!isOnline || phase.failures > 1) return { state: "offline", text: `Offline${queue}` };
  return { state: "reconnecting", text: `${phase.failures > 0 ? "Reconnecting" : "Connecting"}…${queue}` };
}

const RIGHTS_CHANGED =
  "Your rights have changed. Nothing new reaches this page until you sign in again with a new token. Meanwhile it tries the old one now and then.";

const REPLACED =
  "You are signed in on many other devices, and this one was let go. Nothing new reaches this page. It tries again by itself now and then.";

/**
 * Why the server does not want this connection, and whether the user can do something about it.
 *
 * @param {number} code
 * @param {string} reason
 */
export function endOf(code, reason) {
  if (code === CODES.tokenExpired) return { text: "Your session has ended.", wants: "token" };
  if (code === CODES.rightsChanged) return { text: RIGHTS_CHANGED, wants: "token" };
  if (code === CODES.notAuthenticated) return { text: "The server does not accept this token. The page tries it again now and then.", wants: "token" };
  if (code === 4503) return { text: "Your access was ended by an administrator.", wants: "nothing" };
  if (code === CODES.replaced) return { text: REPLACED, wants: "again" };
  return { text: reason || "The server ended this connection.", wants: "again" };
}

/**
 * The messages held of a conversation as text.
 *
 * @param {import("../machine/conversation.js").Conversation} one
 * @param {Map<string, Person>} people
 */
export function transcriptOf(one, people) {
  const lines = one.messages.map(({ sender_id, content, sent_at }) => {
    const person = people.get(sender_id);
    const who = `${nameOf(person, sender_id)}${person ? ` (${ROLES[person.role]})` : ""}`;
    return `[${wholeTimeOf(Date.parse(sent_at) || 0)}] ${who}: ${content.replaceAll("\n", "\n    ")}`;
  });
  const first = one.messages[0]?.seq ?? 1;
  const missing = first > 1 ? [`Messages before number ${first} are not part of this text.`] : [];
  return [titleOf(one.title), `${one.id}, ${several(lines.length, "message")}`, "", ...missing, ...lines, ""].join("\n");
}
