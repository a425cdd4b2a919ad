// Nothing covers the message field, on any screen, and gloves meet every target.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** Phones in portrait and landscape, with and without an open keyboard. */
const SIZES = [[390, 780], [360, 640], [740, 360], [844, 390], [568, 320], [740, 220], [390, 340]];

/** The elements that cover the middle or a corner of the field. @param {import("playwright-core").Page} page */
const covering = (page) =>
  page.evaluate(() => {
    const field = /** @type {HTMLElement} */ (document.querySelector("#message"));
    field.scrollIntoView({ block: "nearest" });
    const { left, right, top, bottom } = field.getBoundingClientRect();
    const points = [[left + 8, top + 8], [right - 8, top + 8], [left + 8, bottom - 8], [right - 8, bottom - 8], [(left + right) / 2, (top + bottom) / 2]];
    const seen = points.map(([x = 0, y = 0]) => document.elementFromPoint(x, y));
    return seen.filter((one) => one !== field).map((one) => (one ? `${one.tagName}.${one.className}` : "out of sight"));
  });

/** The targets that are too small, or too close to another one. @param {Page} page */
const badTargets = (page) =>
  page.evaluate(() => {
    const dialog = document.querySelector("dialog[open]");
    const all = /** @type {HTMLElement[]} */ ([...(dialog ?? document).querySelectorAll("button, textarea, input")]).filter((one) => one.checkVisibility());
    const boxes = all.map((one) => ({ one, name: one.textContent || one.id, box: one.getBoundingClientRect() }));
    const small = boxes.filter(({ box }) => box.width < 76 || box.height < 76);
    const bad = small.map(({ name, box }) => `${name}: ${box.width} × ${box.height}`);
    // The part of a target that its scrolled container shows.
    const places = boxes.flatMap(({ one, name, box }) => {
      const scrolled = one.closest(".quick, .tabs")?.getBoundingClientRect();
      const [left, right] = [Math.max(box.left, scrolled?.left ?? -Infinity), Math.min(box.right, scrolled?.right ?? Infinity)];
      return left < right ? [{ name, left, right, top: box.top, bottom: box.bottom }] : [];
    });
    for (const [index, one] of places.entries()) {
      for (const other of places.slice(index + 1)) {
        const across = Math.max(one.left - other.right, other.left - one.right);
        const down = Math.max(one.top - other.bottom, other.top - one.bottom);
        const apart = Math.max(across, down);
        if (apart < 16) bad.push(`${one.name} and ${other.name}: ${apart} px apart`);
      }
    }
    return bad;
  });

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
