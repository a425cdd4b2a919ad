// A day of the control room: two officers, three drivers, 60 conversations, emergencies, orders, a
// restart of the server and a handover. In the end all screens agree, and nothing is lost, doubled
// or reordered.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, choose, isLive, open, say, shows, signIn } from "../support/browser.js";
import { answer, give, part, says, screen } from "../support/orders.js";
import { Server } from "../support/server.js";
import { connect } from "../support/socket.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../support/socket.js").Asking} Asking */

const DRIVERS = ["john", "maria", "ali"];

/** Conversations of each driver, besides an emergency. */
const EACH = 19;

const EMERGENCY = "Emergency. I need help at once.";
const HANDED = "Jane Smith has handed this conversation to Omar Haddad.";

/** The title of a driver's conversation. @param {string} name @param {number} number */
const title = (name, number) => `${name} ${String(number).padStart(2, "0")}`;

/** A driver asks for help in all conversations, by an app of its own. @param {Page} app @param {string} token @param {string[]} titles */
async function askAll(app, token, titles) {
  await connect(app, token);
  await app.evaluate(async (titles) => {
    const { ask, hangUp } = /** @type {Asking} */ (/** @type {unknown} */ (window));
    for (const title of titles) await ask("create_support_conversation", { title, content: `help ${title}` });
    hangUp();
  }, titles);
}

/** Everything that the server has of a driver, by title. @param {Page} app @param {string} token @returns {Promise<Record<string, string[]>>} */
async function stored(app, token) {
  await connect(app, token);
  return app.evaluate(async () => {
    const { ask, hangUp } = /** @type {Asking} */ (/** @type {unknown} */ (window));
    const { conversations } = await ask("get_active_conversations", {});
    const all = await Promise.all(
      conversations.map(async (/** @type {{ id: string, title: string }} */ { id, title }) => {
        const { messages } = await ask("get_conversation_messages", { conversation_id: id, after_seq: 0 });
        const isWhole = messages.every((/** @type {{ seq: number }} */ { seq }, /** @type {number} */ index) => seq === index + 1);
        return [title.replace("Support: ", ""), isWhole ? messages.map((/** @type {{ content: string }} */ { content }) => content) : ["a gap"]];
      }),
    );
    hangUp();
    return Object.fromEntries(all);
  });
}

/** Takes the oldest emergency. @param {Page} page */
async function takeAlarm(page) {
  await page.locator(".alarm").getByRole("button", { name: "Take" }).click();
  await page.locator(".work-state", { hasText: "Taken by you" }).waitFor();
}

/** Opens a driver's conversation. @param {Page} page @param {string} title */
const enter = (page, title) => page.locator(".tabs").getByRole("button", { name: title }).click();

/** @param {Page} page @param {string[]} names with their numbers */
async function counts(page, names) {
  for (const name of names) await page.getByRole("button", { name, exact: true }).waitFor();
}

