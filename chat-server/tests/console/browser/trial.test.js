// The trial: the printed address, two clicks, a conversation between two tabs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, open, say, shows } from "../support/browser.js";
import { Server } from "../support/server.js";

test("two clicks give two tabs that talk", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const control = await context.newPage();
  await control.goto(server.console);
  await control.getByRole("button", { name: "A control officer" }).click();
  await isLive(control);
  const [driver] = await Promise.all([
    context.waitForEvent("page"),
    control.getByRole("link", { name: /^A driver/ }).click(),
  ]);
  await isLive(driver);
  for (const page of [control, driver]) {
    await page.getByText("Trial", { exact: true }).first().waitFor();
    assert.equal(page.url(), `${server.origin}/`, "neither key nor token stay in the address");
  }
  await askForHelp(driver, "Breakdown");
  await open(control, "Breakdown");
  await say(control, "A mechanic is coming.");
  await shows(driver, ["My vehicle has broken down.", "A mechanic is coming."]);
  await driver.reload();
  await isLive(driver);
  await shows(driver, ["My vehicle has broken down.", "A mechanic is coming."]);
});

test("without the key there is only the token, and an old key says what is wrong", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const page = await context.newPage();
  await page.goto(server.origin);
  await page.getByLabel("Access token").waitFor();
  assert.equal(await page.getByRole("button", { name: "A driver" }).count(), 0);
  await page.goto(server.console);
  const button = page.getByRole("button", { name: "A driver" });
  await button.waitFor();
  await server.kill();
  await button.click();
  await page.getByText("The server can't be reached.").waitFor();
  await server.start();
  await button.click();
  await page.getByText("The trial needs the address that this server printed").waitFor();
});
