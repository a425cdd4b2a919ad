// Older messages are loaded when the user scrolls to their place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, say, shown, signIn } from "../support/browser.js";
import { write } from "../support/long.js";
import { Server } from "../support/server.js";

const COUNT = 430;

/** The first fully visible message, and its position. @param {import("playwright-core").Page} page */
const top = (page) =>
  page.evaluate(() => {
    const edge = document.querySelector(".lines")?.getBoundingClientRect().top ?? 0;
    const texts = [...document.querySelectorAll(".line .content")];
    const first = texts.find((text) => text.getBoundingClientRect().top > edge);
    return { text: first?.textContent, at: Math.round((first?.getBoundingClientRect().top ?? 0) - edge) };
  });

/**
 * Asserts that the same message is on top, within the pixel to which a browser rounds heights.
 *
 * @param {import("playwright-core").Page} page
 * @param {Awaited<ReturnType<typeof top>>} before
 */
const stays = async (page, before) => {
  const now = await top(page);
  assert.equal(now.text, before.text, "what was on top moved");
  assert.ok(Math.abs(now.at - before.at) <= 1, `what was on top moved from ${before.at} to ${now.at}`);
};

test("older messages come on scroll, to the first, and what is read stays where it is", async (t) => {
  const server = await Server.start(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  await write(control, await server.token("john", "BUS_DRIVER", "John", "Doe"), COUNT);
  await open(control, "Long");
  await control.getByText(`message ${COUNT}`, { exact: true }).first().waitFor();
  const all = Array.from({ length: COUNT }, (_, index) => `message ${index + 1}`);
  for (;;) {
    const texts = await shown(control);
    assert.deepEqual(texts, all.slice(-texts.length));
    if (texts.length === COUNT) break;
    await control.locator(".lines").evaluate((lines) => (lines.scrollTop = 100));
    const before = await top(control);
    await control.waitForFunction((count) => document.querySelectorAll(".line").length > count, texts.length);
    await stays(control, before);
  }
  // A new message does not scroll away the old ones that the user reads.
  const before = await top(control);
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await say(driver, "something new");
  await control.getByRole("button", { name: "New messages" }).waitFor();
  await stays(control, before);
  await control.getByRole("button", { name: "New messages" }).click();
  await control.waitForFunction(() => {
    const lines = document.querySelector(".lines");
    return lines !== null && lines.scrollHeight - lines.scrollTop - lines.clientHeight < 5;
  });
});
