// What is said after an error of the page.

import { h } from "./dom.js";

/** A bar above all; hidden until something has failed. */
export function faultBar() {
  const bar = h(
    "div",
    { class: "fault", role: "alert", hidden: true },
    h("p", {}, "Something went wrong on this page, and it has started over. What you wrote is kept."),
    h("button", { type: "button", click: () => location.reload() }, "Reload the page"),
    h("button", { type: "button", click: () => (bar.hidden = true) }, "Close"),
  );
  return bar;
}
