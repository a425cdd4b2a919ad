// The support rooms, joined anew by each connection.

import { NOW, again, earliest, isDue } from "./turn.js";

/** @typedef {import("../types.d.ts").Ask} Ask */
/** @typedef {import("../types.d.ts").RoomType} RoomType */
/** @typedef {import("../types.d.ts").Turn} Turn */

export class Rooms {
  /** @type {Map<RoomType, Turn>} */
  #wanted = new Map();
  /** @type {Set<RoomType>} */
  joined = new Set();

  /** @param {RoomType} room */
  want(room) {
    if (!this.#wanted.has(room)) this.#wanted.set(room, NOW);
  }

  /** @param {RoomType} room */
  leave(room) {
    this.#wanted.delete(room);
  }

  /** @param {RoomType} room */
  isWanted(room) {
    return this.#wanted.has(room);
  }

  /**
   * @param {RoomType} room
   * @param {import("../types.d.ts").Json} reply
   * @param {number} now
   */
  answered(room, reply, now) {
    if (!this.#wanted.has(room)) return;
    this.#wanted.set(room, again(reply, now) ?? "done");
    if (reply.success === true) this.joined.add(room);
  }

  lost() {
    this.joined.clear();
    for (const room of this.#wanted.keys()) this.#wanted.set(room, NOW);
  }

  /**
   * @param {number} now
   * @returns {Ask | null}
   */
  next(now) {
    for (const [room, turn] of this.#wanted) {
      if (!isDue(turn, now)) continue;
      this.#wanted.set(room, "wire");
      return { purpose: { kind: "room", room }, type: "join_support_room", data: { room_type: room } };
    }
    return null;
  }

  /** The time of the next turn. @param {number} now */
  deadline(now) {
    return earliest(this.#wanted.values(), now);
  }
}
