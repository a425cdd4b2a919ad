// Times, names and states in words.

import { form, t } from "../language.js";
import { CODES } from "../machine/connection.js";

/** @typedef {import("../types.d.ts").Person} Person */
/** @typedef {import("../types.d.ts").Role} Role */

/** @typedef {import("../machine/orders.js").Orders} Orders */
/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../language.js").Key} Key */

const ROLES = Object.freeze(
  /** @type {Record<Role, Key>} */ ({
    BUS_DRIVER: "role.driver",
    QUEUE_REGULATOR: "role.regulator",
    CONTROL_STAFF: "role.staff",
    CONTROL_ADMIN: "role.admin",
  }),
);

/** The role of a person. @param {Pick<Person, "role">} person */
export const roleOf = ({ role }) => t(ROLES[role]);

/** @param {number} at */
export const timeOf = (at) => form().clock.format(at);

/** The whole date and time, with the offset from UTC. @param {number} at */
export const wholeTimeOf = (at) => form().full.format(at).replace(/GMT$/, "UTC+00:00").replace("GMT", "UTC");

/** A text as the beginning of a sentence. @param {string} text */
export const sentence = (text) => text.charAt(0).toLocaleUpperCase(form().code) + text.slice(1);

/** The number of days since a time, by this device's calendar. @param {number} at */
const daysSince = (at) => Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);

/** The day, with the year if it is another one. @param {number} at */
export function dayOf(at) {
  const [days, { near, date, dateOfYear }] = [daysSince(at), form()];
  if (days === 0 || days === 1) return sentence(near.format(-days, "day"));
  return new Date(at).getFullYear() === new Date().getFullYear() ? date.format(at) : dateOfYear.format(at);
}

/**
 * When, as shortly as it can be said, within a sentence.
 *
 * @param {number} at
 */
export function whenOf(at) {
  const days = daysSince(at);
  return days === 0 ? timeOf(at) : days === 1 ? form().near.format(-1, "day") : dayOf(at);
}

/**
 * @param {Pick<Person, "first_name" | "last_name"> | undefined} person
 * @param {string} id
 */
export const nameOf = (person, id) => `${person?.first_name ?? ""} ${person?.last_name ?? ""}`.trim() || id;

/** The server puts this prefix before every title. @param {string} title */
export const titleOf = (title) => title.replace(/^Support: /, "") || t("name.conversation");

/**
 * A length of time, in its two largest units.
 *
 * @param {number} ms
 */
export function ageOf(ms) {
  const minutes = Math.floor(Math.max(ms, 0) / 60_000);
  if (minutes < 1) return t("age.under_a_minute");
  const { units } = form();
  const parts = /** @type {const} */ ([
    ["day", Math.floor(minutes / 1_440)],
    ["hour", Math.floor(minutes / 60) % 24],
    ["minute", minutes % 60],
  ]);
  const first = parts.findIndex(([, count]) => count > 0);
  const shown = parts.slice(first, first + 2).filter(([, count]) => count > 0);
  return shown.map(([unit, count]) => units[unit].format(count)).join(" ");
}

/** A length of time, in seconds if it is shorter than a minute. @param {number} ms */
export const timeLeft = (ms) => (ms < 60_000 ? form().units.second.format(Math.ceil(Math.max(ms, 0) / 1_000)) : ageOf(ms));

/** @param {string[]} names */
export function typingWords(names) {
  if (names.length === 0) return "";
  if (names.length > 2) return t("typing.many", { count: names.length });
  return t("typing.people", { count: names.length, names: form().list.format(names) });
}

/** The server counts no further than 100. @param {number} count */
export const counted = (count) => (count >= 100 ? `${form().number.format(99)}+` : form().number.format(count));

/**
 * The connection's state in words.
 *
 * @param {import("../types.d.ts").Phase} phase
 * @param {number} waiting number of unsent messages
 * @param {boolean} isOnline whether the browser reports a network
 * @returns {{ state: "live" | "reconnecting" | "offline" | "ended", text: string }}
 */
export function stateOf(phase, waiting, isOnline) {
  const live = waiting > 0 ? t("state.live_queue", { count: waiting }) : t("state.live");
  if (phase.phase === "live") return { state: "live", text: live };
  const queue = (/** @type {Key} */ key) => (waiting > 0 ? t("state.queue", { state: t(key), count: waiting }) : t(key));
  if (phase.cause || phase.phase === "stopped") return { state: "ended", text: queue("state.ended") };
  if (!isOnline || phase.failures > 1) return { state: "offline", text: queue("state.offline") };
  return { state: "reconnecting", text: queue(phase.failures > 0 ? "state.reconnecting" : "state.connecting") };
}

/**
 * Why the server does not want this connection, and whether the user can do something about it.
 *
 * @param {number} code
 * @param {string} reason
 */
