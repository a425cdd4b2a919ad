// A language for tests: English in Hebrew letters, with every vowel twice, and from right to left.

import { en } from "../../../console/words/en.js";

/** @typedef {import("../../../console/language.js").Key} Key */
/** @typedef {import("../../../console/language.js").Text} Text */

const LETTERS = "אבגדהוזחטיכלמנסעפצקרשת";

/** @param {string} letter */
function other(letter) {
  const own = LETTERS[letter.toLowerCase().charCodeAt(0) - 97] ?? "ת";
  return /[aeiou]/i.test(letter) ? own + own : own;
}

/** A text in this language. Values stay. @param {string} text */
const letters = (text) =>
  text
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith("{") ? part : part.replace(/[a-z]/gi, other)))
    .join("");

/** @param {Text} text */
const all = (text) => (typeof text === "string" ? letters(text) : Object.fromEntries(Object.entries(text).map(([form, one]) => [form, letters(one)])));

const WORDS = Object.fromEntries(Object.entries(en).map(([key, text]) => [key, all(text)]));

/** A text of the catalogue without values. @param {Key} key */
export const pseudo = (key) => /** @type {string} */ (WORDS[key]);

/** Every page has this language in place of German. @param {import("playwright-core").BrowserContext} context */
export async function speakPseudo(context) {
  await context.route("**/console/words/de.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: `export const de = ${JSON.stringify(WORDS)};` }),
  );
  await context.route("**/console/language.js", async (route) => {
    const body = await (await route.fetch()).text();
    await route.fulfill({ contentType: "text/javascript", body: body.replaceAll('dir: "ltr"', 'dir: "rtl"') });
  });
}
