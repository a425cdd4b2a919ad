// A whole conversation as text: copied, and on paper.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, say, signIn } from "../support/browser.js";
import { write } from "../support/long.js";
import { Server } from "../support/server.js";

/** More messages than a conversation loads when it is opened. */
const COUNT = 430;

test("a copy and a print have all messages, also those that were not loaded", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t, { permissions: ["clipboard-read", "clipboard-write"] });
  await context.addInitScript(() => {
    window.print = () => {
      const paper = document.querySelector(".paper")?.textContent;
      dispatchEvent(new Event("afterprint"));
      Object.assign(window, { printed: paper, left: document.querySelectorAll(".paper").length });
    };
  });
  const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await write(driver, await server.token("john", "BUS_DRIVER", "John", "Doe"), COUNT);
  await driver.getByRole("heading", { name: "Long" }).waitFor();
  await say(driver, "شارع مغلق");
  await control.locator(".row", { hasText: "شارع مغلق" }).waitFor();
  await open(control, "Long");
  await control.getByRole("button", { name: "Copy conversation" }).click();
  await control.waitForFunction(() => document.querySelector("[role='status'].hidden")?.textContent === "The conversation was copied.");
  const text = await control.evaluate(() => navigator.clipboard.readText());
  const lines = text.trim().split("\n");
  assert.deepEqual([lines[0], lines.length], ["Long", 3 + COUNT + 1]);
  assert.match(lines[3] ?? "", /^\[.*\d{4}.*UTC[+-]\d\d:\d\d\] John Doe \(Bus driver\): message 1$/);
  assert.match(lines.at(-1) ?? "", /: شارع مغلق$/);
  await control.getByRole("button", { name: "Print conversation" }).click();
  assert.deepEqual(await control.evaluate(() => [/** @type {any} */ (window).printed, /** @type {any} */ (window).left]), [text, 0]);
  assert.equal(await control.locator(".content", { hasText: "شارع مغلق" }).evaluate((one) => getComputedStyle(one).direction), "rtl");
});
