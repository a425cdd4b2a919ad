// Two people hold a conversation, each in a browser of its own.

import { test } from "node:test";
import { askForHelp, browser, open, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

test("a driver and control hold a conversation", async (t) => {
  const server = await Server.start(t);
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));

  await askForHelp(driver, "Road blocked");
  await control.waitForFunction(() => document.title.startsWith("(1) "));
  await open(control, "Road blocked");
  await control.waitForFunction(() => !document.title.startsWith("("));
  const asked = "The road is blocked. Which way do I take?";
  await shows(control, [asked]);
  await driver.locator(".line[data-is='read']").waitFor();

  await control.getByLabel("Message", { exact: true }).pressSequentially("Take");
  await driver.getByText("Jane Smith is typing…").waitFor();
  await say(control, "Take the ring road.");
  await shows(driver, [asked, "Take the ring road."]);
  await driver.getByRole("button", { name: "Understood" }).click();
  await shows(control, [asked, "Take the ring road.", "Understood"]);
  await control.locator(".line[data-is='read']").waitFor();
});