export function endOf(code, reason) {
  if (code === CODES.tokenExpired) return { text: t("end.token_expired"), wants: "token" };
  if (code === CODES.rightsChanged) return { text: t("end.rights_changed"), wants: "token" };
  if (code === CODES.notAuthenticated) return { text: t("end.not_authenticated"), wants: "token" };
  if (code === 4503) return { text: t("end.deactivated"), wants: "nothing" };
  if (code === CODES.replaced) return { text: t("end.replaced"), wants: "again" };
  return { text: reason || t("end.other"), wants: "again" };
}

/** Errors of the server that need no detail. @type {Readonly<Record<string, Key>>} */
const ERRORS = Object.freeze({
  forbidden: "error.forbidden",
  conversation_not_found: "error.conversation_not_found",
  user_not_found: "error.user_not_found",
  conflict: "error.conflict",
  already_answered: "error.already_answered",
  too_many_orders: "error.too_many_orders",
  order_not_possible: "error.order_not_possible",
  order_over: "error.order_over",
  deactivated: "error.deactivated",
});

/**
 * An error of the server. Those with a detail stay as the server has worded them.
 *
 * @param {string} error
 * @param {string} [code]
 */
export function problemOf(error, code = "") {
  const key = ERRORS[code];
  return key ? t(key) : error;
}

/** The reason that the server has refused a draft. @param {{ refused?: string, refused_code?: string }} draft */
export const refusalOf = ({ refused = "", refused_code }) => t("draft.not_sent", { reason: problemOf(refused, refused_code) });

/** The entries, by their action. The end of an emergency is worded by its reason. @type {Readonly<Record<string, Key>>} */
const ENTRIES = Object.freeze({
  TAKE: "entry.take",
  RELEASE: "entry.release",
  TRANSFER: "entry.transfer",
  RESOLVE: "entry.resolve",
  REOPEN: "entry.reopen",
  ESCALATE: "entry.escalate",
  solved: "entry.solved",
  handed_over: "entry.handed_over",
  false_alarm: "entry.false_alarm",
  withdrawn: "entry.withdrawn",
});

/**
 * The text of a message. Entries are worded here, because the server knows no language. If a name is
 * not known, or the action is newer than this page, the server's words stay.
 *
 * @param {Pick<Message, "sender_id" | "content" | "work" | "emergency" | "answer">} message
 * @param {Map<string, Person>} people
 * @param {Orders} [orders] of the conversation
 */
export function contentOf(message, people, orders) {
  const { sender_id, content, work, emergency, answer } = message;
  if (answer) return orderEntryOf(message, answer, people, orders) ?? content;
  const action = work?.action ?? (emergency?.action === "ESCALATE" ? "ESCALATE" : emergency?.action && emergency.reason);
  const key = action ? ENTRIES[action] : undefined;
  if (!key) return content;
  const [by, to] = [people.get(sender_id), people.get(work?.assignee ?? "")];
  if ((!by && action !== "ESCALATE") || (!to && action === "TRANSFER")) return content;
  const values = { name: nameOf(by, sender_id), to: nameOf(to, work?.assignee ?? "") };
  return t(key, { ...values, level: emergency?.level ?? 0 });
}

/**
 * The text of an entry about an order, if it can be worded here.
 *
 * @param {Pick<Message, "sender_id">} message
 * @param {NonNullable<Message["answer"]>} entry
 * @param {Map<string, Person>} people
 * @param {Orders} [orders]
 */
function orderEntryOf({ sender_id }, { action, answer, late, order }, people, orders) {
  if (action === "EXPIRE") return t(order.people.some(({ state }) => state === "OVERDUE") ? "entry.expire" : "entry.not_asked");
  const by = people.get(sender_id);
  const name = nameOf(by, sender_id);
  if (by && action === "WITHDRAW") return t("entry.withdraw_order", { name });
  const text = orders?.get(order.message_id)?.answers[answer ?? NaN];
  if (!by || text === undefined || action !== "ANSWER") return null;
  return t(late ? "entry.answer_late" : "entry.answer", { name, answer: text });
}

/**
 * The messages held of a conversation as text.
 *
 * @param {import("../machine/conversation.js").Conversation} one
 * @param {Map<string, Person>} people
 */
export function transcriptOf(one, people) {
  const lines = one.messages.map((message) => {
    const person = people.get(message.sender_id);
    const who = `${nameOf(person, message.sender_id)}${person ? ` (${roleOf(person)})` : ""}`;
    const content = contentOf(message, people, one.orders).replaceAll("\n", "\n    ");
    return `[${wholeTimeOf(Date.parse(message.sent_at) || 0)}] ${who}: ${content}`;
  });
  const first = one.messages[0]?.seq ?? 1;
  const missing = first > 1 ? [t("transcript.missing", { number: first })] : [];
  return [titleOf(one.title), `${one.id}, ${t("transcript.messages", { count: lines.length })}`, "", ...missing, ...lines, ""].join("\n");
}
