// A long conversation.

import { connect } from "./socket.js";

/**
 * Makes a conversation of many messages, which the browser sends as in the protocol document.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} token
 * @param {number} count
 */
export async function write(page, token, count) {
  await connect(page, token);
  await page.evaluate(async (count) => {
    const { ask, hangUp } = /** @type {import("./socket.js").Asking} */ (/** @type {unknown} */ (window));
    const { conversation_id } = await ask("create_support_conversation", { title: "Long", content: "message 1" });
    const rest = Array.from({ length: count - 1 }, (_, index) => `message ${index + 2}`);
    await Promise.all(rest.map((content) => ask("send_chat_message", { conversation_id, content })));
    hangUp();
  }, count);
}
