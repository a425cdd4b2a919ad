// A field that accepts more than a message may hold, and says so: pasted text stays available for
// shortening.

import { t } from "../language.js";
import { h, say, set } from "./dom.js";

/** Most characters of a message (protocol, limits), counted as the server does: in Unicode scalars. */
const LONGEST = 4_000;

/** Most characters of the field; the browser cuts off the rest. */
const MOST = 10 * LONGEST;

/** Number of characters above the limit. @param {string} text */
function excess(text) {
  // A scalar takes one or two units of a string: most texts need no count.
  return text.length <= LONGEST ? 0 : Math.max(0, [...text].length - LONGEST);
}

/**
 * Watches a field. `fits` returns whether its text may be sent, and shows the reason beside the
 * field if not.
 *
 * @param {HTMLTextAreaElement} input
 */
export function limited(input) {
  const note = h("p", { class: "problem", id: `${input.id}-too-long`, role: "status" });
  set(input, "maxlength", MOST);
  set(input, "aria-describedby", note.id);
  const fits = () => {
    const over = excess(input.value);
    set(input, "aria-invalid", over > 0);
    say(note, over > 0 ? words(over, input.value.length >= MOST) : "");
    return over === 0;
  };
  input.addEventListener("input", fits);
  return { note, fits };
}

/**
 * @param {number} over
 * @param {boolean} isCut
 */
function words(over, isCut) {
  const tooLong = t("composer.too_long", { count: over, most: LONGEST });
  return isCut ? `${tooLong} ${t("composer.cut", { most: MOST })}` : tooLong;
}
