// A long conversation.

/**
 * Makes a conversation of many messages, which the browser sends as in the protocol document.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} token
 * @param {number} count
 */
export const write = (page, token, count) =>
  page.evaluate(
    async ([token, count]) => {
      const ws = new WebSocket(`ws://${location.host}/api/websocket/connect?token=${token}`);
      await new Promise((opened) => (ws.onopen = opened));
      const replies = /** @type {((reply: any) => void)[]} */ ([]);
      ws.onmessage = (event) => {
        const frame = JSON.parse(event.data);
        if (!frame.type) replies.shift()?.(frame);
      };
      const ask = (/** @type {string} */ type, /** @type {object} */ data) =>
        new Promise((reply) => {
          replies.push(reply);
          ws.send(JSON.stringify({ type, data }));
        });
      const { conversation_id } = await ask("create_support_conversation", { title: "Long", content: "message 1" });
      const rest = Array.from({ length: Number(count) - 1 }, (_, index) => `message ${index + 2}`);
      await Promise.all(rest.map((content) => ask("send_chat_message", { conversation_id, content })));
      ws.close();
    },
    /** @type {const} */ ([token, count]),
  );
