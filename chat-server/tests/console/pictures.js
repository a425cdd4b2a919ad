// Takes pictures of the console: `node pictures.js DIRECTORY`. README.md shows two of them.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askForHelp, browser, open, say, signIn } from "./support/browser.js";
import { Server } from "./support/server.js";

const directory = process.argv[2] ?? tmpdir();
/** @type {(() => unknown)[]} */
const ends = [];
const test = /** @type {any} */ ({ after: (/** @type {() => unknown} */ end) => ends.unshift(end) });

const WIDE = { width: 1180, height: 720 };
const PHONE = { width: 390, height: 780 };

/** @param {import("playwright-core").Page} page @param {string} name */
async function both(page, name) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(directory, `${name}-${colorScheme}.png`) });
  }
}

/** @param {import("playwright-core").Page} page @param {string} text */
const until = (page, text) => page.locator(".content", { hasText: text }).first().waitFor();

async function main() {
  const home = await mkdtemp(join(tmpdir(), "pictures-"));
  ends.push(() => rm(home, { recursive: true }));
  const server = await Server.start(test);
  const context = await browser(test, { viewport: WIDE });
  const phones = await browser(test, { viewport: PHONE, hasTouch: true, isMobile: true });
  const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  await both(control, "control-empty");
  const driver = await signIn(phones, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await both(driver, "driver-welcome");
  const regulator = await signIn(phones, server, await server.token("maria", "QUEUE_REGULATOR", "Maria", "Rossi"));
  const other = await signIn(phones, server, await server.token("ali", "BUS_DRIVER", "Ali", "Kaya"));
  await askForHelp(regulator, "Bus missing");
  await askForHelp(other, "Running late");
  await driver.getByRole("button", { name: "Get help" }).click();
  await both(driver, "driver-help");
  await driver.getByRole("button", { name: "Road blocked" }).click();
  await open(control, "Road blocked");
  await say(control, "Which road is it, and in which direction?");
  await until(driver, "Which road");
  await say(driver, "Harbour Street, towards the station. A lorry is unloading.");
  await until(control, "Harbour Street");
  await say(control, "Turn left into Mill Lane, then take the ring road.\nI am telling the stops on Harbour Street.");
  await until(driver, "Mill Lane");
  await driver.getByRole("button", { name: "Understood" }).click();
  await until(control, "Understood");
  await driver.getByLabel("Message", { exact: true }).pressSequentially("I will");
  await control.getByText("John Doe is typing…").waitFor();
  await askForHelp(other, "Emergency");
  await control.getByRole("alert").getByText("Emergency", { exact: true }).first().waitFor();
  await both(control, "control");
  await both(driver, "driver");
  await control.setViewportSize(PHONE);
  await both(control, "control-phone-thread");
  await control.getByRole("button", { name: "‹ Conversations" }).click();
  await both(control, "control-phone-list");
  await control.setViewportSize(WIDE);
  await both(other, "driver-emergency");
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await say(driver, "I am back on my route.");
  await askForHelp(driver, "Passenger");
  await driver.locator(".state[data-state='offline']").waitFor();
  await both(driver, "driver-offline");
  const trial = await context.newPage();
  await server.start();
  await trial.goto(server.console);
  await trial.getByRole("button", { name: "A driver" }).waitFor();
  await both(trial, "sign-in");
}

try {
  await main();
} finally {
  for (const end of ends) await end();
}
