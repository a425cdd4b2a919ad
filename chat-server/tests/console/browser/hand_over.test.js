// Handing over: one conversation to a chosen colleague, and a shift as one act.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, choose, open, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

const PHRASES = ["Breakdown", "Road blocked", "Running late"];

/** A control room of two, in which Jane has taken all requests. @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const context = await browser(t);
  await context.addInitScript(() => {
    const Real = WebSocket;
    Object.assign(window, {
      WebSocket: class extends Real {
        /** @param {string} url @param {string[]} protocols */
        constructor(url, protocols) {
          super(url, protocols);
          Object.assign(window, { socket: this });
        }
      },
    });
  });
  const jane = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const omar = await signIn(await browser(t), server, await server.token("omar", "CONTROL_ADMIN", "Omar", "Haddad"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  for (const [place, phrase] of PHRASES.entries()) {
    await askForHelp(driver, phrase);
    await driver.getByRole("heading", { name: phrase }).waitFor();
    await open(jane, phrase);
    await jane.locator(".work-actions").getByRole("button", { name: "Take", exact: true }).click();
    await mine(jane, place + 1);
  }
  return { jane, omar };
}

/** @param {Page} page @param {number} count */
const mine = (page, count) => page.getByRole("button", { name: `Mine ${count}`, exact: true }).waitFor();

/** @param {Page} page @param {string} text */
const said = (page, text) => page.waitForFunction((text) => document.querySelector("[role='status'].hidden")?.textContent === text, text);

test("a conversation goes to a chosen colleague, who is told", async (t) => {
  const { jane, omar } = await room(t);
  await open(jane, "Breakdown");
  await jane.getByRole("button", { name: "Hand over…", exact: true }).click();
  const dialog = jane.getByRole("dialog", { name: "Hand over this conversation" });
  const omars = dialog.getByRole("button", { name: /^Hand over to Omar Haddad.*Control admin.*connected/ });
  await omars.waitFor();
  assert.equal(await dialog.getByText("Jane Smith").count(), 0, "not to oneself");
  await dialog.getByLabel("Find a colleague").fill("omar");
  await omars.click();
  await jane.locator(".work-state", { hasText: "Taken by Omar Haddad" }).waitFor();
  await mine(jane, 2);
  await mine(omar, 1);
  await said(omar, "Jane Smith has handed over to you: Breakdown");
});

test("all that is mine goes over in one act, and what could not be handed over is listed", async (t) => {
  const { jane, omar } = await room(t);
  await choose(jane, "Mine");
  await jane.getByRole("button", { name: "Hand over all that is mine…" }).click();
  const dialog = jane.getByRole("dialog", { name: "Hand over all that is mine" });
  await dialog.getByRole("button", { name: /Omar Haddad/ }).click();
  await dialog.getByText("Hand over 3 conversations to Omar Haddad?").waitFor();
  // An admin resolves one, and Jane's page does not hear of it in time.
  await jane.evaluate(() => {
    const { socket } = /** @type {any} */ (window);
    const hear = socket.onmessage;
    socket.onmessage = (/** @type {MessageEvent} */ event) => JSON.parse(event.data).type !== "new_message" && hear(event);
  });
  await open(omar, "Road blocked");
  await omar.locator(".work-actions").getByRole("button", { name: "Resolve", exact: true }).click();
  await omar.locator(".work-state", { hasText: "Resolved" }).waitFor();
  await dialog.getByRole("button", { name: "Hand over", exact: true }).click();
  await dialog.getByText("2 of 3 handed over to Omar Haddad. 1 conversation could not be handed over.").waitFor();
  assert.deepEqual(await dialog.getByRole("list", { name: "Not handed over" }).locator("li").allTextContents(), ["Road blocked: resolved"]);
  assert.equal(await dialog.locator("progress").evaluate((one) => /** @type {HTMLProgressElement} */ (one).position), 1);
  await dialog.getByRole("button", { name: "Close" }).click();
  await mine(omar, 2);
  await mine(jane, 0);
  assert.equal(await jane.getByRole("button", { name: "Hand over all that is mine…" }).isDisabled(), true);
});
