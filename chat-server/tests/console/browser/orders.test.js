// Orders: given by control, answered on the whole screen of a driver, and told of when the time is
// over.

import assert from "node:assert/strict";
import { test } from "node:test";
import { alerts, countAlerts, cut, lookAway, tones } from "../support/alerts.js";
import { askForHelp, browser, choose, isLive, open, say, shown, shows, signIn } from "../support/browser.js";
import { answer, give, part, says, screen } from "../support/orders.js";
import { Server } from "../support/server.js";
import { connect } from "../support/socket.js";

/** @typedef {import("playwright-core").Page} Page */

const HELP = "My vehicle has broken down.";

/** A driver and control in a conversation. @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const token = await server.token("john", "BUS_DRIVER", "John", "Doe");
  const enter = async (/** @type {string} */ token, options = {}) => {
    const context = await browser(t, options);
    await context.addInitScript(countAlerts);
    return signIn(context, server, token);
  };
  const control = await enter(await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await enter(token);
  await askForHelp(driver, "Breakdown");
  await open(control, "Breakdown");
  await shows(control, [HELP]);
  return { server, token, enter, control, driver };
}

/** The text of a message that this page has typed and not sent. @param {Page} page */
const typed = (page) => page.getByLabel("Message", { exact: true }).inputValue();

test("an order fills the driver's screen, and control sees the answer", async (t) => {
  const { control, driver } = await room(t);
  const field = driver.getByLabel("Message", { exact: true });
  await field.fill("half a sen");
  await lookAway(driver);
  const before = await alerts(driver);
  await control.getByRole("button", { name: "Send", exact: true }).focus();
  await control.keyboard.press("o");
  await control.keyboard.press("Escape");
  await give(control, "Wait for the tow truck.", { answers: "Yes or No" });
  await says(control, "tow truck", "John Doe: not answered yet");
  await control.locator(".row", { hasText: "1 order open" }).waitFor();
  await screen(driver).getByText("Wait for the tow truck.").waitFor();
  await screen(driver).getByText(/^Jane Smith · answer by /).waitFor();
  await screen(driver).getByText(/^[45] min.* left to answer$/).waitFor();
  await tones(driver, before.tones + 2);
  assert.deepEqual((await alerts(driver)).notices.at(-1)?.body, "Wait for the tow truck.");
  assert.equal((await alerts(driver)).vibrations, before.vibrations + 1);
  assert.equal(await driver.evaluate(() => document.activeElement?.textContent), "Control needs your answer", "the focus is on no answer");
  await driver.keyboard.press("Escape");
  await driver.keyboard.press("Escape");
  const box = await screen(driver).boundingBox();
  assert.deepEqual(box, { x: 0, y: 0, width: 1280, height: 800 });
  await screen(driver).locator(".order-answers button:enabled").first().waitFor();
  await driver.keyboard.press("Tab");
  assert.equal(await driver.evaluate(() => document.activeElement?.textContent), "Yes");
  await driver.keyboard.press("Enter");
  await screen(driver).waitFor({ state: "hidden" });
  await says(control, "tow truck", /^John Doe: Yes, /);
  await control.getByText("John Doe has answered: Yes", { exact: true }).waitFor();
  await control.locator(".row-orders", { hasText: "order" }).waitFor({ state: "detached" });
  assert.equal(await field.inputValue(), "half a sen");
  await field.click();
  await driver.reload();
  await isLive(driver);
  await says(driver, "tow truck", /^John Doe: Yes, /);
  assert.equal(await screen(driver).count(), 0);
});

test("an answer on one device of a driver closes the other", async (t) => {
  const { control, driver, enter, token } = await room(t);
  const phone = await enter(token, { viewport: { width: 390, height: 780 } });
  await give(control, "Line 7 turns back.", { answers: ["Understood", "Not possible"] });
  for (const page of [driver, phone]) await screen(page).getByText("Line 7 turns back.").waitFor();
  await answer(phone, "Not possible");
  for (const page of [driver, phone]) {
    await screen(page).waitFor({ state: "hidden" });
    await says(page, "Line 7", /^John Doe: Not possible, /);
    assert.equal(await part(page, "Line 7").getByRole("button").count(), 0, "answered once");
  }
});

