// A language for tests: English in Hebrew letters, with every vowel twice, and from right to left.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
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

/** Puts this language in place of German. @type {import("esbuild").Plugin} */
const inPlaceOfGerman = {
  name: "pseudo",
  setup(build) {
    build.onLoad({ filter: /\/words\/de\.js$/ }, () => ({ contents: `export const de = ${JSON.stringify(WORDS)};` }));
    build.onLoad({ filter: /\/console\/language\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll('dir: "ltr"', 'dir: "rtl"'),
    }));
  },
};

/** The script of the console with this language. @returns {Promise<string>} */
async function script() {
  const entryPoints = [fileURLToPath(new URL("../../../console/main.js", import.meta.url))];
  const built = await esbuild.build({ entryPoints, bundle: true, format: "esm", write: false, plugins: [inPlaceOfGerman] });
  return built.outputFiles[0]?.text ?? "";
}

/** Every page has this language in place of German. @param {import("playwright-core").BrowserContext} context */
export async function speakPseudo(context) {
  const body = await script();
  await context.route("**/console/*/console.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
}
