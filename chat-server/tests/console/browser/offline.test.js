// The page without a network: a reload shows it with its outbox, and drafts go out later.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { PATIENCE, askForHelp, browser, isLive, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

/** Waits until the files of the page are kept. @param {Page} page */
const isReady = (page) => page.evaluate(async () => void (await navigator.serviceWorker.ready));

/** All that is kept. @param {Page} page @returns {Promise<string[]>} */
const kept = (page) =>
  page.evaluate(async () => {
    const names = await caches.keys();
    const keys = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return keys.flat().map(({ url }) => new URL(url).pathname);
  });

test("a reload without a network shows the page with its outbox, and the message goes out later", async (t) => {
  const server = await Server.start(t);
  const page = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await askForHelp(page, "Breakdown");
  await shows(page, ["My vehicle has broken down."]);
  await isReady(page);
  await server.kill();
  await say(page, "Are you there?");
  await askForHelp(page, "Passenger");
  await page.getByLabel("Message", { exact: true }).fill("half a sen");
  await page.reload();
  await page.locator(".state", { hasText: "2 messages waiting" }).waitFor();
  await page.getByRole("heading", { name: "Breakdown" }).waitFor();
  await page.locator(".line", { hasText: "Are you there?" }).waitFor();
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "half a sen");
  await page.getByText("I need help with a passenger.").first().waitFor();
  await page.getByRole("button", { name: "Get help" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Accident" }).waitFor();
  await page.keyboard.press("Escape");
  await server.start();
  await isLive(page);
  await page.getByRole("button", { name: /^Breakdown/ }).click();
  await shows(page, ["My vehicle has broken down.", "Are you there?"]);
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "half a sen");
});

test("the files of the page are kept, and nothing else", async (t) => {
  const server = await Server.start(t);
  const page = await (await browser(t, { expects: /status of 404/ })).newPage();
  await page.goto(server.console);
  await isReady(page);
  await page.getByRole("button", { name: "A driver" }).click();
  await isLive(page);
  await page.reload();
  await isLive(page);
  const paths = await kept(page);
  const versions = paths.map((path) => path.replace(/\/[0-9a-f]{16}\//, "/VERSION/")).sort();
  const files = ["/", "/console/VERSION/console.css", "/console/VERSION/console.js", "/console/icon.svg", "/console/icon_alarm.svg"];
  assert.deepEqual(versions, files);
  assert.equal(await page.evaluate(async () => (await fetch("/health/live")).status), 404, "other paths are the server's");
});

/**
 * Serves the files of a server with changes, as another version of it would.
 *
 * @param {import("node:test").TestContext} t
 * @param {Server} server
 */
async function versions(t, server) {
  /** @type {Map<string, (text: string) => string>} */
  const changes = new Map();
  const front = createServer(async ({ url = "" }, response) => {
    const answer = await fetch(`${server.origin}${url}`);
    const text = (changes.get(url) ?? String)(await answer.text());
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "", "cache-control": "no-cache" });
    response.end(text);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  t.after(() => (front.closeAllConnections(), front.close()));
  const { port } = /** @type {import("node:net").AddressInfo} */ (front.address());
  return { origin: `http://127.0.0.1:${port}`, changes };
}

test("a new version of the server takes the place of the files, and one of mixed files does not", async (t) => {
  const { origin, changes } = await versions(t, await Server.start(t));
  const page = await (await browser(t, { expects: /integrity/ })).newPage();
  await page.goto(origin);
  await isReady(page);
  const [before] = await page.evaluate(() => caches.keys());
  const icon = () => page.evaluate(async () => (await fetch("/console/icon.svg")).text());
  const update = () => page.evaluate(async () => (await navigator.serviceWorker.ready).update().then(() => "", String));
  /** Waits until the worker is installed, or has failed. @param {string} name */
  const keeps = async (name) => {
    const state = async () => ({ names: await caches.keys(), isBusy: (await navigator.serviceWorker.ready).installing !== null });
    for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
      const { names, isBusy } = await page.evaluate(state);
      if (!isBusy && names.join() === name) return;
    }
    assert.fail(`the page does not keep ${name} alone`);
  };
  let [hash, text] = ["", ""];
  changes.set("/console/icon.svg", (icon) => {
    [text, hash] = [icon, createHash("sha256").update(`${icon}<!-- new -->`).digest("base64")];
    return `${icon}<!-- new -->`;
  });
  await fetch(`${origin}/console/icon.svg`);
  const other = (/** @type {string} */ script) => script.replace(/(?<="VERSION":")\w+/, "other");
  // While servers are being replaced, one may send the worker and another one the files.
  changes.set("/sw.js", other);
  await update();
  await keeps(String(before));
  await page.reload();
  assert.equal(await icon(), text, "the old files stay whole");

  const old = createHash("sha256").update(text).digest("base64");
  changes.set("/sw.js", (script) => `${other(script).replace(old, hash)}//`);
  await update();
  await keeps("console other");
  await page.reload();
  assert.equal(await icon(), `${text}<!-- new -->`);
});

test("no other script may be started as a worker", async (t) => {
  const server = await Server.start(t);
  const page = await (await browser(t, { expects: /TrustedScriptURL|Trusted/ })).newPage();
  await page.goto(server.origin);
  await isReady(page);
  const refused = await page.evaluate(() =>
    Promise.all([
      navigator.serviceWorker.register(document.querySelector("script")?.src ?? "").then(() => "", (error) => error.name),
      Promise.resolve().then(() => /** @type {any} */ (globalThis).trustedTypes.createPolicy("other", {})).then(() => "", (error) => error.name),
      Promise.resolve().then(() => /** @type {any} */ (globalThis).trustedTypes.createPolicy("worker", {})).then(() => "", (error) => error.name),
    ]),
  );
  assert.deepEqual(refused, ["TypeError", "TypeError", "TypeError"]);
});
