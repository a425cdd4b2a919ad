// A conversation as text, with all messages, names and full dates: to copy and to print.

import { t } from "../language.js";
import { LIMITS } from "../machine/limits.js";
import { h } from "./dom.js";
import { announce } from "./shell.js";
import { transcriptOf } from "./words.js";

/** @typedef {import("../session.js").Session} Session */

/** Fetches all messages of the open conversation, and hands the text on. */
export class Transcript {
  #session;
  /** @type {{ id: string, use: (text: string) => void } | null} */
  #wanted = null;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    const button = (/** @type {string} */ words, /** @type {string} */ label, /** @type {(text: string) => void} */ use) =>
      h("button", { type: "button", "aria-label": label, click: () => this.#gather(use) }, words);
    this.element = h("div", { class: "thread-tools" }, button(t("transcript.copy"), t("transcript.copy_label"), copy), button(t("transcript.print"), t("transcript.print_label"), print));
  }

  /** The open conversation. @type {string | null} */
  open = null;

  /** Goes on once further messages are there. */
  update() {
    if (this.#wanted === null) return;
    const { client } = this.#session;
    const { id, use } = this.#wanted;
    const one = client.machine.conversations.get(id);
    if (!one || this.open !== id) {
      this.#wanted = null;
      return;
    }
    const isWhole = one.held !== null && (!one.hasOlder || one.messages.length >= LIMITS.messages);
    if (!isWhole) {
      if (one.held !== null && one.older === "done") client.handle({ kind: "older", id });
      return;
    }
    this.#wanted = null;
    use(transcriptOf(one, client.machine.conversations.people));
  }

  /** @param {(text: string) => void} use */
  #gather(use) {
    if (this.open === null) return;
    this.#wanted = { id: this.open, use };
    announce(t("transcript.fetching"));
    this.update();
  }
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce(t("transcript.copied"));
  } catch {
    showText(text);
  }
}

/** Shows the text to copy by hand, where the browser does not let the page. @param {string} text */
function showText(text) {
  const area = h("textarea", { rows: 12, readonly: true, "aria-label": t("transcript.text") });
  area.value = text;
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "copy-heading", close: () => dialog.remove() },
    h("h2", { id: "copy-heading" }, t("transcript.by_hand")),
    area,
    h("div", { class: "dialog-buttons" }, h("button", { type: "button", click: () => dialog.close() }, t("app.close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
  area.select();
}

/** @param {string} text */
function print(text) {
  const paper = h("pre", { class: "paper", dir: "auto" }, text);
  document.body.append(paper);
  addEventListener("afterprint", () => paper.remove(), { once: true });
  window.print();
}