test("an order that is not answered in time reaches its sender once, and is answered late", async (t) => {
  const { server, control, driver, enter } = await room(t);
  const omar = await enter(await server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  await askForHelp(driver, "Passenger");
  await choose(omar, "Others");
  await give(control, "Call us.", { within: "10 sec" });
  await screen(driver).getByText(/^\d sec left to answer$/).waitFor();
  await open(control, "Passenger");
  const before = [await alerts(control), await alerts(omar)];
  const told = "Not answered in time by John Doe: Breakdown";
  await control.locator(".overdue", { hasText: told }).waitFor();
  await tones(control, (before[0]?.tones ?? 0) + 2);
  await screen(driver).waitFor({ state: "hidden" });
  await omar.locator(".row", { hasText: "1 order overdue" }).waitFor({ state: "attached" });
  assert.deepEqual((await alerts(omar)).tones, before[1]?.tones, "Jane has the conversation");
  await control.locator(".overdue").getByRole("button", { name: "Open" }).click();
  await control.locator(".overdue").waitFor({ state: "hidden" });
  await says(control, "Call us.", "John Doe: not answered in time");
  assert.equal((await alerts(control)).tones, (before[0]?.tones ?? 0) + 2);
  await driver.getByRole("button", { name: /^Breakdown/ }).click();
  await part(driver, "Call us.").getByRole("button", { name: "Understood" }).click();
  await says(control, "Call us.", /^John Doe: Understood, late, /);
  await control.getByText("John Doe has answered late: Understood", { exact: true }).waitFor();
  await control.locator(".row-orders[data-overdue]").waitFor({ state: "detached" });
});

test("a withdrawal closes the driver's screen", async (t) => {
  const { control, driver } = await room(t);
  await give(control, "Turn left.");
  await screen(driver).waitFor();
  await part(control, "Turn left.").getByRole("button", { name: "Withdraw the order" }).click();
  await screen(driver).waitFor({ state: "hidden" });
  for (const page of [control, driver]) {
    await says(page, "Turn left.", /^John Doe: withdrawn, /);
    assert.equal(await part(page, "Turn left.").getByRole("button").count(), 0);
    await page.getByText("Jane Smith has withdrawn this order.", { exact: true }).first().waitFor();
  }
});

test("an answer without a connection is seen under way, survives a reload and arrives once", async (t) => {
  const { server, control, driver } = await room(t);
  await driver.evaluate(async () => void (await navigator.serviceWorker.ready));
  await give(control, "Wait.", { answers: "Yes or No" });
  await screen(driver).getByText("Wait.").waitFor();
  await server.kill();
  await driver.locator(".state:not([data-state='live'])").waitFor({ state: "attached" });
  await answer(driver, "No");
  await screen(driver).getByText("No connection. Your answer goes out as soon as there is one: No").waitFor();
  await screen(driver).getByRole("button", { name: "Back to the conversation" }).click();
  await screen(driver).waitFor({ state: "hidden" });
  await driver.locator(".line[data-is='waiting']", { hasText: "No" }).waitFor();
  assert.equal(await part(driver, "Wait.").getByRole("button").count(), 0, "it is pressed once");
  await driver.reload();
  await driver.locator(".state", { hasText: "1 message waiting" }).waitFor();
  await server.start();
  await isLive(driver);
  await says(control, "Wait.", /^John Doe: No, /);
  await says(driver, "Wait.", /^John Doe: No, /);
  for (const page of [control, driver]) await shows(page, [HELP, "Wait.", "John Doe has answered: No"]);
  assert.equal(await screen(driver).count(), 0);
});

test("whoever connects sees what is open, the order due first in front, and no call for help is covered", async (t) => {
  const { control, driver } = await room(t);
  await cut(driver, true);
  await give(control, "Take your time.", { within: "1 day" });
  await give(control, "Hurry.", { within: "30 min" });
  await part(control, "Hurry.").waitFor();
  await driver.getByRole("button", { name: "Get help" }).click();
  await cut(driver, false);
  await driver.locator(".line", { hasText: "Hurry." }).waitFor({ state: "attached" });
  assert.equal(await screen(driver).count(), 0, "help is open");
  await driver.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await screen(driver).getByText("Hurry.").waitFor();
  await screen(driver).getByText("1 more waits after this one").waitFor();
  await screen(driver).getByRole("button", { name: "Get help" }).click();
  await driver.getByRole("dialog", { name: "What happened?" }).getByRole("button", { name: "Emergency" }).click();
  await control.locator(".alarm").waitFor();
  await answer(driver, "Understood");
  await screen(driver).getByText("Take your time.").waitFor();
  await answer(driver, "Understood");
  await screen(driver).waitFor({ state: "hidden" });
});

test("an order of a driver is answered by control, once", async (t) => {
  const { server, token, control, enter, driver } = await room(t);
  const omar = await enter(await server.token("omar", "CONTROL_STAFF", "Omar", "Haddad"));
  await open(omar, "Breakdown");
  const app = await (await browser(t)).newPage();
  await app.goto(server.origin);
  await connect(app, token);
  await app.evaluate(async () => {
    const { ask } = /** @type {import("../support/socket.js").Asking} */ (/** @type {unknown} */ (window));
    const { conversations } = await ask("get_active_conversations", {});
    await ask("send_chat_message", { conversation_id: conversations[0].id, content: "May I leave the route?", answers: ["Yes", "No"] });
  });
  await says(driver, "leave the route", "Control: not answered yet");
  await part(omar, "leave the route").getByRole("button", { name: "Yes" }).waitFor();
  await part(control, "leave the route").getByRole("button", { name: "No", exact: true }).click();
  for (const page of [control, omar, driver]) await says(page, "leave the route", /^Jane Smith: No, /);
  assert.equal(await part(omar, "leave the route").getByRole("button").count(), 0);
});

test("an order needs a text and an answer, and what was written stays in the message field", async (t) => {
  const { control, driver } = await room(t);
  await say(driver, "Which way?");
  await control.getByLabel("Message", { exact: true }).fill("Turn le");
  await control.getByRole("button", { name: "Order…" }).click();
  const dialog = control.getByRole("dialog", { name: "Give an order" });
  assert.equal(await dialog.getByLabel("What to do").inputValue(), "Turn le");
  await dialog.getByLabel("What to do").fill("Turn left");
  await control.keyboard.press("Escape");
  // The browser tells of the closing in a task of its own.
  await dialog.waitFor({ state: "hidden" });
  await control.waitForFunction(() => /** @type {HTMLTextAreaElement} */ (document.getElementById("message")).value === "Turn left");
  await control.getByRole("button", { name: "Order…" }).click();
  await dialog.getByLabel("Own answers", { exact: true }).check();
  await dialog.getByRole("button", { name: "Give the order" }).click();
  await dialog.getByText("Write at least one answer, each different.").waitFor();
  await dialog.getByLabel("Own answer 2").fill("Done");
  await dialog.getByLabel("What to do").fill("");
  await dialog.getByRole("button", { name: "Give the order" }).click();
  await dialog.getByText("Write what to do.").waitFor();
  await dialog.getByLabel("What to do").fill("Turn right");
  await dialog.getByRole("button", { name: "Give the order" }).click();
  await answer(driver, "Done");
  await control.getByText("John Doe has answered: Done", { exact: true }).waitFor();
  assert.deepEqual([await typed(control), (await shown(control)).includes("Turn right")], ["", true]);
});
