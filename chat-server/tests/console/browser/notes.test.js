// Notes of control: written beside a conversation, for colleagues alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, open, say, signIn } from "../support/browser.js";
import { check } from "../support/axe.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** The notes that are shown. @param {Page} page */
const notes = (page) => page.getByRole("region", { name: "Notes of control" });

/** @param {Page} page @param {string} text */
async function note(page, text) {
  await notes(page).getByLabel("Note", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

/** Waits for a note. @param {Page} page @param {string} text */
const reads = (page, text) => notes(page).locator(".line", { hasText: text }).waitFor();

test("two officers share notes across a restart, and the driver never hears of them", async (t) => {
  const server = await Server.start(t);
  const jane = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const omar = await signIn(await browser(t), server, await server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  /** @type {string[]} */
  const frames = [];
  driver.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(String(payload))));
  await driver.reload();
  await isLive(driver);
  await askForHelp(driver, "Breakdown");
  for (const page of [jane, omar]) await open(page, "Breakdown");
  await jane.getByRole("button", { name: "Add a note" }).click();
  await note(jane, "The depot has a spare bus.");
  await reads(jane, "The depot has a spare bus.");
  // The driver is told nothing, and a colleague how many are new.
  await omar.getByRole("button", { name: "Notes: 1 new" }).click();
  await reads(omar, "The depot has a spare bus.");
  await check(omar, "notes");
  await server.kill();
  await jane.locator(".state:not([data-state='live'])").waitFor();
  await note(jane, "It leaves at 11.");
  await notes(jane).locator(".line[data-is='waiting']", { hasText: "It leaves at 11." }).waitFor();
  await server.start();
  await reads(omar, "It leaves at 11.");
  await say(omar, "A bus is coming.");
  await driver.locator(".line", { hasText: "A bus is coming." }).waitFor();
  assert.deepEqual(await notes(omar).locator(".content").allTextContents(), ["The depot has a spare bus.", "It leaves at 11."]);
  assert.equal(await omar.locator(".thread .line", { hasText: "It leaves" }).count(), 1, "no note stands among the messages");
  await notes(omar).getByLabel("Note", { exact: true }).press("Escape");
  await notes(omar).waitFor({ state: "hidden" });
  await omar.keyboard.press("n");
  await reads(omar, "It leaves at 11.");
  assert.ok(frames.length > 3 && !frames.some((frame) => /depot|leaves at|notes_/.test(frame)), "the driver's page got a note");
  assert.deepEqual(await omar.locator(".row-title").allTextContents(), ["Breakdown"]);
});
