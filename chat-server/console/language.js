// The language of the page: all words that it shows, and the forms of numbers, times and lists.

import { onDevice } from "./kept.js";
import { de } from "./words/de.js";
import { en } from "./words/en.js";

/** @typedef {keyof typeof en} Key */
/** A text, or one for each plural form. @typedef {string | { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>} Text */
/** @typedef {Record<string, string | number>} Values */

/** The languages, each by its own name. */
export const LANGUAGES = Object.freeze({
  en: { name: "English", dir: "ltr", words: /** @type {Record<Key, Text>} */ (en) },
  de: { name: "Deutsch", dir: "ltr", words: de },
});

/** @typedef {keyof typeof LANGUAGES} Code */

/** The key under which the choice is kept. */
const KEPT = "chat-language";

/** The language of a locale. @param {string} locale */
const codeOf = (locale) => locale.toLowerCase().split("-")[0] ?? "";

/** @param {string | null} code @returns {code is Code} */
const isKnown = (code) => code !== null && Object.hasOwn(LANGUAGES, code);

/** The locales that the user prefers, the best first. @returns {readonly string[]} */
const preferred = () => globalThis.navigator?.languages ?? [];

/** The chosen language, or the best of those that the browser names. @returns {Code} */
function wanted() {
  const kept = onDevice.get(KEPT);
  return [kept, ...preferred().map(codeOf)].find(isKnown) ?? "en";
}

/**
 * The forms of a language. A preferred locale of the same language decides on regional habits, as
 * the 24-hour clock.
 *
 * @param {Code} code
 */
function formsOf(code) {
  const locale = preferred().find((one) => codeOf(one) === code) ?? code;
  const time = (/** @type {Intl.DateTimeFormatOptions} */ options) => new Intl.DateTimeFormat(locale, options);
  const unit = (/** @type {string} */ unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" });
  const second = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "longOffset" });
  return {
    code,
    locale,
    number: new Intl.NumberFormat(locale),
    plural: new Intl.PluralRules(locale),
    list: new Intl.ListFormat(locale),
    near: new Intl.RelativeTimeFormat(locale, { numeric: "auto" }),
    clock: time({ hour: "2-digit", minute: "2-digit" }),
    date: time({ weekday: "short", day: "numeric", month: "short" }),
    dateOfYear: time({ day: "numeric", month: "short", year: "numeric" }),
    full: time({ weekday: "long", day: "numeric", month: "long", year: "numeric", ...second }),
    units: { second: unit("second"), minute: unit("minute"), hour: unit("hour"), day: unit("day") },
  };
}

let forms = formsOf(wanted());

/** The current forms. */
export const form = () => forms;

/** Called when the user has chosen another language. @type {() => void} */
let changed = () => {};

/** Gives the page its language. @param {() => void} heard called when the user has chosen another one */
export function startLanguage(heard) {
  changed = heard;
  mark();
}

/** The user has chosen a language. @param {Code} code */
export function chooseLanguage(code) {
  onDevice.set(KEPT, code);
  forms = formsOf(code);
  mark();
  changed();
}

/** Screen readers and the direction of the layout follow the language. */
function mark() {
  Object.assign(document.documentElement, { lang: forms.code, dir: LANGUAGES[forms.code].dir });
}

/**
 * A text of the catalogue. The value `count` decides on the plural form.
 *
 * @param {Key} key
 * @param {Values} [values]
 */
export function t(key, values = {}) {
  const text = LANGUAGES[forms.code].words[key];
  const words = typeof text === "string" ? text : (text[forms.plural.select(Number(values.count))] ?? text.other);
  return words.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name] ?? "";
    return typeof value === "number" ? forms.number.format(value) : value;
  });
}
