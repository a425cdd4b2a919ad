// Tokens: invalid ones, expired ones, and tokens of other users.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, isLive, open, say, shows, signIn, askForHelp } from "../support/browser.js";
import { Server, seconds } from "../support/server.js";

test("what is no token is said at once, and what the server refuses leads back", async (t) => {
  const server = await Server.start(t);
  const page = await (await browser(t)).newPage();
  await page.goto(server.origin);
  const enter = async (/** @type {string} */ token) => {
    await page.getByLabel("Access token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await enter("hello");
  await page.getByText("This is not a token of the chat").waitFor();
  const token = await server.token("john", "BUS_DRIVER");
  await enter(`${token.slice(0, -6)}AAAAAA`);
  await page.getByText("The server does not accept this token.").waitFor();
  await enter(token);
  await isLive(page);
  assert.equal(page.url(), `${server.origin}/`);
});

test("a token for later is tried again, and a refused one takes no unsent text away", async (t) => {
  const server = await Server.start(t);
  const page = await (await browser(t)).newPage();
  await page.goto(server.origin);
  const enter = async (/** @type {string} */ token, /** @type {string} */ press) => {
    await page.getByLabel("Access token").fill(token);
    await page.getByRole("button", { name: press }).click();
  };
  const now = seconds();
  const early = { sub: "john", role: "BUS_DRIVER", nbf: now + 3_600, exp: now + 7_200 };
  await enter(await server.signed(early), "Sign in");
  await page.getByText("The page tries it again now and then.").waitFor();
  const john = await server.token("john", "BUS_DRIVER");
  await enter(john, "Go on");
  await isLive(page);
  await askForHelp(page, "Running late");
  await shows(page, ["I am running late."]);
  await page.getByLabel("Message", { exact: true }).fill("half a sentence");
  await page.evaluate((token) => sessionStorage.setItem("chat-session", JSON.stringify({ token, whom: null })), `${john.slice(0, -6)}AAAAAA`);
  await page.reload();
  await page.getByText("The server does not accept this token.").waitFor();
  await enter(john, "Sign in");
  await isLive(page);
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "half a sentence");
});

test("a session that has ended goes on with another token of the same user, and what waits is sent", async (t) => {
  const server = await Server.start(t);
  const page = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await askForHelp(page, "Running late");
  await shows(page, ["I am running late."]);
  // The server comes back after the token has expired, beyond the leeway for clocks, as after a
  // night.
  await page.evaluate((token) => {
    const kept = JSON.parse(sessionStorage.getItem("chat-session") ?? "{}");
    sessionStorage.setItem("chat-session", JSON.stringify({ ...kept, token }));
  }, await server.expired("john"));
  await server.kill();
  await page.locator(".state:not([data-state='live'])").waitFor();
  await say(page, "while nobody hears");
  // The page is closed before the server is back, so it cannot send with its old token.
  await page.locator(".line[data-is='waiting']").waitFor();
  await page.goto("about:blank");
  await server.start();
  await page.goto(server.origin);
  await page.getByText("Your session has ended. 1 message will be sent when you are back.").waitFor();
  const goOn = async (/** @type {string} */ token) => {
    await page.getByLabel("Access token").fill(token);
    await page.getByRole("button", { name: "Go on" }).click();
  };
  await goOn(await server.token("jane", "BUS_DRIVER"));
  await page.getByText("This token is of somebody else.").waitFor();
  await goOn(await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await isLive(page);
  await shows(page, ["I am running late.", "while nobody hears"]);
});

test("who leaves with messages that wait is told, and they are there for the same user alone", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const john = await server.token("john", "BUS_DRIVER", "John", "Doe");
  const page = await signIn(context, server, john);
  await askForHelp(page, "Running late");
  await shows(page, ["I am running late."]);
  await server.kill();
  await page.locator(".state:not([data-state='live'])").waitFor();
  await say(page, "for later");
  await page.getByRole("button", { name: "Sign out" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1 message not sent yet").waitFor();
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("chat-session")), null);
  await server.start();
  const other = await signIn(context, server, await server.token("ali", "BUS_DRIVER", "Ali", "Kaya"));
  await other.getByText("Control is one press away.").waitFor();
  assert.equal(await other.locator(".line").count(), 0);
  const again = await signIn(context, server, john);
  await shows(again, ["I am running late.", "for later"]);
});

test("whose rights have changed is told so, tries again, and goes on with another token in the new role", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const iat = seconds() - 60;
  const old = { sub: "john", role: "BUS_DRIVER", first_name: "John", last_name: "Doe", iat, exp: iat + 3_600 };
  const page = await signIn(context, server, await server.signed(old));
  await askForHelp(page, "Running late");
  await shows(page, ["I am running late."]);
  await page.getByLabel("Message", { exact: true }).fill("half a sentence");
  const promoted = await server.token("john", "CONTROL_STAFF", "John", "Doe");
  const elsewhere = await signIn(await browser(t), server, promoted);
  await page.getByText("Your rights have changed.").waitFor();
  await page.locator(".state[data-state='ended']", { hasText: "Not connected" }).waitFor();
  assert.equal(await page.locator(".state[data-state='live']").count(), 0);
  await page.getByLabel("Message", { exact: true }).press("Enter");
  await page.locator(".line[data-is='waiting'] .content", { hasText: "half a sentence" }).waitFor();
  await page.getByLabel("Message", { exact: true }).fill("another half");
  const goOn = async (/** @type {string} */ token) => {
    await page.getByLabel("Access token").fill(token);
    await page.getByRole("button", { name: "Go on" }).click();
  };
  await goOn(await server.token("jane", "CONTROL_STAFF"));
  await page.getByText("This token is of somebody else.").waitFor();
  await goOn(promoted);
  await isLive(page);
  await open(page, "Running late");
  await shows(page, ["I am running late.", "half a sentence"]);
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "another half");
  await isLive(elsewhere);
  await page.reload();
  await isLive(page);
  await page.getByRole("heading", { name: "Control room" }).waitFor();
});

test("of eleven devices of one user, the one that was let go says so", async (t) => {
  const server = await Server.start(t);
  const context = await browser(t);
  const token = await server.token("jane", "CONTROL_STAFF", "Jane", "Smith");
  const page = await signIn(context, server, token);
  await page.evaluate(
    async ([token]) => {
      const sockets = Array.from({ length: 10 }, () => new WebSocket(`ws://${location.host}/api/websocket/connect?token=${token}`));
      Object.assign(window, { sockets });
      const list = JSON.stringify({ type: "get_active_conversations", data: { limit: 1 } });
      await Promise.all(sockets.map((one) => new Promise((heard) => Object.assign(one, { onopen: () => one.send(list), onmessage: heard }))));
    },
    /** @type {const} */ ([token]),
  );
  await page.getByText("this one was let go").waitFor();
  await page.locator(".state[data-state='ended']").waitFor();
  await page.getByRole("button", { name: "Connect again" }).click();
  await isLive(page);
  await page.getByText("this one was let go").waitFor({ state: "hidden" });
});
