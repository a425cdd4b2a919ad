// The speed of a busy control room: 1,000 conversations and 200 messages a second, on one core.
// Prints how long a key press takes to be painted. Machines differ, so no figure fails the test.

import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { browser, signIn } from "../support/browser.js";
import { flood } from "../support/flood.js";
import { Server } from "../support/server.js";

const CONVERSATIONS = 1_000;
const PER_SECOND = 200;
const KEYS = 100;

/** Pause between two key presses, in milliseconds: a quick typist. */
const PAUSE = 100;

/** A program that starts Chromium on the first core alone. @param {string} directory */
async function onOneCore(directory) {
  const path = join(directory, "chromium-on-one-core");
  await writeFile(path, `#!/bin/sh\nexec taskset -c 0 ${process.env.CHROMIUM ?? "/usr/bin/chromium"} "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

/** For the page: measures the time from each key press to the next frame, and the longest task. */
function measure() {
  /** @type {number[]} */
  const painted = [];
  /** @type {number[]} */
  const tasks = [];
  new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => tasks.push(duration))).observe({ type: "longtask" });
  document.addEventListener(
    "keydown",
    ({ timeStamp }) => {
      requestAnimationFrame(() => {
        // The task after the frame: the frame is painted.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => painted.push(performance.now() - timeStamp);
        port2.postMessage(null);
      });
    },
    { capture: true },
  );
  Object.assign(window, { painted, tasks });
}

/** @param {number[]} values @param {number} part */
const quantile = (values, part) => values.toSorted((one, other) => one - other)[Math.min(Math.floor(values.length * part), values.length - 1)] ?? NaN;

/** @param {number[]} values */
const figures = (values) => `median ${quantile(values, 0.5).toFixed(0)} ms, p95 ${quantile(values, 0.95).toFixed(0)} ms, longest ${Math.max(0, ...values).toFixed(0)} ms`;

test(`a key press at ${CONVERSATIONS} conversations and ${PER_SECOND} messages a second`, async (t) => {
  const server = await Server.start(t);
  const writer = await (await browser(t)).newPage();
  await writer.goto(server.origin);
  const load = await flood(writer, await server.token("john", "BUS_DRIVER", "John", "Doe"), CONVERSATIONS);
  const context = await browser(t, { executablePath: await onOneCore(server.directory) });
  const page = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  await page.getByRole("button", { name: "Waiting 1,000" }).waitFor();
  await page.locator(".list-rows button").first().click();
  await page.mouse.move(0, 0);
  const field = page.getByLabel("Message", { exact: true });
  await field.focus();
  await page.evaluate(measure);
  await load.begin(PER_SECOND);
  const text = "all drivers please mind the ice on the bridge ".repeat(3).slice(0, KEYS);
  for (const letter of text) {
    await page.keyboard.type(letter);
    await new Promise((after) => setTimeout(after, PAUSE));
  }
  const sent = await load.end();
  const { painted, tasks } = await page.evaluate(() => {
    const { painted, tasks } = /** @type {any} */ (window);
    return { painted, tasks };
  });
  assert.equal(await field.inputValue(), text);
  assert.ok(sent > KEYS * PAUSE / 1_000 * PER_SECOND / 2, `${sent} messages were sent`);
  assert.ok(painted.length >= KEYS / 2);
  t.diagnostic(`${sent} messages, ${painted.length} key presses painted: ${figures(painted)}; tasks over 50 ms: ${tasks.length}, ${figures(tasks)}`);
});
