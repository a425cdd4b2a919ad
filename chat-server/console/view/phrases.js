// Ready texts: those of the server's operator, or the console's own. None of these claims more than
// whoever presses it knows: nobody is said to be unhurt.

import { onDevice } from "../kept.js";
import { form, t } from "../language.js";

/** @typedef {{ title: string, content: string, isEmergency?: boolean }} Phrase */
/** @typedef {import("../types.d.ts").PhraseSet} PhraseSet */
/** @typedef {import("../types.d.ts").Role} Role */
/** @typedef {import("../language.js").Key} Key */

/** The key under which the texts of a role and a language are kept, for a page without a connection. */
const KEPT = "chat-phrases";

/** A request for help: a title, and its text. @param {Key} title @param {Key} content @returns {Phrase} */
const request = (title, content) => ({ title: t(title), content: t(content) });

/** The calls for help of everybody. @returns {Phrase[]} */
const ownEmergencies = () => [{ ...request("phrase.emergency", "phrase.emergency_text"), isEmergency: true }];

/** The requests of a role. @param {Role} role @returns {Phrase[]} */
function ownRequests(role) {
  if (role !== "QUEUE_REGULATOR")
    return [
      request("phrase.breakdown", "phrase.breakdown_text"),
      request("phrase.accident", "phrase.accident_text"),
      request("phrase.road", "phrase.road_text"),
      request("phrase.late", "phrase.late_text"),
      request("phrase.passenger", "phrase.passenger_text"),
    ];
  return [
    request("phrase.bus", "phrase.bus_text"),
    request("phrase.queue", "phrase.queue_text"),
    request("phrase.stop", "phrase.stop_text"),
    request("phrase.departures", "phrase.departures_text"),
    request("phrase.passenger", "phrase.passenger_text"),
  ];
}

/** The answers of a driver or a queue regulator. */
const ownAnswers = () => [t("phrase.understood"), t("phrase.yes"), t("phrase.no"), t("phrase.on_my_way")];

/** The ready texts of the user. */
export class PhraseBook {
  #session;
  #key;

  /** @param {import("../session.js").Session} session */
  constructor(session) {
    this.#session = session;
    const { code, locale } = form();
    this.#key = `${KEPT}/${session.user.role}/${code}`;
    session.client.handle({ kind: "phrases", language: locale });
  }

  /** The server has sent its texts. */
  keep() {
    const { known } = this.#session.client.machine.phrases;
    if (known) onDevice.set(this.#key, JSON.stringify(known));
  }

  /** The calls for help. There is always one. @returns {Phrase[]} */
  get emergencies() {
    const given = this.#requests.filter(({ isEmergency }) => isEmergency);
    return given.length > 0 ? given : ownEmergencies();
  }

  /** The other requests. @returns {Phrase[]} */
  get requests() {
    if (this.#given.length === 0) return ownRequests(this.#session.user.role);
    return this.#requests.filter(({ isEmergency }) => !isEmergency);
  }

  /** Messages that are sent at one press. @returns {Phrase[]} */
  get messages() {
    if (this.#given.length > 0) return this.#given.filter(({ kind }) => kind !== "request");
    const isField = !this.#session.user.role.startsWith("CONTROL");
    return isField ? ownAnswers().map((content) => ({ title: content, content })) : [];
  }

  /** @returns {Phrase[]} */
  get #requests() {
    const requests = this.#given.filter(({ kind }) => kind === "request");
    return requests.map(({ title, content, emergency }) => ({ title, content, isEmergency: emergency }));
  }

  /** The texts of the server, or those that it sent before. */
  get #given() {
    return (this.#session.client.machine.phrases.known ?? parse(onDevice.get(this.#key)))?.phrases ?? [];
  }
}

/**
 * Kept texts. None, if they are of another version of the console.
 *
 * @param {string | null} text
 * @returns {PhraseSet | null}
 */
function parse(text) {
  try {
    const kept = JSON.parse(text ?? "null");
    return Array.isArray(kept?.phrases) ? kept : null;
  } catch {
    return null;
  }
}
