// The control room: the order of the list, the alarm, and the rooms that are joined.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, choose, isLive, open, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** Opens a control room that counts its alarm tones, a driver and a regulator. @param {import("node:test").TestContext} t */
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

/** Waits for these titles in the list, from the top. @param {import("playwright-core").Page} page @param {string[]} wanted */
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
  await choose(control, "Everything");
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
  await control.locator(".row", { hasText: "Breakdown" }).getByText("2 unread").waitFor();
  await listed(control, ["Emergency", "Bus missing", "Breakdown"]);
  await control.getByRole("alert").getByRole("button", { name: "Take" }).click();
  await control.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await control.getByRole("heading", { name: "Emergency", exact: true }).waitFor();
  await shows(control, ["Emergency. I need help at once.", "Jane Smith has taken this conversation."]);
  await control.waitForFunction(() => document.title === "(2) Control room · Transit chat");
  await control.getByRole("button", { name: "Sound on" }).click();
  const before = await control.evaluate(() => /** @type {any} */ (window).tones);
  await askForHelp(regulator, "Stop blocked");
  await listed(control, ["Emergency", "Stop blocked", "Bus missing", "Breakdown"]);
  await tones(control, before);
});

test("rooms say which requests make a sound, and are joined again after a lost connection", async (t) => {
  const { server, control, driver, regulator } = await room(t);
  const drivers = control.getByRole("button", { name: "Drivers" });
  await drivers.click();
  await control.locator("[data-room='driver_support'][aria-pressed='true'][aria-busy='false']").waitFor();
  await choose(control, "Everything");
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

test("the alarm tells how many emergencies are open, and is over once all are taken", async (t) => {
  const { server, control, driver, regulator } = await room(t);
  const other = await signIn(await browser(t), server, await server.token("ali", "BUS_DRIVER", "Ali", "Kaya"));
  const alarm = control.getByRole("alert");
  const people = /** @type {const} */ ([[driver, "John Doe", "1 open"], [regulator, "Maria Rossi", "2 open, the oldest first"], [other, "Ali Kaya", "3 open, the oldest first"]]);
  for (const [page, , count] of people) {
    await askForHelp(page, "Emergency");
    await alarm.getByText(count, { exact: true }).waitFor();
    await alarm.getByText("John Doe").waitFor();
  }
  await say(driver, "Please hurry.");
  await listed(control, ["Emergency", "Emergency", "Emergency"]);
  // A page that was not there knows only rows, with the time of the last message.
  await control.reload();
  await isLive(control);
  for (const [place, [, name]] of people.entries()) {
    const left = people.length - place;
    await alarm.getByText(left === 1 ? "1 open" : `${left} open, the oldest first`, { exact: true }).waitFor();
    await alarm.getByText(name).waitFor();
    await alarm.getByRole("button", { name: "Open" }).click();
    await control.locator(".thread-about", { hasText: name }).waitFor();
    await alarm.getByRole("button", { name: "Take" }).click();
  }
  await alarm.waitFor({ state: "hidden" });
});

test("a tick says that the driver has read it, not that a colleague has", async (t) => {
  const { server, control, driver } = await room(t);
  const colleague = await signIn(await browser(t), server, await server.token("omar", "CONTROL_ADMIN", "Omar", "Haddad"));
  await askForHelp(driver, "Breakdown");
  await driver.getByRole("heading", { name: "Breakdown" }).waitFor();
  await askForHelp(driver, "Running late");
  await driver.getByRole("heading", { name: "Running late" }).waitFor();
  await open(control, "Breakdown");
  await say(control, "A mechanic is coming.");
  await open(colleague, "Breakdown");
  await shows(colleague, ["My vehicle has broken down.", "A mechanic is coming."]);
  await say(colleague, "Ten minutes.");
  const mine = control.locator(".line", { hasText: "A mechanic is coming." });
  await shows(control, ["My vehicle has broken down.", "A mechanic is coming.", "Ten minutes."]);
  assert.equal(await mine.getAttribute("data-is"), "sent", "the colleague has read it, and the driver has not");
  await driver.getByRole("button", { name: "Breakdown" }).click();
  await control.locator(".line[data-is='read']", { hasText: "A mechanic is coming." }).waitFor();
  assert.equal(await mine.locator(".foot").getAttribute("title"), "Read by John Doe");
});
