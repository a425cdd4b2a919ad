// Nothing covers the message field, on any screen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

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
