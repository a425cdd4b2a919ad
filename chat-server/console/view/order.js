// An order in the conversation: whose answer it waits for, who has answered what and when, and the
// answers to choose from.

import { t } from "../language.js";
import { isOpen, mayAnswer } from "../machine/orders.js";
import { isControl } from "../token.js";
import { h } from "./dom.js";
import { nameOf, whenOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../types.d.ts").KnownOrder} KnownOrder */
/** @typedef {import("../types.d.ts").OrderPart} OrderPart */

/** A time in words. @param {string | null | undefined} at */
const when = (at) => whenOf(Date.parse(at ?? "") || 0);

/** An answer in words. Erased texts have a number. @param {KnownOrder} known @param {number} place */
export const answerText = ({ answers }, place) => answers[place] ?? t("order.number", { number: place + 1 });

/** The user as the orders see it. @param {Session} session */
export const askedUser = ({ user }) => ({ id: user.id, isControl: isControl(user.role) });

/**
 * The user has chosen an answer.
 *
 * @param {Session} session
 * @param {string} conversation_id
 * @param {KnownOrder} known
 * @param {number} answer
 */
export function postAnswer(session, conversation_id, known, answer) {
  const draft = /** @type {const} */ ({ type: "answer_message", conversation_id, message_id: known.order.message_id, answer });
  session.client.handle({ kind: "post", draft: { ...draft, content: answerText(known, answer) }, at: Date.now() });
}

/**
 * The buttons of the answers.
 *
 * @param {KnownOrder} known
 * @param {(answer: number) => void} choose
 */
export function answerButtons(known, choose) {
  const places = Array.from({ length: known.order.choices }, (_, place) => place);
  const button = (/** @type {number} */ place) => h("button", { type: "button", dir: "auto", click: () => choose(place) }, answerText(known, place));
  return h("div", { class: "order-answers", role: "group", "aria-label": t("order.answers") }, ...places.map(button));
}

/**
 * Shows an order below its message, and again only if something has changed.
 *
 * @param {HTMLElement} part
 * @param {string} id the conversation
 * @param {KnownOrder} known
 * @param {Session} session
 */
export function updateOrder(part, id, known, session) {
  const { machine } = session.client;
  const { order, answers } = known;
  const people = order.people.map((one) => personWords(one, known, session));
  const isSent = machine.sending.answerTo(order.message_id) !== undefined;
  const isMine = order.sender_id === session.user.id;
  const key = JSON.stringify([order.version, answers, people, isSent]);
  if (part.dataset.shown === key) return;
  part.dataset.shown = key;
  const tag = isOpen(order) ? t("order.answer_by", { when: when(order.due) }) : t("order.tag");
  const withdraw = () => session.client.handle({ kind: "withdraw_order", id, message_id: order.message_id });
  const choose = (/** @type {number} */ answer) => postAnswer(session, id, known, answer);
  part.replaceChildren(
    h("p", { class: "order-tag" }, tag),
    h("ul", {}, ...order.people.map(({ state }, place) => h("li", { dir: "auto", "data-state": state }, people[place]))),
    ...(mayAnswer(order, askedUser(session)) && !isSent ? [answerButtons(known, choose)] : []),
    ...(isMine && isOpen(order) ? [h("button", { type: "button", class: "withdraw", click: withdraw }, t("order.withdraw"))] : []),
  );
}

/**
 * The answer of one person in words, or the state of the question.
 *
 * @param {OrderPart} part
 * @param {KnownOrder} known
 * @param {Session} session
 */
function personWords({ user_id, state, ended_at, answer }, known, session) {
  const { people } = session.client.machine.conversations;
  const asked = user_id ?? answer?.by ?? null;
  const name = asked === null ? t("order.anybody") : nameOf(people.get(asked), asked);
  if (answer) {
    const words = answer.late ? "order.answered_late" : "order.answered";
    return t(words, { name, answer: answerText(known, answer.answer), when: when(answer.at) });
  }
  if (state === "OVERDUE") return t("order.overdue", { name });
  return state === "PENDING" ? t("order.pending", { name }) : t("order.withdrawn", { name, when: when(ended_at) });
}
