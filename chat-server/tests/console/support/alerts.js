// A page that counts its tones, vibrations and notifications, and whose connection a test can cut.

/** @typedef {import("playwright-core").Page} Page */

/** For `addInitScript`: counts, and keeps the socket. */
export function countAlerts() {
  const create = AudioContext.prototype.createOscillator;
  const Real = WebSocket;
  /** @type {{ title: string, body: string, isClosed: boolean }[]} */
  const notices = [];
  Object.assign(window, { tones: 0, vibrations: 0, notices, isCut: false });
  AudioContext.prototype.createOscillator = function () {
    /** @type {any} */ (window).tones += 1;
    return create.call(this);
  };
  Object.defineProperty(navigator, "vibrate", { value: () => ((/** @type {any} */ (window).vibrations += 1), true) });
  class Notice {
    static permission = "granted";
    isClosed = false;
    /** @param {string} title @param {{ body: string }} options */
    constructor(title, { body }) {
      this.title = title;
      this.body = body;
      notices.push(this);
    }
    close() {
      this.isClosed = true;
    }
  }
  class Socket extends Real {
    /** @param {string} url @param {string[]} protocols */
    constructor(url, protocols) {
      if (/** @type {any} */ (window).isCut) throw new Error("the test has cut the connection");
      super(url, protocols);
      Object.assign(window, { socket: this });
    }
  }
  Object.assign(window, { Notification: Notice, WebSocket: Socket });
}

/** Ends the page's connection, and prevents or allows another one. @param {Page} page @param {boolean} isCut */
export async function cut(page, isCut) {
  await page.evaluate((isCut) => {
    const { socket } = Object.assign(/** @type {any} */ (window), { isCut });
    if (isCut) socket.close();
    else dispatchEvent(new Event("online"));
  }, isCut);
  await page.locator(isCut ? ".state:not([data-state='live'])" : ".state[data-state='live']").waitFor();
}

/** The page behaves as if another one were in front of it. @param {Page} page */
export const lookAway = (page) => page.evaluate(() => Object.assign(document, { hasFocus: () => false }));

/** The counts of a page. @param {Page} page @returns {Promise<{ tones: number, vibrations: number, notices: { title: string, body: string, isClosed: boolean }[] }>} */
export const alerts = (page) =>
  page.evaluate(() => {
    const { tones, vibrations, notices } = /** @type {any} */ (window);
    return { tones, vibrations, notices: notices.map((/** @type {any} */ { title, body, isClosed }) => ({ title, body, isClosed })) };
  });

/** Waits for at least as many tones. @param {Page} page @param {number} count */
export const tones = (page, count) => page.waitForFunction((count) => /** @type {any} */ (window).tones >= count, count);
