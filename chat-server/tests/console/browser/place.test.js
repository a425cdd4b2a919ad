// The browser's Back goes from a conversation to the list, and a reload keeps place and text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, open, shows, signIn } from "../support/browser.js";
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
  return { server, control };
}

/** @param {Page} page @param {string} title */
const isOpen = (page, title) => page.locator(".thread-title", { hasText: title }).waitFor();

/** @param {Page} page */
const isList = (page) => page.locator(".control[data-shows='list']").waitFor();

test("Back goes from any conversation to the list, and Forward to the conversation again", async (t) => {
  const { control } = await room(t);
  await open(control, "Breakdown");
  await isOpen(control, "Breakdown");
  await open(control, "Running late");
  await isOpen(control, "Running late");
  await control.goBack();
  await isList(control);
  await control.goForward();
  await isOpen(control, "Running late");
  // The page's own way back is the same one.
  await control.keyboard.press("Escape");
  await isList(control);
  await open(control, "Breakdown");
  await isOpen(control, "Breakdown");
  await control.goBack();
  await isList(control);
  await isLive(control);
});

test("a reload opens the conversation again, with the text of the composer, for the same user alone", async (t) => {
  const { server, control } = await room(t);
  const field = control.getByLabel("Message", { exact: true });
  await open(control, "Breakdown");
  await field.fill("half a sentence");
  await control.reload();
  await isOpen(control, "Breakdown");
  await shows(control, ["My vehicle has broken down."]);
  assert.equal(await field.inputValue(), "half a sentence");
  await control.goBack();
  await isList(control);
  await control.goForward();
  assert.equal(await field.inputValue(), "half a sentence");
  await control.getByRole("button", { name: "Sign out" }).click();
  await control.getByLabel("Access token").fill(await server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  await control.getByRole("button", { name: "Sign in" }).click();
  await control.locator(".row", { hasText: "Breakdown" }).waitFor();
  await isList(control);
});
