// Signing in by the address, and the warning before a session ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, say, shows, signIn } from "../support/browser.js";
import { Server, seconds } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page @param {string} name */
const isIn = (page, name) => page.locator(".who", { hasText: name }).waitFor();

test("a token in the address signs in, and is removed from it at once", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const page = await context.newPage();
  const token = await server.token("john", "BUS_DRIVER", "John", "Doe");
  await page.goto(`${server.origin}/#token=${token}`);
  await isLive(page);
  await isIn(page, "John Doe");
  assert.equal(page.url(), `${server.origin}/`);
  await page.reload();
  await isLive(page);
  // Another token of the same user needs no click.
  await page.goto(`${server.origin}/#token=${await server.token("john", "BUS_DRIVER", "John", "Doe")}`);
  await isLive(page);
  const other = await context.newPage();
  await other.goto(`${server.origin}/#token=nonsense`);
  await other.getByText("This is not a token of the chat.").waitFor();
  assert.equal(other.url(), `${server.origin}/`);
});

test("where somebody else is signed in or has left messages, a token of the address needs a click", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const john = await signIn(context, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await askForHelp(john, "Running late");
  await shows(john, ["I am running late."]);
  const ali = await server.token("ali", "BUS_DRIVER", "Ali", "Kaya");
  // In the tab of the other one.
  await john.goto(`${server.origin}/#token=${ali}`);
  await john.getByRole("heading", { name: "Sign in as Ali Kaya?" }).waitFor();
  assert.equal(john.url(), `${server.origin}/`);
  await john.getByRole("button", { name: "Stay John Doe" }).click();
  await isIn(john, "John Doe");
  await isLive(john);
  // In another tab of the same browser.
  const second = await context.newPage();
  await second.goto(`${server.origin}/#token=${ali}`);
  await second.getByText("john is signed in on this device").waitFor();
  await second.getByRole("button", { name: "Do not sign in" }).click();
  await second.getByLabel("Access token").waitFor();
  // With nothing but an outbox that was left.
  await server.kill();
  await john.locator(".state:not([data-state='live'])").waitFor();
  await say(john, "for later");
  await john.locator(".line[data-is='waiting']").waitFor();
  await john.close();
  await server.start();
  const third = await context.newPage();
  await third.goto(`${server.origin}/#token=${ali}`);
  await third.getByRole("button", { name: "Sign in as Ali Kaya" }).click();
  await isIn(third, "Ali Kaya");
  await isLive(third);
});

test("five minutes before a session ends its user is warned, and goes on with a new token", async (t) => {
  const server = await Server.start(t);
  const now = seconds();
  const john = { sub: "john", role: "BUS_DRIVER", first_name: "John", last_name: "Doe" };
  const page = await signIn(await browser(t), server, await server.signed({ ...john, exp: now + 306 }));
  const warning = page.getByText("Your session ends at");
  assert.equal(await warning.count(), 0);
  await warning.waitFor();
  await isLive(page);
  const goOn = async (/** @type {string} */ token) => {
    await page.getByRole("button", { name: "Enter a new token" }).click();
    await page.getByLabel("Access token").fill(token);
    await page.getByRole("button", { name: "Go on" }).click();
  };
  // A token that the server refuses leaves the warning.
  await goOn(`${(await server.signed({ ...john, exp: now + 3_600 })).slice(0, -6)}AAAAAA`);
  await warning.waitFor();
  await goOn(await server.signed({ ...john, exp: now + 3_601 }));
  await warning.waitFor({ state: "hidden" });
  await isLive(page);
  await page.reload();
  await isLive(page);
  assert.equal(await warning.count(), 0);
});
