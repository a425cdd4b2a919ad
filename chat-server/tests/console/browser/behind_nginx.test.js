// The console behind nginx, configured as in `operation/NGINX.md`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, open, say, shows, signIn } from "../support/browser.js";
import { nginx } from "../support/nginx.js";
import { Server } from "../support/server.js";

test("two hold a conversation through nginx, the server is killed in the middle, and no token is logged", async (t) => {
  const server = await Server.start(t);
  const proxy = await nginx(t, server);
  const tokens = [
    await server.token("john", "BUS_DRIVER", "John", "Doe"),
    await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"),
  ];
  // No browser starts a worker from a server whose certificate it does not trust.
  const options = /** @type {const} */ ({ ignoreHTTPSErrors: true, serviceWorkers: "block" });
  const driver = await signIn(await browser(t, options), proxy, tokens[0]);
  const control = await signIn(await browser(t, options), proxy, tokens[1]);
  await askForHelp(driver, "Running late");
  await open(control, "Running late");
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await say(driver, "into the void");
  await server.start();
  await Promise.all([isLive(driver), isLive(control)]);
  await shows(control, ["I am running late.", "into the void"]);
  const log = await proxy.log();
  assert.match(log, /"GET \/api\/websocket\/connect" 101 /);
  for (const token of tokens) assert.ok(!log.includes(token.slice(0, 20)), "a token is logged");
});

test("there is no trial behind nginx", async (t) => {
  const server = await Server.start(t);
  const proxy = await nginx(t, server);
  const page = await (await browser(t, { ignoreHTTPSErrors: true, serviceWorkers: "block" })).newPage();
  const { hash } = new URL(server.console);
  await page.goto(`${proxy.origin}/${hash}`);
  await page.getByRole("button", { name: "A control officer" }).click();
  await page.getByText("The trial is only for the page that this server serves").waitFor();
});
