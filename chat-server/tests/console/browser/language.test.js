// The language of the pages: the browser's or the chosen one, in all words and in the layout.

import assert from "node:assert/strict";
import { test } from "node:test";
import { de } from "../../../console/words/de.js";
import { en } from "../../../console/words/en.js";
import { check } from "../support/axe.js";
import { browser, isLive, shows, signIn } from "../support/browser.js";
import { pseudo, speakPseudo } from "../support/pseudo.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** The texts of a catalogue that differ between the languages and have no values. */
const ENGLISH = new Set(Object.entries(en).flatMap(([key, text]) => (typeof text === "string" && text !== /** @type {any} */ (de)[key] ? [text] : [])));

/** All that a page says, also to screen readers. @param {Page} page @returns {Promise<string[]>} */
const said = (page) =>
  page.evaluate(() => {
    const texts = [...document.querySelectorAll("body *")].flatMap((one) => {
      const own = [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent ?? "");
      return [...own, ...["aria-label", "placeholder", "title"].map((name) => one.getAttribute(name) ?? "")];
    });
    return [document.title, ...texts].map((text) => text.trim()).filter((text) => text !== "");
  });

/** No text of the English catalogue is left. @param {Page} page */
async function isTranslated(page) {
  const texts = await said(page);
  assert.ok(texts.length > 5);
  assert.deepEqual(texts.filter((text) => ENGLISH.has(text)), []);
}

/** @param {Page} page @param {string} token @param {{ origin: string }} server @param {(key: import("../../../console/language.js").Key) => string} t */
async function enter(page, token, server, t) {
  await page.goto(server.origin);
  await page.getByLabel(t("sign_in.label")).fill(token);
  await page.getByRole("button", { name: t("sign_in.heading"), exact: true }).click();
  await page.locator(".state[data-state='live']").waitFor();
}

/** A control room and a driver, in a conversation and an emergency, each screen checked. @param {Server} server @param {import("playwright-core").BrowserContext} context @param {(key: import("../../../console/language.js").Key) => string} t */
async function walk(server, context, t) {
  const [control, driver] = [await context.newPage(), await context.newPage()];
  await control.goto(server.console);
  await control.getByRole("button", { name: t("trial.driver") }).waitFor();
  await check(control, "sign in");
  await isTranslated(control);
  await enter(control, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"), server, t);
  await isTranslated(control);
  await control.getByRole("button", { name: t("keys.heading"), exact: true }).click();
  await isTranslated(control);
  await control.keyboard.press("Escape");
  await control.getByRole("button", { name: t("control.start") }).click();
  await isTranslated(control);
  await control.keyboard.press("Escape");
  await enter(driver, await server.token("john", "BUS_DRIVER", "John", "Doe"), server, t);
  await driver.getByRole("button", { name: t("driver.help") }).click();
  await check(driver, "driver, help");
  await isTranslated(driver);
  await driver.getByRole("button", { name: t("phrase.emergency_text") }).click();
  await control.locator(".alarm").getByRole("button", { name: t("alarm.take") }).click();
  await driver.locator(".line", { hasText: t("phrase.emergency_text") }).waitFor();
  await control.locator(".work[data-state='TAKEN']").waitFor();
  await control.locator(".line[data-is='entry']").waitFor();
  for (const page of [control, driver]) {
    await page.bringToFront();
    await check(page, page === control ? "control" : "driver");
    await isTranslated(page);
  }
  return { control, driver };
}

test("a browser in German shows German, also the entries of the server", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t, { bypassCSP: true, locale: "de-AT" });
  const { control, driver } = await walk(server, context, (key) => /** @type {string} */ (/** @type {any} */ (de)[key]));
  assert.equal(await control.evaluate(() => document.documentElement.lang), "de");
  await shows(control, ["Notfall. Ich brauche sofort Hilfe.", "Jane Smith hat dieses Gespräch übernommen."]);
  await shows(driver, ["Notfall. Ich brauche sofort Hilfe.", "Jane Smith hat dieses Gespräch übernommen."]);
  await control.getByText("Übernommen von Ihnen").waitFor();
  assert.match((await driver.locator(".line time").first().textContent()) ?? "", /^\d\d:\d\d$/, "the clock has 24 hours");
  assert.match((await driver.locator(".line time").first().getAttribute("title")) ?? "", /UTC/);
});

test("the chosen language stays, and what is being written too", async (t) => {
  const server = await Server.start(t);
  const page = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await page.getByRole("button", { name: "Get help" }).click();
  await page.getByRole("button", { name: "Breakdown" }).click();
  await page.getByLabel("Message", { exact: true }).fill("half a sen");
  await page.getByRole("button", { name: "Get help" }).click();
  await page.getByRole("group", { name: "Language" }).getByRole("button", { name: "Deutsch" }).click();
  await page.getByRole("button", { name: "Hilfe holen" }).waitFor();
  assert.equal(await page.getByLabel("Nachricht", { exact: true }).inputValue(), "half a sen");
  await shows(page, ["My vehicle has broken down."]);
  await page.reload();
  await page.locator(".state", { hasText: "Verbunden" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  assert.equal(await page.getByLabel("Nachricht", { exact: true }).inputValue(), "half a sen");
  await page.getByRole("button", { name: "Hilfe holen" }).click();
  await page.getByRole("button", { name: "English" }).click();
  await isLive(page);
});

test("a language from right to left mirrors every screen", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t, { bypassCSP: true, locale: "de-DE", serviceWorkers: "block" });
  await speakPseudo(context);
  const { control, driver } = await walk(server, context, pseudo);
  for (const page of [control, driver]) assert.equal(await page.evaluate(() => document.documentElement.dir), "rtl");
  const left = async (/** @type {string} */ selector) => (await control.locator(selector).boundingBox())?.x ?? 0;
  assert.ok((await left(".list")) > (await left(".thread")), "the list is on the right");
  await driver.bringToFront();
  const [mine, theirs] = await driver.evaluate(() => {
    const { left, right } = /** @type {Element} */ (document.querySelector(".lines")).getBoundingClientRect();
    const line = /** @type {Element} */ (document.querySelector(".line:not([data-is='entry']) .content")).getBoundingClientRect();
    return [line.left - left, right - line.right];
  });
  assert.ok(Number(mine) < Number(theirs), "own messages are on the left");
});
