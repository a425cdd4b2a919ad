// Nothing covers the message field, on any screen, and gloves meet every target.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, open, say, shows, signIn } from "../support/browser.js";
import { badTargets, covering } from "../support/layout.js";
import { give, screen } from "../support/orders.js";
import { Server } from "../support/server.js";

/** Phones in portrait and landscape, with and without an open keyboard. */
const SIZES = [[390, 780], [360, 640], [740, 360], [844, 390], [568, 320], [740, 220], [390, 340]];

test("a driver's targets are 76 px large and 16 px apart, on every screen", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t, { hasTouch: true, isMobile: true, viewport: { width: 390, height: 780 } });
  const driver = await signIn(context, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  const look = async (/** @type {string} */ screen) => {
    for (const [width = 0, height = 0] of [[320, 640], ...SIZES]) {
      await driver.setViewportSize({ width, height });
      assert.deepEqual(await badTargets(driver), [], `${screen}, ${width} × ${height}`);
    }
  };
  await look("welcome");
  await driver.getByRole("button", { name: "Get help" }).click();
  await look("help");
  await driver.getByRole("button", { name: "Road blocked" }).click();
  await shows(driver, ["The road is blocked. Which way do I take?"]);
  await askForHelp(driver, "Emergency");
  await driver.getByRole("heading", { name: "Emergency" }).waitFor();
  await look("two conversations");
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await askForHelp(driver, "Passenger");
  await driver.getByText("Waiting for the connection").waitFor();
  await look("a request that waits");
  await driver.getByRole("button", { name: "Sign out" }).click();
  await look("leaving");
});

test("nothing covers the message field, on phones upright and on their side", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t, { hasTouch: true, isMobile: true, viewport: { width: 740, height: 360 } });
  const driver = await signIn(context, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  const look = async (/** @type {string} */ screen) => {
    for (const [width = 0, height = 0] of SIZES) {
      await driver.setViewportSize({ width, height });
      assert.deepEqual(await covering(driver), [], `${screen}, ${width} × ${height}`);
      await driver.getByRole("button", { name: "Get help" }).click({ trial: true });
    }
  };
  await askForHelp(driver, "Road blocked");
  await shows(driver, ["The road is blocked. Which way do I take?"]);
  await look("one conversation");
  await askForHelp(driver, "Emergency");
  await driver.getByRole("heading", { name: "Emergency" }).waitFor();
  await look("two conversations");
  const many = Array.from({ length: 30 }, (_, index) => `message ${index}`);
  for (const text of many) await say(driver, text);
  await shows(driver, ["Emergency. I need help at once.", ...many]);
  await look("many messages");
  await driver.setViewportSize({ width: 740, height: 360 });
  const lines = await driver.locator(".lines").evaluate((one) => [one.scrollHeight > one.clientHeight, one.clientHeight < 360]);
  assert.deepEqual(lines, [true, true], "the lines scroll, and not the page");
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await askForHelp(driver, "Passenger");
  await driver.getByText("Waiting for the connection").waitFor();
  await look("a request that waits");
});

test("from right to left, names and texts of either direction begin on the right", async (t) => {
  const server = await Server.start(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await askForHelp(driver, "Road blocked");
  await shows(driver, ["The road is blocked. Which way do I take?"]);
  await askForHelp(driver, "Running late");
  await driver.getByRole("heading", { name: "Running late" }).waitFor();
  await say(driver, "الحافلة متأخرة");
  await control.locator(".row", { hasText: "الحافلة" }).waitFor();
  await control.evaluate(() => (document.documentElement.dir = "rtl"));
  const far = await control.evaluate(() => {
    const parts = [...document.querySelectorAll(".row :is(.row-title, .row-who, .row-last)")];
    const right = (/** @type {Node} */ node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return range.getBoundingClientRect().right;
    };
    return parts.filter((part) => part.getBoundingClientRect().right - right(part) > 2).map((part) => part.textContent);
  });
  assert.deepEqual(far, []);
  assert.equal(await control.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
});

test("an order fills every screen, its answers are met with gloves, and afterwards nothing covers the message field", async (t) => {
  const server = await Server.start(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const context = await browser(t, { hasTouch: true, isMobile: true, viewport: { width: 740, height: 360 } });
  const driver = await signIn(context, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await askForHelp(driver, "Road blocked");
  await open(control, "Road blocked");
  const answers = ["Understood", "Not possible", "I need more time for this", "Out of service, nobody on board, 12:30"];
  await give(control, "Take the second exit, then follow the yellow signs to the depot.", { answers });
  await screen(driver).waitFor();
  const look = async (/** @type {string} */ name) => {
    // The last two are a screen of 1,280 × 1,024 at 400 %, and the same turned.
    for (const [width = 0, height = 0] of [[320, 640], ...SIZES, [320, 256], [256, 320]]) {
      await driver.setViewportSize({ width, height });
      assert.deepEqual(await badTargets(driver), [], `${name}, ${width} × ${height}`);
      const wide = await screen(driver).evaluate((one) => [one.scrollWidth <= one.clientWidth, one.clientWidth, one.clientHeight]);
      assert.deepEqual(wide, [true, width, height], `${name}, ${width} × ${height}`);
      for (const answer of answers) await screen(driver).getByRole("button", { name: answer }).click({ trial: true });
    }
  };
  await look("order");
  await driver.evaluate(() => (document.documentElement.dir = "rtl"));
  await look("right to left");
  await driver.evaluate(() => (document.documentElement.dir = "ltr"));
  await driver.emulateMedia({ forcedColors: "active" });
  await look("forced colours");
  await driver.emulateMedia({ forcedColors: "none" });
  await screen(driver).getByRole("button", { name: "Understood" }).click();
  await screen(driver).waitFor({ state: "hidden" });
  for (const [width = 0, height = 0] of SIZES) {
    await driver.setViewportSize({ width, height });
    assert.deepEqual(await badTargets(driver), [], `answered, ${width} × ${height}`);
  }
  for (const [width = 0, height = 0] of SIZES) {
    await driver.setViewportSize({ width, height });
    assert.deepEqual(await covering(driver), [], `answered, ${width} × ${height}`);
  }
});
