// The page reports its own errors, and its user loses nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askForHelp, browser, isLive, open, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

/** @typedef {import("playwright-core").Page} Page */

const FIRST = "I am running late.";
const SAID = "Something went wrong on this page";

/** A frame that no server sends: the client fails at it. */
const BROKEN = { type: "new_support_conversation", conversation_id: "conv_x", title: "T", creator_id: "x", creator_name: null };

/** The message field. @param {Page} page */
const field = (page) => page.getByLabel("Message", { exact: true });

/** Both sides of a conversation. @param {import("node:test").TestContext} t @param {import("playwright-core").BrowserContextOptions & { expects?: RegExp }} [options] @param {() => void} [script] */
async function room(t, options, script) {
  const server = await Server.start(t);
  const context = await browser(t, options);
  if (script) await context.addInitScript(script);
  const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  await askForHelp(driver, "Running late");
  await open(control, "Running late");
  await shows(control, [FIRST]);
  return { server, control, driver };
}

/** Gives a page its socket, so that a test can put frames into it. */
function showSocket() {
  const Real = WebSocket;
  Object.assign(window, {
    WebSocket: class extends Real {
      /** @param {string} url @param {string[]} protocols */
      constructor(url, protocols) {
        super(url, protocols);
        Object.assign(window, { socket: this });
      }
    },
  });
}

/** Puts a frame into the page's socket. @param {Page} page @param {object} frame */
const put = (page, frame) =>
  page.evaluate((text) => /** @type {any} */ (window).socket.onmessage(new MessageEvent("message", { data: text })), JSON.stringify(frame));

test("after an error in the client it says so, connects anew, and what was written is there", async (t) => {
  const { control, driver } = await room(t, { expects: /TypeError/ }, showSocket);
  await field(control).fill("half a sen");
  await put(control, BROKEN);
  await control.getByText(SAID).waitFor();
  await isLive(control);
  await shows(control, [FIRST]);
  assert.equal(await field(control).inputValue(), "half a sen");
  await control.getByRole("button", { name: "Close" }).click();
  await field(control).pressSequentially("tence");
  await control.getByRole("button", { name: "Send", exact: true }).click();
  await shows(driver, [FIRST, "half a sentence"]);
});

test("a user who is writing during an error in the client goes on writing", async (t) => {
  const { control, driver } = await room(t, { expects: /TypeError/ }, showSocket);
  await field(control).fill("half a sen");
  // The longest pauses: the view of before stands for some frames beside the client of after.
  const canGoOn = await control.evaluate(async (frame) => {
    Math.random = () => 0.999;
    document.getElementById("message")?.classList.add("of-before");
    /** @type {any} */ (window).socket.onmessage(new MessageEvent("message", { data: frame }));
    for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
    const message = document.getElementById("message");
    return message?.checkVisibility() && document.activeElement === message;
  }, JSON.stringify(BROKEN));
  assert.ok(canGoOn, "the field is visible, and has the focus");
  await control.keyboard.type("ten");
  await control.locator("#message:not(.of-before)").waitFor();
  await isLive(control);
  await control.keyboard.type("ce");
  await control.getByRole("button", { name: "Send", exact: true }).click();
  await shows(driver, [FIRST, "half a sentence"]);
});

test("after an error of the screen it is shown anew, as often as need be", async (t) => {
  const { control, driver } = await room(t, { expects: /broken/ });
  await field(control).fill("half a sentence");
  // An error can come up while the page paints, in a handler, and in a promise.
  await control.evaluate(() => {
    let left = 1;
    const { append } = Element.prototype;
    Element.prototype.append = function (...parts) {
      if (left-- > 0) {
        // What is gone comes back only with a new view.
        document.querySelector(".lines")?.remove();
        throw new Error("broken");
      }
      append.apply(this, parts);
    };
  });
  await say(driver, "two");
  await control.getByText(SAID).waitFor();
  await shows(control, [FIRST, "two"]);
  await control.evaluate(() => {
    setTimeout(() => {
      throw new Error("broken");
    });
    void Promise.reject(new Error("broken"));
  });
  await say(driver, "three");
  await shows(control, [FIRST, "two", "three"]);
  await isLive(control);
  assert.equal(await field(control).inputValue(), "half a sentence");
});

