// A client in a page that knows the protocol document and nothing of the console.

/** @typedef {Window & { ask: (type: string, data: object) => Promise<any>, hangUp: () => void }} Asking */

/**
 * Connects a page by a WebSocket of its own. In the page, `ask` sends a request and gives the reply,
 * and `hangUp` ends the connection.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} token
 */
export const connect = (page, token) =>
  page.evaluate(async (token) => {
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
    Object.assign(window, { ask, hangUp: () => ws.close() });
  }, token);
