// The life of an emergency on the screens of a driver and of control.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, open, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const jane = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  return { server, jane, driver };
}

/** @param {Page} page @param {string} text */
const state = (page, text) => page.locator(".emergency-state", { hasText: text }).waitFor();

/** @param {Page} page @param {string} name */
const end = (page, name) => page.getByRole("group", { name: "End the emergency" }).getByRole("button", { name, exact: true });

test("the driver sees who has taken the emergency, and control ends it with a reason", async (t) => {
  const { jane, driver } = await room(t);
  await askForHelp(driver, "Emergency");
  await state(driver, "Nobody has taken it yet.");
  await jane.locator(".alarm").getByRole("button", { name: "Take" }).click();
  await state(driver, "Jane Smith has taken it");
  assert.equal(await end(driver, "Withdraw").count(), 0, "somebody has it");
  await open(jane, "Emergency");
  await end(jane, "End: handed over").click();
  await state(jane, "handed over to others");
  await state(driver, "handed over to others");
  await driver.getByText("Jane Smith has ended this emergency: handed over.").first().waitFor();
  assert.equal(await end(jane, "End: solved").count(), 0, "it is over");
});

test("a second press goes into the first emergency, which the driver withdraws", async (t) => {
  const { jane, driver } = await room(t);
  await askForHelp(driver, "Emergency");
  await state(driver, "Nobody has taken it yet.");
  await askForHelp(driver, "Emergency");
  await jane.locator(".alarm").getByText("1 open", { exact: true }).waitFor();
  await jane.locator(".alarm").getByRole("button", { name: "Open" }).click();
  await jane.locator(".line .content", { hasText: "I need help at once." }).nth(1).waitFor();
  await end(driver, "Withdraw").click();
  await state(driver, "withdrawn");
  assert.equal(await driver.getByText("forced").count(), 0, "somebody may read along");
  await state(jane, "It may have been forced");
  await jane.locator(".alarm").waitFor({ state: "hidden" });
});

test("of two emergencies, the one that is shown ends", async (t) => {
  const { server, jane, driver } = await room(t);
  const other = await signIn(await browser(t), server, await server.token("ali", "BUS_DRIVER", "Ali", "Kaya"));
  for (const page of [driver, other]) {
    await askForHelp(page, "Emergency");
    await jane.locator(".alarm").getByRole("button", { name: "Take" }).click();
    await jane.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  }
  await jane.locator(".urgent .row button", { hasText: "Ali Kaya" }).click();
  await end(jane, "End: solved").click();
  await state(other, "solved");
  await state(driver, "Jane Smith has taken it");
});
