// The control room by single keys, which never act while somebody is typing in a field.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  for (const phrase of ["Breakdown", "Running late"]) {
    await askForHelp(driver, phrase);
    await driver.getByRole("heading", { name: phrase }).waitFor();
    await control.locator(".row", { hasText: phrase }).waitFor();
  }
  return { control };
}

/** The title of the row with the focus. @param {Page} page */
const focused = (page) => page.evaluate(() => document.activeElement?.closest(".row")?.querySelector(".row-title")?.textContent);

/** @param {Page} page @param {string} name */
const tab = (page, name) => page.getByRole("button", { name, exact: true, pressed: true }).waitFor();

test("a conversation is found, taken, answered and resolved by single keys", async (t) => {
  const { control } = await room(t);
  const press = (/** @type {string} */ key) => control.keyboard.press(key);
  await press("j");
  assert.equal(await focused(control), "Breakdown");
  await press("j");
  assert.equal(await focused(control), "Running late");
  await press("j");
  assert.equal(await focused(control), "Running late", "the last one");
  await press("k");
  assert.equal(await focused(control), "Breakdown");
  await press("t");
  await tab(control, "Waiting 1");
  await control.getByRole("button", { name: "Mine 1" }).waitFor();
  await press("Enter");
  await control.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await press("m");
  await control.keyboard.type("trj1? Take 2m");
  assert.equal(await control.getByLabel("Message", { exact: true }).inputValue(), "trj1? Take 2m");
  assert.equal(await control.getByRole("dialog").count(), 0);
  await control.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await press("Enter");
  await press("Escape");
  await press("2");
  await tab(control, "Mine 1");
  await press("j");
  assert.equal(await focused(control), "Breakdown");
  await press("r");
  await control.getByRole("button", { name: "Resolved 1" }).waitFor();
  await press("4");
  await tab(control, "Resolved 1");
  await press("3");
  await tab(control, "Others 0");
  await press("1");
  await tab(control, "Waiting 1");
});

test("the help lists the keys, and they can be turned off", async (t) => {
  const { control } = await room(t);
  const help = control.getByRole("dialog", { name: "Keyboard" });
  await control.keyboard.press("?");
  await help.getByRole("row", { name: "t Take the conversation" }).waitFor();
  await control.keyboard.press("2");
  await help.getByRole("button", { name: "Single keys on" }).click();
  await control.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  await tab(control, "Waiting 2");
  await control.keyboard.press("2");
  await control.keyboard.press("j");
  await tab(control, "Waiting 2");
  assert.equal(await focused(control), undefined);
  await control.keyboard.press("?");
  await help.getByRole("button", { name: "Single keys off" }).click();
  await control.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  await control.keyboard.press("2");
  await tab(control, "Mine 0");
});
