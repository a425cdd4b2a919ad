// The keyboard map of the control room: single keys, for as long as no field has the focus.

import { onDevice } from "../kept.js";
import { t } from "../language.js";
import { h, isComposed, say, set } from "./dom.js";

/** @typedef {"next" | "previous" | "take" | "resolve" | "write" | "notes" | "order" | "help" | "waiting" | "mine" | "others" | "resolved"} Command */

/** @type {readonly [string, Command, import("../language.js").Key][]} */
const MAP = Object.freeze([
  ["j", "next", "keys.next"],
  ["k", "previous", "keys.previous"],
  ["t", "take", "keys.take"],
  ["r", "resolve", "keys.resolve"],
  ["m", "write", "keys.write"],
  ["n", "notes", "keys.notes"],
  ["o", "order", "keys.order"],
  ["1", "waiting", "keys.waiting"],
  ["2", "mine", "keys.mine"],
  ["3", "others", "keys.others"],
  ["4", "resolved", "keys.resolved"],
  ["?", "help", "keys.help"],
]);

/** Keys that work everywhere, for the help. */
const ALWAYS = Object.freeze(
  /** @type {const} */ ([
    ["keys.name_enter", "keys.enter"],
    ["keys.name_shift_enter", "keys.shift_enter"],
    ["keys.name_escape", "keys.escape"],
  ]),
);

/** The key under which the choice is kept. People who speak to their computer may need to turn single keys off. */
const KEPT = "chat-keys";

const isOn = () => onDevice.get(KEPT) !== "off";

/** Whether an element takes what is typed. @param {EventTarget | null} target */
const isField = (target) => target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));

/**
 * The command of a key press, if any.
 *
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "repeat">} event
 */
export function commandOf({ key, ctrlKey, altKey, metaKey, repeat }) {
  if (ctrlKey || altKey || metaKey) return null;
  const command = MAP.find(([of]) => of === key)?.[1] ?? null;
  // A key that is held down walks through the list, and decides nothing twice.
  return repeat && command !== "next" && command !== "previous" ? null : command;
}

/**
 * Listens for keys.
 *
 * @param {(command: Command) => void} act
 * @param {AbortSignal} gone after which nothing is listened for
 */
export function listenForKeys(act, gone) {
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (isField(event.target) || isComposed(event) || document.querySelector("dialog[open]")) return;
    const command = commandOf(event);
    if (command === null || (!isOn() && command !== "help")) return;
    event.preventDefault();
    act(command);
  };
  document.addEventListener("keydown", press, { signal: gone });
}

/** The page that lists the keys. */
export function keysDialog() {
  const words = () => t(isOn() ? "keys.on" : "keys.off");
  const toggle = h("button", { type: "button", class: "toggle", "aria-pressed": isOn() }, words());
  toggle.addEventListener("click", () => {
    onDevice.set(KEPT, isOn() ? "off" : "on");
    set(toggle, "aria-pressed", isOn());
    say(toggle, words());
  });
  const row = (/** @type {string} */ key, /** @type {string} */ does) =>
    h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, does));
  const rows = [...MAP.map(([key, , does]) => row(key, t(does))), ...ALWAYS.map(([key, does]) => row(t(key), t(does)))];
  const close = h("button", { type: "button", click: () => dialog.close() }, t("app.close"));
  // Other keys go on: one right after the closing still comes from the dialog.
  const escape = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && event.stopPropagation();
  const dialog = h(
    "dialog",
    { class: "dialog keys", "aria-labelledby": "keys-heading", keydown: escape },
    h("div", { class: "dialog-head" }, h("h2", { id: "keys-heading" }, t("keys.heading")), close),
    h("table", {}, h("tbody", {}, ...rows)),
    h("p", { class: "hint" }, t("keys.hint")),
    toggle,
  );
  return dialog;
}
