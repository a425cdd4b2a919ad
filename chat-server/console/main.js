// The console's entry point: signs the user in, shows the view of the role, and shows it again
// after an error.

import { takeFragment } from "./address.js";
import { inTab, onDevice } from "./kept.js";
import { startLanguage, t } from "./language.js";
import { Backoff } from "./machine/backoff.js";
import { PERIODS } from "./machine/limits.js";
import { startOffline } from "./offline.js";
import { othersHere } from "./outbox.js";
import { Session, keptSession } from "./session.js";
import { claims, isControl } from "./token.js";
import { trialOfAddress, trialToken } from "./trial.js";
import { ControlView } from "./view/control.js";
import { DriverView } from "./view/driver.js";
import { faultBar } from "./view/fault.js";
import { askFor, signIn } from "./view/sign_in.js";
import { startSound } from "./view/sound.js";

/** @typedef {import("./trial.js").Whom} Whom */

const body = document.body;
const fragment = takeFragment();
const trial = trialOfAddress(fragment);
let fault = faultBar();

/** The current session and its view. @type {{ session: Session, view: ControlView | DriverView | null } | null} */
let shown = null;

/** Shows the current page in the chosen language. */
let again = () => {};

function changeLanguage() {
  fault = faultBar();
  again();
}

/** @param {string} notice */
function showSignIn(notice) {
  shown = null;
  again = () => showSignIn(notice);
  // The places of this page are those of the user before.
  history.replaceState(null, "");
  document.title = t("sign_in.title");
  delete body.dataset.side;
  body.replaceChildren(fault, signIn({ trial, notice, isKept: inTab.lasts, enter: (token, whom) => enter(token, whom) }));
}

/**
 * @param {string} token
 * @param {Whom | null} whom of the trial
 */
function enter(token, whom) {
  const session = new Session({
    token,
    trial: trial && whom ? { key: trial.key, whom } : null,
    left: showSignIn,
    entered: (token) => {
      shown?.view?.close();
      enter(token, whom);
    },
    tell: (told) => {
      if (told.kind === "changed" && told.what === "connection") void session.ended();
      shown?.view?.hear(told);
    },
    failed: reportError,
  });
  shown = { session, view: null };
  again = rebuild;
  show();
  void session.client.start();
}

/** Shows the view, or the sign-in page. @param {string | null} [open] the conversation that was open */
function show(open = null) {
  if (!shown) return;
  const { session } = shown;
  const view = isControl(session.user.role) ? new ControlView(session) : new DriverView(session);
  shown.view = view;
  body.replaceChildren(fault, view.element);
  if (open !== null) view.show(open);
}

// Errors: reported above everything else, after which the view is built anew. No user's text exists
// in the view alone.

const pauses = new Backoff(Math.random);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let anew;
let madeAt = 0;

function recover() {
  fault.hidden = false;
  if (!shown || anew !== undefined) return;
  pauses.wasLive(performance.now() - madeAt);
  anew = setTimeout(showAnew, pauses.pause(PERIODS.backoffFrom));
}

function showAnew() {
  anew = undefined;
  madeAt = performance.now();
  rebuild();
}

/** Builds the view anew, at the same place. */
function rebuild() {
  const isTyping = document.activeElement?.id === "message";
  const open = shown?.view?.open ?? null;
  shown?.view?.close();
  show(open);
  if (isTyping) shown?.view?.focus();
}

// An error without a value is a notice of the browser, or comes from a foreign script.
addEventListener("error", ({ error }) => error && recover());
addEventListener("unhandledrejection", recover);

/** Restores the session after a reload. A second tab of the trial signs in at once. */
async function start() {
  startLanguage(changeLanguage);
  startSound();
  // The printed address was opened while the console is open already.
  addEventListener("hashchange", () => location.reload());
  const kept = keptSession();
  const token = fragment.get("token");
  if (token !== null) return enterByAddress(token, kept);
  if (trial?.whom) {
    const answer = await trialToken(trial.key, trial.whom);
    return "token" in answer ? enter(answer.token, trial.whom) : showSignIn(answer.error);
  }
  return kept ? enter(kept.token, kept.whom) : showSignIn("");
}

/**
 * Signs in with a token of the address. Nobody is signed out by a link alone, and nobody's device is
 * taken over: where somebody else is or has left messages, the user decides.
 *
 * @param {string} token
 * @param {ReturnType<typeof keptSession>} kept
 */
async function enterByAddress(token, kept) {
  const user = claims(token);
  if (!user) return showSignIn(t("sign_in.no_token"));
  const before = kept && claims(kept.token);
  const others = await othersHere(user.id, onDevice, navigator.locks);
  if (others.length === 0 && (!before || before.id === user.id)) return enter(token, null);
  const isOther = before !== null && before.id !== user.id;
  const stay = () => (kept && isOther ? enter(kept.token, kept.whom) : showSignIn(""));
  again = () => body.replaceChildren(fault, askFor({ user, before: isOther ? before : null, others, enter: () => enter(token, null), stay }));
  again();
}

void start();
void startOffline();
