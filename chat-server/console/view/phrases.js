// Ready texts. None claims more than whoever presses it knows: nobody is said to be unhurt.

import { t } from "../language.js";

/** @typedef {{ title: string, content: string, isEmergency?: boolean }} Phrase */
/** @typedef {import("../types.d.ts").Role} Role */
/** @typedef {import("../language.js").Key} Key */

/** A request for help: a title, and its text. @param {Key} title @param {Key} content @returns {Phrase} */
const request = (title, content) => ({ title: t(title), content: t(content) });

/** The calls for help of everybody. @returns {Phrase[]} */
export const emergencies = () => [{ ...request("phrase.emergency", "phrase.emergency_text"), isEmergency: true }];

/** The requests of a role. @param {Role} role @returns {Phrase[]} */
export function requestsOf(role) {
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
export const answers = () => [t("phrase.understood"), t("phrase.yes"), t("phrase.no"), t("phrase.on_my_way")];
