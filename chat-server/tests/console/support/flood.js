// A crowd that writes.

import { connect } from "./socket.js";

/**
 * Makes conversations in a page, and then writes in them in turn.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} token of somebody in the field
 * @param {number} count
 */
export async function flood(page, token, count) {
  await connect(page, token);
  await page.evaluate(async (count) => {
    const { ask } = /** @type {import("./socket.js").Asking} */ (/** @type {unknown} */ (window));
    const begin = (/** @type {unknown} */ _, /** @type {number} */ index) =>
      ask("create_support_conversation", { title: `Line ${index}`, content: "I am running late." });
    const made = await Promise.all(Array.from({ length: count }, begin));
    const ids = made.map(({ conversation_id }) => conversation_id);
    const write = (/** @type {number} */ number) =>
      ask("send_chat_message", { conversation_id: ids[(number * 7) % ids.length], content: `message ${number}` });
    Object.assign(window, { write });
  }, count);
  return {
    /** Begins to write. @param {number} perSecond */
    begin: (perSecond) =>
      page.evaluate((perSecond) => {
        const began = performance.now();
        let sent = 0;
        const step = () => {
          for (; sent < ((performance.now() - began) * perSecond) / 1_000; sent += 1) void (/** @type {any} */ (window).write(sent));
        };
        const timer = setInterval(step, 5);
        Object.assign(window, { stop: () => (clearInterval(timer), sent) });
      }, perSecond),
    /** Ends it. Returns the number of messages. @returns {Promise<number>} */
    end: () => page.evaluate(() => /** @type {any} */ (window).stop()),
  };
}
