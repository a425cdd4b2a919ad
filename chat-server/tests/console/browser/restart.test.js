// The server is killed during a conversation, and the page loses nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, open, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

const FIRST = "I am running late.";

/** A driver and control in a conversation. @param {import("node:test").TestContext} t */
async function conversation(t) {
  const server = await Server.start(t);
  const token = await server.token("john", "BUS_DRIVER", "John", "Doe");
  const drivers = await browser(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(drivers, server, token);
  await askForHelp(driver, "Running late");
  await open(control, "Running late");
  await shows(control, [FIRST]);
  return { server, token, drivers, control, driver };
}

/** The number of drafts that a page keeps in its storage. @param {import("playwright-core").Page} page */
const kept = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("chat-outbox/")).length);

test("what both write while the server is dead arrives once and in order", async (t) => {
  const { server, control, driver } = await conversation(t);
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  for (const text of ["driver 1", "driver 2", "driver 3"]) await say(driver, text);
  await driver.locator(".state", { hasText: "3 messages waiting" }).waitFor();
  await driver.locator(".state[data-state='offline']").waitFor();
  await say(control, "control 1");
  await shows(driver, [FIRST, "driver 1", "driver 2", "driver 3"]);
  assert.equal(await kept(driver), 3);
  await server.start();
  await Promise.all([isLive(control), isLive(driver)]);
  await control.locator(".line").nth(4).waitFor();
  await driver.locator(".line").nth(4).waitFor();
  await driver.waitForFunction(() => document.querySelectorAll(".line[data-is='waiting']").length === 0);
  await control.waitForFunction(() => document.querySelectorAll(".line[data-is='waiting']").length === 0);
  const texts = await control.locator(".line .content").allTextContents();
  assert.deepEqual([texts[0], texts.filter((text) => text.startsWith("driver"))], [FIRST, ["driver 1", "driver 2", "driver 3"]]);
  assert.equal(texts.length, 5);
  await shows(driver, texts);
  assert.deepEqual([await kept(driver), await kept(control)], [0, 0]);
});

test("the page names the server that serves it, and another one after a cut", async (t) => {
  const { server, control } = await conversation(t);
  assert.ok(await control.locator(".server").isHidden(), "a server without a name");
  for (const name of ["node 1", "node 2"]) {
    await server.kill();
    await control.locator(".state:not([data-state='live'])").waitFor();
    assert.ok(await control.locator(".server").isHidden(), "nobody serves");
    await server.start("--node-name", name);
    await control.getByText(`served by ${name}`, { exact: true }).waitFor();
  }
});

test("a request for help that is made without a connection reaches control", async (t) => {
  const { server, control, driver } = await conversation(t);
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await askForHelp(driver, "Emergency");
  await driver.getByText("Waiting for the connection").waitFor();
  await server.start();
  await control.getByRole("alert").getByText("Emergency", { exact: true }).first().waitFor();
  await driver.getByRole("heading", { name: "Emergency" }).waitFor();
  await shows(driver, ["Emergency. I need help at once."]);
});

test("an emergency that came while control was away is told of when it is back", async (t) => {
  const { server, control, driver } = await conversation(t);
  const token = await server.token("jane", "CONTROL_STAFF", "Jane", "Smith");
  await control.close();
  await askForHelp(driver, "Emergency");
  await driver.getByRole("heading", { name: "Emergency" }).waitFor();
  const back = await signIn(await browser(t), server, token);
  await back.getByRole("alert").getByText("Emergency", { exact: true }).first().waitFor();
});

test("a page that is closed while messages wait leaves them to the next one", async (t) => {
  const { server, token, drivers, control, driver } = await conversation(t);
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await say(driver, "before the page was closed");
  await driver.locator(".line[data-is='waiting']").waitFor();
  await driver.close();
  await server.start();
  const next = await signIn(drivers, server, token);
  const all = [FIRST, "before the page was closed"];
  await shows(next, all);
  await isLive(control);
  await shows(control, all);
});

test("of two tabs of one user, the one that lives sends what the other one left, once", async (t) => {
  const { server, token, drivers, control, driver } = await conversation(t);
  const other = await signIn(drivers, server, token);
  await shows(other, [FIRST]);
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await say(driver, "from the tab that ends");
  await driver.locator(".line[data-is='waiting']").waitFor();
  assert.equal(await other.locator(".line[data-is='waiting']").count(), 0, "it belongs to the tab that lives");
  await driver.close();
  await other.locator(".line[data-is='waiting']").waitFor();
  await say(other, "from the tab that stays");
  await server.start();
  const all = [FIRST, "from the tab that ends", "from the tab that stays"];
  await isLive(other);
  await shows(other, all);
  await isLive(control);
  await shows(control, all);
});

test("a reload changes nothing", async (t) => {
  const { driver, control } = await conversation(t);
  await say(control, "Thank you.");
  await shows(driver, [FIRST, "Thank you."]);
  await driver.reload();
  await isLive(driver);
  await shows(driver, [FIRST, "Thank you."]);
});
