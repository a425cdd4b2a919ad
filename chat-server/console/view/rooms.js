// The support rooms that control can join, each for announcements of new requests.

import { inTab } from "../kept.js";
import { t } from "../language.js";
import { h, say, set } from "./dom.js";

/** @typedef {import("../types.d.ts").RoomType} RoomType */

const ROOMS = /** @type {[RoomType, import("../language.js").Key][]} */ ([
  ["general_support", "rooms.all"],
  ["driver_support", "rooms.drivers"],
  ["regulator_support", "rooms.regulators"],
  ["emergency_support", "rooms.emergencies"],
]);

/** The key under which the choice survives a reload. */
const KEPT = "chat-rooms";

export class Rooms {
  #session;
  #hint = h("p", { class: "hint" });
  #buttons;

  /** @param {import("../session.js").Session} session */
  constructor(session) {
    this.#session = session;
    const kept = (inTab.get(KEPT) ?? "").split(",");
    this.#buttons = ROOMS.map(([room, words]) => {
      if (kept.includes(room)) session.client.handle({ kind: "room", room, wanted: true });
      return h("button", { type: "button", class: "toggle", "data-room": room, click: () => this.#toggle(room) }, t(words));
    });
    this.element = h("fieldset", { class: "rooms" }, h("legend", {}, t("rooms.label")), ...this.#buttons, this.#hint);
  }

  update() {
    const { rooms } = this.#session.client.machine;
    for (const button of this.#buttons) {
      const room = /** @type {RoomType} */ (button.dataset.room);
      set(button, "aria-pressed", rooms.isWanted(room));
      set(button, "aria-busy", rooms.isWanted(room) && !rooms.joined.has(room));
    }
    const none = ROOMS.every(([room]) => !rooms.isWanted(room));
    say(this.#hint, t(none ? "rooms.none" : "rooms.some"));
  }

  /** @param {RoomType} room */
  #toggle(room) {
    const { client } = this.#session;
    client.handle({ kind: "room", room, wanted: !client.machine.rooms.isWanted(room) });
    inTab.set(KEPT, ROOMS.map(([one]) => one).filter((one) => client.machine.rooms.isWanted(one)).join(","));
  }
}
