// The integration snippet of the protocol document, unchanged.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { browser, open, say, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

const DOCUMENT = new URL("../../../../chat-core/tests/fixtures/websocket-chat-events.md", import.meta.url);

/** The beginning of the snippet's second part, which needs an open connection. */
const SECOND = "// Send a chat message\n";

/** The two parts of the snippet, which together are its whole text. */
async function snippet() {
  const document = await readFile(DOCUMENT, "utf8");
  const [, example = ""] = document.split("## Integration Example\n");
  const [, text = ""] = /```javascript\n([^]*?)```/.exec(example) ?? [];
  const place = text.indexOf(SECOND);
  assert.ok(place > 0 && text.includes("ws://localhost:8000/api/websocket/connect?token="), text);
  return [text.slice(0, place), text.slice(place)];
}

test("the snippet of the document runs to the letter", async (t) => {
  const server = await Server.start(t);
  const rules = `--host-resolver-rules=MAP localhost:8000 127.0.0.1:${server.port}`;
  const context = await browser(t, { args: [rules] });
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const page = await context.newPage();
  await page.goto("http://localhost:8000/");
  await page.evaluate(
    (token) => {
      Object.assign(window, { authToken: token, displayed: [], typing: [], replies: [] });
      Object.assign(window, {
        displayMessage: (/** @type {unknown} */ message) => /** @type {any} */ (window).displayed.push(message),
        updateTypingIndicator: (/** @type {unknown[]} */ ...typing) => /** @type {any} */ (window).typing.push(typing),
      });
    },
    await server.token("john", "BUS_DRIVER", "John", "Doe"),
  );
  const [first = "", second = ""] = await snippet();
  // A script, as if pasted into the browser's own console: the next script sees its names.
  const devtools = await context.newCDPSession(page);
  const paste = async (/** @type {string} */ expression) => {
    const { exceptionDetails } = await devtools.send("Runtime.evaluate", { expression, replMode: true });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
  };
  await paste(first);
  await paste("ws.addEventListener('message', (event) => window.replies.push(JSON.parse(event.data)))");
  await paste("new Promise((opened) => ws.addEventListener('open', opened))").catch(() => {});
  await page.waitForFunction("ws.readyState === WebSocket.OPEN");
  await paste(second);
  // This server has no conversation with the id of the document, so the snippet gets an error.
  await page.waitForFunction(() => /** @type {any} */ (window).replies.length > 0);
  const [reply] = await page.evaluate(() => /** @type {any} */ (window).replies);
  assert.deepEqual([reply.success, reply.error], [false, "Conversation not found or access denied"]);

  await paste(`ws.send(JSON.stringify({ type: "create_support_conversation", data: { title: "Route", content: "Hello" } }))`);
  await open(control, "Route");
  await control.getByLabel("Message", { exact: true }).pressSequentially("Hi");
  await page.waitForFunction(() => /** @type {any} */ (window).typing.some((/** @type {any[]} */ [who, types]) => who === "jane" && types));
  await say(control, "Hello, John.");
  await page.waitForFunction(() => /** @type {any} */ (window).displayed.length === 2);
  const displayed = await page.evaluate(() => /** @type {any} */ (window).displayed);
  assert.deepEqual(displayed.map((/** @type {any} */ { content, sender_id }) => [sender_id, content]), [["john", "Hello"], ["jane", "Hello, John."]]);
});