for (const kind of ["access", "every use", "writing"]) {
  test(`where the browser refuses ${kind} of its storage, one can sign in and write, and is told`, async (t) => {
    const script = (/** @type {string} */ kind) => {
      const refuse = () => {
        throw new DOMException("refused", "SecurityError");
      };
      if (kind === "access") for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: refuse });
      const all = /** @type {any} */ (Storage.prototype);
      for (const name of kind === "writing" ? ["setItem"] : ["setItem", "getItem", "removeItem", "key"]) all[name] = refuse;
    };
    const server = await Server.start(t);
    const context = await browser(t);
    await context.addInitScript(script, kind);
    const page = await context.newPage();
    await page.goto(server.console);
    await page.getByText("This browser keeps nothing for this page.").waitFor();
    await page.getByRole("button", { name: "A driver" }).click();
    await isLive(page);
    await askForHelp(page, "Running late");
    await shows(page, [FIRST]);
    await server.kill();
    await page.locator(".state:not([data-state='live'])").waitFor();
    await say(page, "not kept");
    await page.getByText("This browser does not keep what you write").waitFor();
    await server.start();
    await isLive(page);
    await page.locator(".line[data-is='sent'] .content", { hasText: "not kept" }).waitFor();
    await page.getByText("This browser does not keep what you write").waitFor({ state: "hidden" });
    const control = await signIn(context, server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
    await control.getByRole("button", { name: "Sound on" }).click();
    await control.getByRole("button", { name: "Sound off" }).waitFor();
    await control.getByRole("button", { name: "Drivers" }).click();
    await control.locator("[data-room='driver_support'][aria-pressed='true'][aria-busy='false']").waitFor();
    await control.getByRole("button", { name: "Sign out" }).click();
    await control.getByRole("heading", { name: "Sign in" }).waitFor();
  });
}

test("a thousand toggles of typing touch nothing but who types, once a frame", async (t) => {
  const { control, driver } = await room(t, {}, showSocket);
  for (const phrase of ["Breakdown", "Accident", "Passenger"]) await askForHelp(driver, phrase);
  await control.locator(".row").nth(3).waitFor();
  const id = await control.locator(".row", { hasText: "Running late" }).getAttribute("data-key");
  const touched = await control.evaluate(async (id) => {
    const seen = new Set();
    let count = 0;
    const observer = new MutationObserver((records) => {
      count += records.length;
      for (const { target } of records) seen.add(/** @type {Element} */ (target).className);
    });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    const { socket } = /** @type {any} */ (window);
    for (let frames = 0; frames < 10; frames += 1) {
      for (let one = 0; one < 101; one += 1) {
        const frame = { type: "typing_status", conversation_id: id, user_id: "john", is_typing: one % 2 === frames % 2 };
        socket.onmessage(new MessageEvent("message", { data: JSON.stringify(frame) }));
      }
      await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    }
    observer.disconnect();
    return { count, seen: [...seen].sort() };
  }, id);
  assert.deepEqual(touched.seen, ["row-last", "typing"]);
  assert.ok(touched.count <= 20, `${touched.count} changes in 10 frames`);
});

test("a text that is too long is kept whole, said to be so, and sent when it was shortened", async (t) => {
  const { control, driver } = await room(t);
  const text = "👩‍🚒a".repeat(1_001);
  await field(control).fill(text);
  await control.getByText("Too long by 4 characters").waitFor();
  await control.getByRole("button", { name: "Send", exact: true }).click();
  assert.equal(await field(control).inputValue(), text);
  await shows(control, [FIRST]);
  await field(control).fill("x".repeat(50_000));
  await control.getByText("Only the first 40,000 were taken").waitFor();
  await field(control).fill(text.slice(0, -6));
  await control.getByText("Too long by").waitFor({ state: "hidden" });
  await control.getByRole("button", { name: "Send", exact: true }).click();
  await shows(driver, [FIRST, text.slice(0, -6)]);
  await driver.getByRole("button", { name: "Get help" }).click();
  await driver.getByLabel("In your own words").fill("y".repeat(4_001));
  await driver.getByText("Too long by 1 character:").waitFor();
  await driver.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  assert.equal(await driver.getByLabel("In your own words").inputValue(), "y".repeat(4_001));
});

test("keys of an input method neither send nor close", async (t) => {
  const { control, driver } = await room(t);
  await field(control).fill("にほん");
  const press = (/** @type {Page} */ page, /** @type {string} */ selector, /** @type {string} */ key, /** @type {object} */ how) =>
    page.evaluate(
      ([selector, key, how]) => {
        const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, .../** @type {object} */ (how) });
        return document.querySelector(/** @type {string} */ (selector))?.dispatchEvent(event);
      },
      /** @type {const} */ ([selector, key, how]),
    );
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    for (const key of ["Enter", "Escape"]) await press(control, "#message", key, how);
    await control.getByRole("heading", { name: "Running late" }).waitFor();
    assert.equal(await field(control).inputValue(), "にほん");
    await driver.getByRole("button", { name: "Get help" }).click();
    assert.equal(await press(driver, "#own-words", "Escape", how), false, "the dialog does not hear of it");
    await driver.keyboard.press("Escape");
    await driver.getByRole("dialog").waitFor({ state: "hidden" });
  }
  await field(control).press("Escape");
  await control.locator(".control[data-shows='list']").waitFor();
  await open(control, "Running late");
  assert.equal(await field(control).inputValue(), "にほん");
});
