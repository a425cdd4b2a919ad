// The bar that reports an error of the page.

import { t } from "../language.js";
import { h } from "./dom.js";

/** A bar above everything else; hidden until a failure. */
export function faultBar() {
  const bar = h(
    "div",
    { class: "fault", role: "alert", hidden: true },
    h("p", {}, t("app.fault")),
    h("button", { type: "button", click: () => location.reload() }, t("app.reload")),
    h("button", { type: "button", click: () => (bar.hidden = true) }, t("app.close")),
  );
  return bar;
}
