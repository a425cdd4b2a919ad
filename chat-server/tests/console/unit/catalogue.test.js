// All words of the console stand in its catalogues.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { LANGUAGES } from "../../../console/language.js";
import { de } from "../../../console/words/de.js";
import { en } from "../../../console/words/en.js";

/** @typedef {import("../../../console/language.js").Text} Text */

const CONSOLE = new URL("../../../console/", import.meta.url);

/** Text before a literal that no person reads: an error of the program, a selector, a tag, a class, a role or a comparison. */
const UNSEEN = /(?:Error\(|querySelector\(|closest\(|matches\(|\bh\(|class: |class: [^,]* \? |role: |"aria-labelledby": |[!=]== )$/;
/** Names of the browser, and the languages in their own words. */
const PROGRAM = new Set(["UTC+00:00", "English", "Deutsch", "AudioContext", "Notification"]);

/** The scripts, but for the catalogues. @returns {Promise<[name: string, text: string][]>} */
async function scripts() {
  const names = (await readdir(CONSOLE, { recursive: true })).filter((name) => name.endsWith(".js") && !name.startsWith("words/"));
  assert.ok(names.length > 50);
  return Promise.all(names.map(async (name) => /** @type {[string, string]} */ ([name, await readFile(new URL(name, CONSOLE), "utf8")])));
}

/** A script without comments. @param {string} text */
const code = (text) => text.replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*/g, "");

/**
 * The texts in quotes that may be meant for people: they begin with a capital letter, or have a space between words.
 *
 * @param {string} text
 */
function words(text) {
  const found = [];
  for (const match of code(text).matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)) {
    const before = match.input.slice(Math.max(0, match.index - 60), match.index);
    const said = (match[1] ?? match[2] ?? "").replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "\0");
    const isText = /(?:^|[^\w.-])[A-Z][a-z]+|[a-z]{2,} [a-z]{2,}/.test(said);
    if (isText && !UNSEEN.test(before) && !PROGRAM.has(said)) found.push(said.replaceAll("\0", "…"));
  }
  return found;
}

/** The values that a text takes. @param {Text} text */
const values = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g))].sort();

/** The kind of a text: one, or one for each plural form. @param {Text} text */
const kind = (text) => (typeof text === "string" ? "text" : Object.keys(text).sort().join());

test("all languages have the same keys, with the same values and the plural forms of the language", () => {
  for (const [code, { words }] of Object.entries(LANGUAGES)) {
    assert.deepEqual(Object.keys(words), Object.keys(en), code);
    const forms = new Intl.PluralRules(code).resolvedOptions().pluralCategories.sort().join();
    for (const [key, text] of Object.entries(words)) {
      const english = /** @type {Record<string, Text>} */ (en)[key] ?? "";
      assert.deepEqual(values(text), values(english), `${code} ${key}`);
      assert.equal(kind(text), kind(english) === "text" ? "text" : forms, `${code} ${key}`);
    }
  }
});

test("no text of a catalogue is empty, and German is translated", () => {
  const alike = Object.keys(en).filter((key) => /** @type {any} */ (de)[key] === /** @type {any} */ (en)[key]);
  assert.deepEqual(alike.sort(), ["control.announced", "keys.name_escape", "start.text", "state.offline"]);
  for (const text of [...Object.values(en), ...Object.values(de)]) assert.doesNotMatch(JSON.stringify(text), /""|"\s|\s"/);
});

test("no key is unused", async () => {
  const all = (await scripts()).map(([, text]) => code(text)).join("\n");
  assert.deepEqual(Object.keys(en).filter((key) => !all.includes(`"${key}"`)), []);
});

test("no text for people stands outside of the catalogues", async () => {
  assert.deepEqual(words('say(note, "Nobody found."); say(note, `${count} items left`);'), ["Nobody found.", "… items left"], "the check sees");
  const found = (await scripts()).flatMap(([name, text]) => words(text).map((said) => `${name}: ${said}`));
  assert.deepEqual(found, []);
});
