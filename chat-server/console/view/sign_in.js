// Signing in: with a token, or by the trial.

import { t } from "../language.js";
import { claims } from "../token.js";
import { WHOM, trialToken } from "../trial.js";
import { h, say, set } from "./dom.js";
import { languageChoice } from "./language.js";
import { nameOf } from "./words.js";

/**
 * A form for a token.
 *
 * @param {string} verb the label of the button
 * @param {(token: string) => string | null} use returns the fault, if any
 */
export function tokenForm(verb, use) {
  const problem = h("p", { class: "problem", id: "token-problem", role: "alert" });
  const input = h("textarea", {
    id: "token",
    rows: 3,
    required: true,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    "aria-describedby": "token-problem",
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const wrong = use(input.value.trim()) ?? "";
    say(problem, wrong);
    set(input, "aria-invalid", wrong !== "");
    if (wrong !== "") input.focus();
  };
  return h(
    "form",
    { class: "token-form", submit },
    h("label", { for: "token" }, t("sign_in.label")),
    input,
    problem,
    h("button", { class: "primary", type: "submit" }, verb),
  );
}

/**
 * The page before signing in.
 *
 * @param {{ trial: { key: string, whom: import("../trial.js").Whom | null } | null, notice: string, isKept: boolean,
 *   enter: (token: string, whom: import("../trial.js").Whom | null) => void }} settings
 */
export function signIn({ trial, notice, isKept, enter }) {
  const use = (/** @type {string} */ token) => {
    if (!claims(token)) return t("sign_in.no_token");
    enter(token, null);
    return null;
  };
  return h(
    "main",
    { class: "sign-in" },
    h(
      "div",
      { class: "sign-in-card" },
      h("p", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }), t("app.name")),
      h("h1", {}, t("sign_in.heading")),
      h("p", { class: "notice", role: "alert", hidden: notice === "" }, notice),
      !isKept && h("p", { class: "notice" }, t("sign_in.keeps_nothing")),
      trial && trialChoice(trial.key, enter),
      h("section", { "aria-label": t("sign_in.by_token") }, tokenForm(t("sign_in.heading"), use)),
      languageChoice(),
    ),
  );
}

/**
 * The question before a token of the address is used, where somebody else is already.
 *
 * @param {{ user: NonNullable<ReturnType<typeof claims>>, before: ReturnType<typeof claims>, others: string[], enter: () => void,
 *   stay: () => void }} settings `before`: the user of this tab; `others`: ids of other users with pages or unsent messages
 */
export function askFor({ user, before, others, enter, stay }) {
  const name = nameOf(user, user.id);
  const there = before ? nameOf(before, before.id) : others.join(", ");
  const notice = t("sign_in.others", { names: there });
  return h(
    "main",
    { class: "sign-in" },
    h(
      "div",
      { class: "sign-in-card" },
      h("p", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }), t("app.name")),
      h("h1", {}, t("sign_in.as_question", { name })),
      h("p", { class: "notice" }, notice),
      h("button", { type: "button", class: "primary", click: enter }, t("sign_in.as", { name })),
      h("button", { type: "button", click: stay }, before ? t("sign_in.stay_as", { name: there }) : t("sign_in.not")),
    ),
  );
}

/**
 * @param {string} key
 * @param {(token: string, whom: import("../trial.js").Whom) => void} enter
 */
function trialChoice(key, enter) {
  const problem = h("p", { class: "problem", role: "alert" });
  const click = async (/** @type {import("../trial.js").Whom} */ whom) => {
    const answer = await trialToken(key, whom);
    if ("token" in answer) enter(answer.token, whom);
    else say(problem, answer.error);
  };
  const buttons = Object.entries(WHOM).map(([whom, words]) =>
    h("button", { type: "button", "data-whom": whom, click: () => click(/** @type {any} */ (whom)) }, t(words)),
  );
  return h(
    "section",
    { class: "trial", "aria-labelledby": "trial-heading" },
    h("h2", { id: "trial-heading" }, h("span", { class: "tag" }, t("trial.tag")), " ", t("trial.come_in")),
    h("div", { class: "trial-choice" }, ...buttons),
    h("p", { class: "hint" }, t("trial.hint")),
    problem,
    h("p", { class: "or", "aria-hidden": "true" }, h("span", {}, t("sign_in.or"))),
  );
}
