// Alerts that reach a person, and end once they are over.

import assert from "node:assert/strict";
import { test } from "node:test";
import { alerts, countAlerts, cut, lookAway, tones } from "../support/alerts.js";
import { askForHelp, browser, isLive, open, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** Opens two consoles and a driver, which count their alerts. @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const enter = async (/** @type {Promise<string>} */ token) => {
    const context = await browser(t);
    await context.addInitScript(countAlerts);
    return signIn(context, server, await token);
  };
  const jane = await enter(server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const omar = await enter(server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  const driver = await enter(server.token("john", "BUS_DRIVER", "John", "Doe"));
  return { server, jane, omar, driver };
}

/** The bar of the alarm. @param {Page} page */
const alarm = (page) => page.locator(".alarm");

/** Whether the icon of the page is that of the alarm. @param {Page} page */
const hasAlarmIcon = (page) => page.evaluate(() => document.querySelector("link[rel='icon']")?.getAttribute("href") === "/console/icon_alarm.svg");

/** Waits for silence: no bar, no icon, and no tone for longer than the pause between two sounds. @param {Page} page */
async function isSilent(page) {
  await alarm(page).waitFor({ state: "hidden" });
  const before = await alerts(page);
  await new Promise((after) => setTimeout(after, 6_000));
  assert.equal((await alerts(page)).tones, before.tones);
  assert.deepEqual([await hasAlarmIcon(page), (await page.title()).includes("EMERGENCY")], [false, false]);
  assert.ok(before.notices.every(({ isClosed }) => isClosed), "no notification stays");
}

test("an alarm sounds in every console until somebody has taken it, and does not burn on when it is over", async (t) => {
  const { jane, omar, driver } = await room(t);
  await lookAway(omar);
  await askForHelp(driver, "Emergency");
  for (const page of [jane, omar]) {
    await alarm(page).getByText("1 open", { exact: true }).waitFor();
    await page.waitForFunction(() => document.title.startsWith("1 EMERGENCY · "));
    assert.equal(await hasAlarmIcon(page), true);
    await tones(page, 18);
  }
  assert.deepEqual((await alerts(omar)).notices, [{ title: "Emergency", body: "John Doe", isClosed: false }]);
  // To look at it is not to take it.
  await alarm(omar).getByRole("button", { name: "Open" }).click();
  await shows(omar, ["Emergency. I need help at once."]);
  await tones(omar, (await alerts(omar)).tones + 6);
  await alarm(jane).getByRole("button", { name: "Take" }).click();
  await jane.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await isSilent(jane);
  await isSilent(omar);
  await say(driver, "Please hurry.");
  await omar.getByText("Please hurry.").first().waitFor();
  await isSilent(omar);
});

test("an alarm that is over while a console is away is not seen there, nor after a reload", async (t) => {
  const { jane, omar, driver } = await room(t);
  await askForHelp(driver, "Emergency");
  await alarm(omar).waitFor();
  await cut(omar, true);
  await tones(omar, (await alerts(omar)).tones + 6);
  await alarm(jane).getByRole("button", { name: "Take" }).click();
  await jane.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await cut(omar, false);
  await isSilent(omar);
  await omar.reload();
  await isLive(omar);
  await omar.locator(".row", { hasText: "taken by Jane Smith" }).waitFor();
  await isSilent(omar);
  await jane.getByRole("button", { name: "Hand back" }).click();
  await alarm(omar).waitFor();
});

test("a driver's phone is not silent: each message of control sounds, vibrates and notifies", async (t) => {
  const { jane, driver } = await room(t);
  await askForHelp(driver, "Breakdown");
  await shows(driver, ["My vehicle has broken down."]);
  await lookAway(driver);
  const calls = async () => {
    const { tones, vibrations, notices } = await alerts(driver);
    return [tones, vibrations, notices.map(({ body }) => body)];
  };
  const called = (/** @type {number} */ count) => driver.waitForFunction((count) => /** @type {any} */ (window).vibrations === count, count);
  await open(jane, "Breakdown");
  await say(jane, "A mechanic is coming.");
  await called(1);
  await say(jane, "Ten minutes.");
  await called(2);
  assert.deepEqual(await calls(), [4, 2, ["A mechanic is coming.", "Ten minutes."]]);
  assert.equal((await alerts(driver)).notices[0]?.title, "Jane Smith · Breakdown");
  await say(driver, "Thank you.");
  await shows(jane, ["My vehicle has broken down.", "A mechanic is coming.", "Ten minutes.", "Thank you."]);
  // Entries are no messages of control, and messages that arrived meanwhile are told of later.
  await cut(driver, true);
  await say(jane, "He is there now.");
  await jane.getByRole("button", { name: "Resolve", exact: true }).click();
  await jane.locator(".work-state", { hasText: "Resolved" }).waitFor();
  await cut(driver, false);
  await called(3);
  await shows(driver, ["My vehicle has broken down.", "A mechanic is coming.", "Ten minutes.", "Thank you.", "He is there now.", "Jane Smith has resolved this conversation."]);
  assert.deepEqual(await calls(), [6, 3, ["A mechanic is coming.", "Ten minutes.", "He is there now."]]);
});

test("where the browser blocks sound, the page says so until it is clicked", async (t) => {
  const { driver, jane } = await room(t);
  for (const page of [driver, jane]) {
    const blocked = page.getByRole("button", { name: "Sound is blocked: click here" });
    await blocked.waitFor({ state: "hidden" });
    await page.reload();
    await isLive(page);
    await blocked.click();
    await blocked.waitFor({ state: "hidden" });
  }
});

test("notifications are offered once", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  await context.addInitScript(() => Object.assign(window, { Notification: { permission: "default", requestPermission: async () => "granted" } }));
  const page = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const offer = page.getByRole("region", { name: "Notifications" });
  await offer.getByRole("button", { name: "Not now" }).click();
  await offer.waitFor({ state: "hidden" });
  await page.reload();
  await isLive(page);
  assert.equal(await offer.count(), 0);
});

test("control hears of a driver's answer in its own conversation, and of no other", async (t) => {
  const { jane, omar, driver } = await room(t);
  await askForHelp(driver, "Breakdown");
  await open(jane, "Breakdown");
  await jane.getByRole("button", { name: "Take", exact: true }).click();
  await jane.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  await omar.getByRole("button", { name: "Others 1" }).waitFor();
  const before = { jane: await alerts(jane), omar: await alerts(omar) };
  // Nobody is called for a conversation that is read already.
  await say(driver, "Are you there?");
  await jane.locator(".line", { hasText: "Are you there?" }).waitFor();
  assert.deepEqual(await alerts(jane), before.jane);
  await lookAway(jane);
  await lookAway(omar);
  await say(driver, "It is the engine.");
  await tones(jane, before.jane.tones + 2);
  const { vibrations, notices } = await alerts(jane);
  assert.equal(vibrations, before.jane.vibrations + 1);
  assert.deepEqual(notices.at(-1), { title: "John Doe · Breakdown", body: "It is the engine.", isClosed: false });
  await jane.getByRole("button", { name: "Hand back" }).click();
  await jane.locator(".work-state", { hasText: "Not taken" }).waitFor();
  const after = await alerts(jane);
  await say(driver, "Still here.");
  await omar.getByText("Still here.").first().waitFor({ state: "attached" });
  await jane.locator(".line", { hasText: "Still here." }).waitFor();
  assert.deepEqual([await alerts(jane), await alerts(omar)], [after, before.omar]);
});
