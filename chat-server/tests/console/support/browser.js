// Chromium, and the actions of a user.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("playwright-core").Page} Page */

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The longest wait for an expected state. Only a failing test waits this long. */
export const PATIENCE = 30_000;

/**
 * Opens a fresh browser. An error in the log of its pages fails the test, unless it is expected.
 *
 * @param {import("node:test").TestContext} test
 * @param {import("playwright-core").BrowserContextOptions & { args?: string[], expects?: RegExp }} [options]
 * @returns {Promise<BrowserContext>}
 */
export async function browser(test, { args = [], expects = /^$/, ...options } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "chromium-"));
  const context = await chromium.launchPersistentContext(directory, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [...FLAGS, ...args],
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  /** @type {string[]} */
  const complaints = [];
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    // Some tests are about a server that is unreachable or refuses.
    const isExpected = /net::ERR_|WebSocket connection to|status of 403/.test(message.text());
    if (message.type() === "error" && !isExpected) complaints.push(message.text());
  });
  test.after(async () => {
    await context.close();
    await rm(directory, { recursive: true, force: true });
    assert.deepEqual(complaints.filter((one) => !expects.test(one)), [], "the browser complained");
  });
  return context;
}

/**
 * Opens a page and signs in with a token.
 *
 * @param {BrowserContext} context
 * @param {{ origin: string }} server
 * @param {string} token
 */
export async function signIn(context, server, token) {
  const page = await context.newPage();
  await page.goto(server.origin);
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await isLive(page);
  return page;
}

/** Waits until the page shows that it is connected. @param {Page} page */
export const isLive = (page) => page.locator(".state", { hasText: /^Live/ }).waitFor();

/**
 * Asks for help with a ready phrase.
 *
 * @param {Page} page
 * @param {string} phrase
 */
export async function askForHelp(page, phrase) {
  await page.getByRole("button", { name: "Get help" }).click();
  await page.getByRole("dialog").getByRole("button", { name: phrase }).click();
}

/**
 * Writes a message and sends it.
 *
 * @param {Page} page
 * @param {string} text
 */
export async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

/** Chooses a list of the control room. @param {Page} page @param {string} list */
export async function choose(page, list) {
  const tabs = page.getByRole("group", { name: "Lists by work" });
  await tabs.getByRole("button", { name: new RegExp(`^${list}( \\d+)?$`) }).click();
}

/** Opens a conversation of the list, and leaves the list, which moves no row under the pointer. @param {Page} page @param {string} title */
export async function open(page, title) {
  await choose(page, "Everything");
  await page.locator(".list-rows").getByRole("button", { name: title }).first().click();
  await page.mouse.move(0, 0);
}

/** The texts of the messages that the page shows. @param {Page} page @returns {Promise<string[]>} */
export const shown = (page) => page.locator(".line .content").allTextContents();

/**
 * Waits until a page shows exactly these messages.
 *
 * @param {Page} page
 * @param {string[]} texts
 */
export async function shows(page, texts) {
  const is = (/** @type {string[]} */ wanted) => {
    const lines = [...document.querySelectorAll(".line .content")].map((line) => line.textContent);
    return lines.length === wanted.length && lines.every((line, index) => line === wanted[index]);
  };
  await page.waitForFunction(is, texts).catch(async () => assert.deepEqual(await shown(page), texts));
}
