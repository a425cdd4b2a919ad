// The console: signs in, and shows the view of the user's role.

import { Session, keptSession } from "./session.js";
import { isControl } from "./token.js";
import { trialOfAddress, trialToken } from "./trial.js";
import { ControlView } from "./view/control.js";
import { DriverView } from "./view/driver.js";
import { signIn } from "./view/sign_in.js";
import { awaitGesture } from "./view/sound.js";

/** @typedef {import("./trial.js").Whom} Whom */

const body = document.body;
const trial = trialOfAddress();

/** @param {string} notice */
function showSignIn(notice) {
  document.title = "Sign in · Transit chat";
  body.replaceChildren(signIn({ trial, notice, enter: (token, whom) => enter(token, whom) }));
}

/**
 * @param {string} token
 * @param {Whom | null} whom of the trial
 */
function enter(token, whom) {
  /** @type {ControlView | DriverView | null} */
  let view = null;
  const session = new Session({
    token,
    trial: trial && whom ? { key: trial.key, whom } : null,
    left: (notice) => {
      view?.close();
      showSignIn(notice);
    },
    tell: (told) => {
      view?.hear(told);
      if (told.kind === "changed" && told.what === "connection") void session.ended();
    },
  });
  view = isControl(session.user.role) ? new ControlView(session) : new DriverView(session);
  body.replaceChildren(view.element);
  void session.client.start();
}

/** Who was signed in stays so over a reload, and who opened a second tab of the trial comes in at once. */
async function start() {
  awaitGesture();
  // The printed address, opened where the console is open already.
  addEventListener("hashchange", () => location.reload());
  const kept = keptSession();
  if (trial?.whom) {
    const answer = await trialToken(trial.key, trial.whom);
    return "token" in answer ? enter(answer.token, trial.whom) : showSignIn(answer.error);
  }
  return kept ? enter(kept.token, kept.whom) : showSignIn("");
}

void start();
