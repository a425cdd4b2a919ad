// The control room: what is first, what is heard, which rooms are joined.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, open, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** Control, with its ears open, a driver and a regulator. @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const context = await browser(t);
  await context.addInitScript(() => {
    const create = AudioContext.prototype.createOscillator;
    Object.assign(window, { tones: 0 });
    AudioContext.prototype.createOscillator = function () {
      /** @type {any} */ (window).tones += 1;
      return create.call(this);
    };
  });
  const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const others = await browser(t);
  const driver = await signIn(others, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  const regulator = await signIn(others, server, await server.token("maria", "QUEUE_REGULATOR", "Maria", "Rossi"));
  return { server, control, driver, regulator };
}

/** The titles in the list, from the top. @param {import("playwright-core").Page} page @param {string[]} wanted */
const listed = (page, wanted) =>
  page.waitForFunction((wanted) => {
    const titles = [...document.querySelectorAll(".row-title")].map((title) => title.textContent);
    return JSON.stringify(titles) === JSON.stringify(wanted);
  }, wanted);

/** @param {import("playwright-core").Page} page @param {number} count */
const tones = (page, count) => page.waitForFunction((count) => /** @type {any} */ (window).tones === count, count);

test("new requests come to the top with a sound and a badge, and emergencies before all", async (t) => {
  const { control, driver, regulator } = await room(t);
  await askForHelp(driver, "Breakdown");
  await listed(control, ["Breakdown"]);
  await tones(control, 2);
  await askForHelp(regulator, "Bus missing");
  await listed(control, ["Bus missing", "Breakdown"]);
  await tones(control, 4);
  await control.waitForFunction(() => document.title === "(2) Control room · Transit chat");
  await askForHelp(driver, "Emergency");
  await listed(control, ["Emergency", "Bus missing", "Breakdown"]);
  await tones(control, 10);
  await control.getByRole("heading", { name: "Emergencies" }).waitFor();
  await driver.getByRole("button", { name: "Breakdown" }).click();
  await shows(driver, ["My vehicle has broken down."]);
  await driver.getByRole("button", { name: "On my way" }).click();
  await listed(control, ["Emergency", "Breakdown", "Bus missing"]);
  assert.equal(await control.locator(".row-badge").nth(1).textContent(), "2 unread");
  await control.getByRole("alert").getByRole("button", { name: "Open" }).click();
  await control.getByRole("heading", { name: "Emergency", exact: true }).waitFor();
  await shows(control, ["Emergency. I need help at once."]);
  await control.waitForFunction(() => document.title === "(2) Control room · Transit chat");
  await control.getByRole("button", { name: "Sound on" }).click();
  await askForHelp(regulator, "Stop blocked");
  await listed(control, ["Emergency", "Stop blocked", "Breakdown", "Bus missing"]);
  await tones(control, 10);
});

test("rooms say which requests make a sound, and are joined again after a lost connection", async (t) => {
  const { server, control, driver, regulator } = await room(t);
  const drivers = control.getByRole("button", { name: "Drivers" });
  await drivers.click();
  await control.locator("[data-room='driver_support'][aria-pressed='true'][aria-busy='false']").waitFor();
  await askForHelp(regulator, "Bus missing");
  await listed(control, ["Bus missing"]);
  await askForHelp(driver, "Breakdown");
  await tones(control, 2);
  await server.kill();
  await control.locator(".state:not([data-state='live'])").waitFor();
  await server.start();
  await control.locator("[data-room='driver_support'][aria-pressed='true'][aria-busy='false']").waitFor();
  for (const page of [driver, regulator]) await page.locator(".state[data-state='live']").waitFor();
  await askForHelp(regulator, "Stop blocked");
  await listed(control, ["Stop blocked", "Breakdown", "Bus missing"]);
  await askForHelp(driver, "Accident");
  await tones(control, 4);
  await drivers.click();
  await control.locator("[data-room='driver_support'][aria-pressed='false']").waitFor();
  await control.locator(".state[data-state='live']").waitFor();
  await askForHelp(regulator, "Passenger");
  await tones(control, 6);
});

test("what is read on one screen is read on the others of the same user", async (t) => {
  const { server, control, driver } = await room(t);
  const other = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  await askForHelp(driver, "Breakdown");
  for (const page of [control, other]) await page.waitForFunction(() => document.title.startsWith("(1) "));
  await open(other, "Breakdown");
  for (const page of [control, other]) await page.waitForFunction(() => !document.title.startsWith("("));
});
