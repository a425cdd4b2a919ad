// The control room's queue: no row jumps under the pointer, and each row says how long somebody
// waits, who has it, and who is writing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, choose, isLive, say, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const jane = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const omar = await signIn(await browser(t), server, await server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  for (const phrase of ["Breakdown", "Road blocked", "Running late"]) {
    await askForHelp(driver, phrase);
    await driver.getByRole("heading", { name: phrase }).waitFor();
    await row(jane, phrase).waitFor();
  }
  return { server, jane, omar, driver };
}

/** @param {Page} page @param {string} title */
const row = (page, title) => page.locator(".row", { hasText: title });

/** @param {Page} page */
const titles = (page) => page.locator(".row-title").allTextContents();

/** Waits for these titles in the list, from the top. @param {Page} page @param {string[]} wanted */
const listed = (page, wanted) =>
  page.waitForFunction((wanted) => JSON.stringify([...document.querySelectorAll(".row-title")].map((one) => one.textContent)) === wanted, JSON.stringify(wanted));

/** Takes a conversation. @param {Page} page @param {string} title */
async function take(page, title) {
  await row(page, title).click();
  await page.locator(".work-actions").getByRole("button", { name: "Take", exact: true }).click();
  await page.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await page.mouse.move(900, 10);
}

test("no row jumps under the pointer or the focus, and all move once both have left", async (t) => {
  const { jane, omar, driver } = await room(t);
  const all = ["Breakdown", "Road blocked", "Running late"];
  await listed(jane, all);
  await row(jane, "Road blocked").hover();
  const place = await row(jane, "Road blocked").boundingBox();
  await take(omar, "Breakdown");
  await row(jane, "Breakdown").getByText("taken by Omar Haddad").waitFor();
  await askForHelp(driver, "Emergency");
  await jane.getByRole("alert").getByText("Emergency", { exact: true }).first().waitFor();
  await askForHelp(driver, "Passenger");
  await listed(jane, [...all, "Passenger"]);
  assert.deepEqual(await row(jane, "Road blocked").boundingBox(), place, "not by a pixel");
  await jane.getByText("moves when you leave it").waitFor();
  await jane.mouse.move(900, 10);
  await listed(jane, ["Emergency", "Road blocked", "Running late", "Passenger"]);
  await jane.getByText("moves when you leave it").waitFor({ state: "hidden" });

  await row(jane, "Running late").getByRole("button").focus();
  await take(omar, "Road blocked");
  await row(jane, "Road blocked").getByText("taken by Omar Haddad").waitFor();
  assert.deepEqual(await titles(jane), ["Emergency", "Road blocked", "Running late", "Passenger"]);
  await jane.getByRole("button", { name: "Sign out" }).focus();
  await listed(jane, ["Emergency", "Running late", "Passenger"]);
});

test("control opens on what waits, and each row says for how long, who has it and who is writing", async (t) => {
  const { jane, omar, driver } = await room(t);
  assert.deepEqual(await titles(omar), ["Breakdown", "Road blocked", "Running late"]);
  await row(jane, "Breakdown").getByText(/^waits (under )?1 min$/).waitFor();
  await driver.getByRole("button", { name: "Breakdown" }).click();
  await driver.getByLabel("Message", { exact: true }).pressSequentially("And");
  await row(jane, "Breakdown").getByText("John Doe is typing…").waitFor();
  await row(omar, "Breakdown").click();
  await omar.getByLabel("Message", { exact: true }).pressSequentially("We");
  await row(jane, "Breakdown").getByText("Omar Haddad").waitFor();
  await take(omar, "Breakdown");
  await choose(jane, "Others");
  await row(jane, "Breakdown").getByText("taken by Omar Haddad").waitFor();
  await say(omar, "We are coming.");
  await row(jane, "Breakdown").getByText("waits").waitFor({ state: "hidden" });
  await choose(jane, "Waiting");
  await jane.reload();
  await isLive(jane);
  await row(jane, "Road blocked").getByText("waits").waitFor();
  // Five minutes later by the page's clock, without any event.
  await jane.evaluate(() => {
    const now = performance.now.bind(performance);
    performance.now = () => now() + 5 * 60_000;
  });
  await row(jane, "Road blocked").getByText(/^waits [5-7] min$/).waitFor();
});
