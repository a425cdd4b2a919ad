// Control speaks first: people are found by name or id, and a new conversation exists once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, isLive, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** @param {import("node:test").TestContext} t */
async function room(t) {
  const server = await Server.start(t);
  const field = await browser(t);
  const john = await signIn(field, server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  const maria = await signIn(field, server, await server.token("maria", "QUEUE_REGULATOR", "Maria", "Rossi"));
  const context = await browser(t);
  const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  return { server, context, control, john, maria };
}

/** Opens the dialog. @param {Page} page */
async function begin(page) {
  await page.getByRole("button", { name: "Start a conversation" }).click();
  return page.getByRole("dialog", { name: "Start a conversation" });
}

/** Finds a person, and adds them. @param {Page} page @param {string} find @param {string} name */
async function add(page, find, name) {
  await page.getByLabel("Find people by name or id").fill(find);
  await page.getByRole("button", { name: `Add ${name}` }).click();
  await page.getByRole("list", { name: "Addressees" }).getByRole("button", { name: `Remove ${name}` }).waitFor();
}

test("control finds people by name and id, and speaks first to all of them", async (t) => {
  const { control, john, maria } = await room(t);
  const dialog = await begin(control);
  const people = dialog.locator(".people");
  await people.getByRole("button", { name: /John Doe.*Bus driver.*connected/ }).waitFor();
  await people.getByRole("button", { name: /Maria Rossi.*Queue regulator.*connected/ }).waitFor();
  assert.equal(await people.getByText("Jane Smith").count(), 0, "nobody in control");
  await add(control, "john d", "John Doe");
  await add(control, "MARIA", "Maria Rossi");
  await control.getByLabel("Find people").fill("zz");
  await dialog.getByText("Nobody found.").waitFor();
  await dialog.getByRole("button", { name: "Start", exact: true }).click();
  await dialog.getByText("Give it a title.").waitFor();
  await dialog.getByLabel("Title").fill("Detour");
  await dialog.getByLabel("Text").fill("Take the second exit.");
  // What is written survives a reload.
  await control.reload();
  await isLive(control);
  await begin(control);
  await dialog.getByRole("button", { name: "Remove Maria Rossi" }).waitFor();
  await dialog.getByRole("button", { name: "Start", exact: true }).click();
  await control.getByRole("heading", { name: "Detour" }).waitFor();
  await control.locator(".work-state", { hasText: "Taken by you" }).waitFor();
  for (const page of [control, john, maria]) await shows(page, ["Take the second exit."]);
  await begin(control);
  assert.equal(await dialog.getByLabel("Text").inputValue(), "", "the next one begins empty");
  await control.keyboard.press("Escape");
  await control.getByRole("heading", { name: "Detour" }).waitFor();
});

test("a conversation that is started without a connection reaches the driver once", async (t) => {
  const { server, context, control, john } = await room(t);
  const dialog = await begin(control);
  await add(control, "john", "John Doe");
  await dialog.getByLabel("Title").fill("Detour");
  await dialog.getByLabel("Text").fill("Take the second exit.");
  await server.kill();
  await control.locator(".state:not([data-state='live'])").waitFor();
  await dialog.getByRole("button", { name: "Start", exact: true }).click();
  await control.getByRole("list", { name: "Conversations that are not started yet" }).getByText("Waiting for the connection").waitFor();
  await control.close();
  await server.start();
  const later = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  await shows(john, ["Take the second exit."]);
  await later.getByRole("button", { name: "Mine 1" }).click();
  await later.locator(".row-title", { hasText: "Detour" }).waitFor();
  assert.equal(await later.getByRole("list", { name: "Conversations that are not started yet" }).locator("li").count(), 0);
  assert.equal(await later.locator(".row").count(), 1);
});
