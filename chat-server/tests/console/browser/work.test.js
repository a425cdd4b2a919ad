// The control room at work: two officers, one conversation, and the lists by work.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, choose, isLive, open, say, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const jane = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const omar = await signIn(await browser(t), server, await server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  return { server, jane, omar, driver };
}

/** @param {Page} page @param {string} text */
const state = (page, text) => page.locator(".work-state", { hasText: text }).waitFor();

/** @param {Page} page @param {string} action */
const act = (page, action) => page.locator(".work-actions").getByRole("button", { name: action, exact: true });

/** Waits for these numbers on the tabs. @param {Page} page @param {[number, number, number, number]} counts */
async function counts(page, [waiting, mine, others, resolved]) {
  const words = [`Waiting ${waiting}`, `Mine ${mine}`, `Others ${others}`, `Resolved ${resolved}`];
  const tabs = page.getByRole("group", { name: "Lists by work" });
  for (const name of words) await tabs.getByRole("button", { name, exact: true }).waitFor();
}

/** Chooses a list, and gives the titles in it. @param {Page} page @param {string} tab */
async function titles(page, tab) {
  await choose(page, tab);
  return page.locator(".row-title").allTextContents();
}

test("of two officers who take a conversation at once, one has it and the other is told who", async (t) => {
  const { jane, omar, driver } = await room(t);
  await askForHelp(driver, "Breakdown");
  for (const page of [jane, omar]) {
    await counts(page, [1, 0, 0, 0]);
    await open(page, "Breakdown");
    await state(page, "Not taken");
  }
  // Found beforehand: the loser's button is gone as soon as the winner is told of.
  const buttons = await Promise.all([jane, omar].map((page) => act(page, "Take").elementHandle()));
  await Promise.all(buttons.map((button) => button?.evaluate((one) => /** @type {HTMLElement} */ (one).click())));
  for (const page of [jane, omar]) await state(page, "Taken by");
  const [ofJane, ofOmar] = await Promise.all([jane, omar].map((page) => page.locator(".work-state").textContent()));
  const janeHasIt = ofJane?.startsWith("Taken by you") ?? false;
  assert.match(ofJane ?? "", janeHasIt ? /^Taken by you/ : /^Taken by Omar Haddad/);
  assert.match(ofOmar ?? "", janeHasIt ? /^Taken by Jane Smith/ : /^Taken by you/);
  const [winner, loser] = janeHasIt ? [jane, omar] : [omar, jane];
  await counts(winner, [0, 1, 0, 0]);
  await counts(loser, [0, 0, 1, 0]);
  await driver.getByText("has taken this conversation.").waitFor();
  assert.equal(await driver.getByText("has taken this conversation.").count(), 1, "one entry");
  assert.equal(await act(loser, "Take").count(), 0, "nothing to take any more");
});

test("a conversation goes through the lists, and a question brings it back", async (t) => {
  const { jane, omar, driver } = await room(t);
  await askForHelp(driver, "Breakdown");
  await driver.getByRole("heading", { name: "Breakdown" }).waitFor();
  await askForHelp(driver, "Running late");
  await counts(jane, [2, 0, 0, 0]);
  assert.deepEqual(await titles(jane, "Waiting"), ["Breakdown", "Running late"], "the longest first");
  await open(jane, "Running late");
  await say(jane, "I am on it.");
  await counts(jane, [1, 1, 0, 0]);
  await counts(omar, [1, 0, 1, 0]);
  assert.deepEqual(await titles(jane, "Mine"), ["Running late"], "a reply takes it");
  assert.deepEqual(await titles(omar, "Others"), ["Running late"]);
  await act(jane, "Resolve").click();
  await counts(omar, [1, 0, 0, 1]);
  await jane.reload();
  await isLive(jane);
  await counts(jane, [1, 0, 0, 1]);
  assert.deepEqual(await titles(jane, "Resolved"), ["Running late"]);
  await driver.getByLabel("Message", { exact: true }).fill("One more thing");
  await driver.getByRole("button", { name: "Send", exact: true }).click();
  await counts(jane, [1, 1, 0, 0]);
  assert.deepEqual(await titles(jane, "Mine"), ["Running late"], "whoever had it has it again");
});
