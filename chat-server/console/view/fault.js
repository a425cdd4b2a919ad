// The bar that reports an error of the page.

import { h } from "./dom.js";

/** A bar above everything else; hidden until a failure. */
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