test("at the end of a day all screens agree, and nothing is lost, doubled or reordered", async (t) => {
  const server = await Server.start(t);
  const [desk, field] = [await browser(t), await browser(t)];
  const tokens = await Promise.all(DRIVERS.map((name) => server.token(name, "BUS_DRIVER", name)));
  const jane = await signIn(desk, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const omar = await signIn(desk, server, await server.token("omar", "CONTROL_ADMIN", "Omar", "Haddad"));
  const app = await field.newPage();
  await app.goto(server.origin);
  for (const [place, name] of DRIVERS.entries()) {
    await askAll(app, tokens[place] ?? "", Array.from({ length: EACH }, (_, index) => title(name, index + 1)));
  }
  await counts(jane, ["Waiting 57"]);
  const [john, maria, ali] = /** @type {[Page, Page, Page]} */ (await Promise.all(tokens.map((token) => signIn(field, server, token))));

  // Emergencies, each with its own driver.
  for (const driver of [john, maria, ali]) {
    await askForHelp(driver, "Emergency");
    await driver.getByRole("heading", { name: "Emergency" }).waitFor();
  }
  await jane.locator(".alarm").getByText("3 open").waitFor();
  await takeAlarm(jane);
  await omar.locator(".alarm").getByText("2 open").waitFor();
  await takeAlarm(omar);
  await jane.locator(".alarm").getByText("1 open").waitFor();
  await jane.locator(".alarm").getByRole("button", { name: "Take" }).click();
  await counts(jane, ["Waiting 57", "Mine 2", "Others 1"]);

  // Orders: one answered, two whose time ends while the server is dead.
  await open(jane, "john 01");
  await give(jane, "Turn back.", { answers: "Yes or No" });
  await answer(john, "Yes");
  await says(jane, "Turn back.", /^john: Yes/);
  await enter(john, "john 01");
  await open(omar, "john 02");
  for (const name of ["maria", "ali"]) {
    await open(jane, title(name, 1));
    await give(jane, `Call us, ${name}.`, { within: "10 sec" });
    await screen(name === "maria" ? maria : ali).waitFor();
  }

  // The restart, in the middle of what two of them write.
  await server.kill();
  await Promise.all([john, omar].map((page) => page.locator(".state:not([data-state='live'])").waitFor()));
  for (const text of ["john 1", "john 2", "john 3"]) await say(john, text);
  await say(omar, "omar 1");
  await server.start();
  await Promise.all([jane, omar, john].map(isLive));
  await jane.locator(".overdue", { hasText: "maria 01" }).waitFor();
  await jane.locator(".overdue").getByRole("button", { name: "Open" }).click();
  await jane.locator(".overdue").waitFor({ state: "hidden" });
  await screen(maria).waitFor({ state: "hidden" });
  await screen(ali).waitFor({ state: "hidden" });
  await enter(maria, "maria 01");
  await part(maria, "Call us").getByRole("button", { name: "Understood" }).click();
  await says(maria, "Call us", /late/);

  // The end of Jane's shift.
  await counts(jane, ["Waiting 53", "Mine 5", "Others 2"]);
  await choose(jane, "Mine");
  await jane.getByRole("button", { name: "Hand over all that is mine…" }).click();
  const dialog = jane.getByRole("dialog", { name: "Hand over all that is mine" });
  await dialog.getByRole("button", { name: /Omar Haddad/ }).click();
  await dialog.getByRole("button", { name: "Hand over", exact: true }).click();
  await dialog.getByText("5 of 5 handed over to Omar Haddad.").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await counts(jane, ["Waiting 53", "Mine 0", "Others 7", "Resolved 0"]);
  await counts(omar, ["Waiting 53", "Mine 7", "Others 0", "Resolved 0"]);
  for (const left of [2, 1, 0]) {
    await omar.locator(".urgent .row button").first().click();
    await omar.mouse.move(0, 0);
    await omar.getByRole("button", { name: "End: solved" }).click();
    await omar.locator(".emergency-state", { hasText: "solved" }).waitFor();
    await omar.waitForFunction((left) => document.querySelectorAll(".urgent .row").length === left, left);
  }

  // All screens agree with each other and with the server.
  const expired = "This order was not answered in time.";
  const played = /** @type {[driver: Page, title: string, texts: string[]][]} */ ([
    [john, "john 01", ["help john 01", "Turn back.", "john has answered: Yes", "john 1", "john 2", "john 3", HANDED]],
    [john, "john 02", ["help john 02", "omar 1"]],
    [maria, "maria 01", ["help maria 01", "Call us, maria.", expired, "maria has answered late: Understood", HANDED]],
    [ali, "ali 01", ["help ali 01", "Call us, ali.", expired, HANDED]],
  ]);
  for (const [driver, title, texts] of played) {
    for (const page of [jane, omar]) await open(page, title);
    await enter(driver, title);
    for (const page of [jane, omar, driver]) await shows(page, texts);
  }
  for (const [place, name] of DRIVERS.entries()) {
    const all = await stored(app, tokens[place] ?? "");
    const emergency = all.Emergency ?? [];
    assert.deepEqual([emergency[0], emergency.at(-1)], [EMERGENCY, "Omar Haddad has ended this emergency: solved."]);
    delete all.Emergency;
    const texts = Array.from({ length: EACH }, (_, index) => title(name, index + 1)).map((title) => [title, [`help ${title}`]]);
    const inPlay = played.filter(([, title]) => title.startsWith(name)).map(([, title, texts]) => [title, texts.map((text) => text.replace(" late:", ":"))]);
    assert.deepEqual(all, Object.fromEntries([...texts, ...inPlay]));
  }
});
