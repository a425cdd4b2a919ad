// Every screen passes axe-core, light and dark, wide and on a phone. The keyboard alone is enough.

import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "../support/axe.js";
import { askForHelp, browser, open, say, shows, signIn } from "../support/browser.js";
import { answer, give, part, screen } from "../support/orders.js";
import { Server, seconds } from "../support/server.js";

test("every screen passes axe, light and dark, wide and on a phone", async (t) => {
  const server = await Server.start(t);
  // The checker is a script of another origin, which the page would refuse.
  const context = await browser(t, { bypassCSP: true });
  const start = await context.newPage();
  await start.goto(server.console);
  await start.getByRole("button", { name: "A driver" }).waitFor();
  await check(start, "sign in");
  await start.getByLabel("Access token").fill("no token");
  await start.getByRole("button", { name: "Sign in" }).click();
  await check(start, "sign in, with a mistake");

  const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  await check(control, "control, empty");
  const token = await server.signed({ sub: "ali", role: "CONTROL_STAFF", first_name: "Ali", exp: seconds() + 240 });
  await start.goto(`${server.origin}/#token=${token}`);
  await start.getByRole("heading", { name: "Sign in as Ali?" }).waitFor();
  await check(start, "sign in by the address");
  await start.getByRole("button", { name: "Sign in as Ali" }).click();
  await start.getByText("Your session ends at").waitFor();
  await check(start, "control, before the end of the session");
  const driver = await signIn(context, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await check(driver, "driver, welcome");
  await control.getByRole("button", { name: "Keyboard" }).click();
  await check(control, "control, keyboard");
  await control.keyboard.press("Escape");
  await control.getByRole("button", { name: "Start a conversation" }).click();
  await control.getByRole("button", { name: "Add John Doe" }).click();
  await control.getByRole("dialog").getByRole("button", { name: "Start", exact: true }).click();
  await check(control, "control, starting a conversation");
  await control.keyboard.press("Escape");
  await driver.getByRole("button", { name: "Get help" }).click();
  await check(driver, "driver, help");
  await driver.getByRole("button", { name: "Breakdown" }).click();
  await open(control, "Breakdown");
  await say(control, "Where are you?");
  await shows(driver, ["My vehicle has broken down.", "Where are you?"]);
  await control.getByRole("button", { name: "Order…" }).click();
  await control.getByLabel("Own answers", { exact: true }).check();
  await control.getByRole("button", { name: "Give the order" }).click();
  await check(control, "control, giving an order");
  await control.keyboard.press("Escape");
  await give(control, "Switch the engine off.", { answers: "Yes or No" });
  await screen(driver).locator(".order-answers button:enabled").first().waitFor();
  await check(driver, "driver, with an order");
  await answer(driver, "Yes");
  await give(control, "Call us.", { within: "10 sec" });
  await screen(driver).waitFor();
  await screen(driver).waitFor({ state: "hidden" });
  await part(driver, "Call us.").getByRole("button", { name: "Understood" }).waitFor();
  await check(driver, "driver, with an order that is overdue");
  await askForHelp(driver, "Emergency");
  await control.getByRole("button", { name: "Open", exact: true }).waitFor();
  await control.getByRole("button", { name: "Hand over…" }).click();
  await control.getByRole("dialog").getByRole("button", { name: /Ali/ }).waitFor();
  await check(control, "control, handing over");
  await control.keyboard.press("Escape");
  await control.getByRole("button", { name: "Mine 1" }).click();
  await control.getByRole("button", { name: "Drivers" }).click();
  await check(control, "control, in a conversation, with an emergency");
  await check(driver, "driver, in a conversation");
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor();
  await say(driver, "waiting");
  await askForHelp(driver, "Passenger");
  await driver.locator(".state[data-state='offline']").waitFor();
  await check(driver, "driver, offline");
  await driver.getByRole("button", { name: "Sign out" }).click();
  await check(driver, "driver, leaving");
});

test("all of it can be done by keyboard", async (t) => {
  const server = await Server.start(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  /** @param {import("playwright-core").Page} page @param {RegExp} name */
  const tabTo = async (page, name) => {
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press("Tab");
      const [text, ring] = await page.evaluate(() => {
        const focused = /** @type {HTMLElement} */ (document.activeElement);
        const label = focused.getAttribute("aria-label") ?? /** @type {any} */ (focused).labels?.[0]?.textContent ?? focused.textContent;
        return [label, getComputedStyle(focused).outlineStyle];
      });
      if (name.test(text)) {
        assert.equal(ring, "solid", `the focus is seen on ${text}`);
        return;
      }
    }
    assert.fail(`no ${name} is reached`);
  };
  await tabTo(driver, /Get help/);
  await driver.keyboard.press("Enter");
  await tabTo(driver, /^Accident/);
  await driver.keyboard.press("Enter");
  await driver.getByRole("heading", { name: "Accident" }).waitFor();

  await control.getByRole("navigation", { name: "Conversations" }).getByText("Accident", { exact: true }).waitFor();
  await tabTo(control, /^Accident/);
  await control.keyboard.press("Enter");
  assert.equal(await control.evaluate(() => document.activeElement?.textContent), "Accident", "the focus is in what was opened");
  await tabTo(control, /^Message$/);
  await control.keyboard.type("An ambulance is coming.");
  await control.keyboard.press("Shift+Enter");
  await control.keyboard.type("Stay there.");
  await control.keyboard.press("Enter");
  await shows(driver, ["There was an accident. I need help.", "An ambulance is coming.\nStay there."]);
  await control.keyboard.press("Escape");
  assert.match(await control.evaluate(() => document.activeElement?.textContent ?? ""), /^Waiting/, "and back at the list, which has it no more");
  // Screen readers announce an incoming message.
  const said = "Jane Smith: An ambulance is coming.\nStay there.";
  await driver.waitForFunction((said) => document.querySelector("[role='status'].hidden")?.textContent === said, said);
});
