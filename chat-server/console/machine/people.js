// Searching for people. The newest search counts; an earlier one has no result.

import { LIMITS } from "./limits.js";
import { NOW, afterLoss, again, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").Found} Found */
/** @typedef {import("../types.d.ts").Json} Json */
/** @typedef {import("../types.d.ts").Role} Role */
/** @typedef {import("../types.d.ts").Turn} Turn */

/** The roles of each side. A request names one. @type {Record<"control" | "field", Role[]>} */
const SIDES = { control: ["CONTROL_STAFF", "CONTROL_ADMIN"], field: ["BUS_DRIVER", "QUEUE_REGULATOR"] };

export class People {
  /** The people found, those that are connected first. @type {Found[]} */
  found = [];
  /** Whether further people match. */
  isMore = false;
  #find = "";
  /** The roles to search, the current one first. @type {Role[]} */
  #roles = [];
  /** @type {string | null} */
  #cursor = null;
  #pages = 0;
  /** @type {Turn} */
  #turn = "done";
  /** Whether another search began while this one was on the wire. */
  #isOutdated = false;
  /** @type {Found[]} */
  #gathered = [];

  /** Whether the result is still to come. */
  get isSearching() {
    return this.#turn !== "done";
  }

  /**
   * Begins a search.
   *
   * @param {string} find the beginning of an id or a name
   * @param {"control" | "field"} side
   */
  search(find, side) {
    this.#isOutdated = this.#turn === "wire";
    Object.assign(this, { isMore: false });
    this.#find = find;
    this.#roles = [...SIDES[side]];
    this.#cursor = null;
    this.#pages = 0;
    this.#gathered = [];
    if (!this.#isOutdated) this.#turn = NOW;
  }

  /**
   * Applies a reply. Returns the people in it.
   *
   * @param {Json} reply
   * @param {number} now
   * @returns {Found[]}
   */
  answered(reply, now) {
    if (this.#isOutdated) {
      this.#isOutdated = false;
      this.#turn = NOW;
      return [];
    }
    const later = again(reply, now);
    if (later !== null) {
      this.#turn = later;
      return [];
    }
    const people = /** @type {Found[]} */ (reply.success === true ? reply.people : []);
    this.#gathered.push(...people);
    this.#goOn(typeof reply.next_cursor === "string" ? reply.next_cursor : null);
    return people;
  }

  /** @param {string | null} cursor of the next page */
  #goOn(cursor) {
    this.#pages += 1;
    this.#cursor = cursor;
    if (cursor === null) this.#roles.shift();
    const isEnough = this.#gathered.length >= LIMITS.found || this.#pages >= LIMITS.foundPages;
    this.#turn = this.#roles.length > 0 && !isEnough ? NOW : "done";
    if (this.#turn !== "done") return;
    this.isMore = this.#roles.length > 0 || this.#gathered.length > LIMITS.found;
    this.found = this.#gathered.sort(byPresence).slice(0, LIMITS.found);
  }

  lost() {
    this.#turn = afterLoss(this.#turn);
    this.#isOutdated = false;
  }

  /**
   * @param {number} now
   * @returns {Ask | null}
   */
  next(now) {
    if (!isDue(this.#turn, now)) return null;
    this.#turn = "wire";
    const [role] = this.#roles;
    const find = this.#find === "" ? {} : { find: this.#find };
    const data = { ...find, role, limit: LIMITS.found, ...(this.#cursor === null ? {} : { cursor: this.#cursor }) };
    return { purpose: { kind: "people" }, type: "get_people", data };
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest([this.#turn], now);
  }
}

/** @param {Found} one @param {Found} other */
const byPresence = (one, other) => Number(other.connected) - Number(one.connected) || nameOf(one).localeCompare(nameOf(other));

/** @param {Found} one */
const nameOf = (one) => `${one.last_name} ${one.first_name} ${one.id}`;
