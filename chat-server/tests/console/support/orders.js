// Orders, given by control and answered on the screen of a driver.

/** @typedef {import("playwright-core").Page} Page */

/**
 * Gives an order in the open conversation.
 *
 * @param {Page} page of control
 * @param {string} text
 * @param {{ answers?: "Understood" | "Yes or No" | string[], within?: string }} [settings]
 */
export async function give(page, text, { answers = "Understood", within = "5 min" } = {}) {
  await page.getByRole("button", { name: "Order…" }).click();
  const dialog = page.getByRole("dialog", { name: "Give an order" });
  await dialog.getByLabel("What to do").fill(text);
  await dialog.getByLabel(typeof answers === "string" ? answers : "Own answers", { exact: true }).check();
  if (typeof answers !== "string") for (const [place, answer] of answers.entries()) await dialog.getByLabel(`Own answer ${place + 1}`).fill(answer);
  await dialog.getByLabel("Time to answer").selectOption({ label: within });
  await dialog.getByRole("button", { name: "Give the order" }).click();
}

/** The order that fills a screen. @param {Page} page */
export const screen = (page) => page.locator(".order-screen[open]");

/** Answers the order on the screen. @param {Page} page @param {string} answer */
export const answer = (page, answer) => screen(page).getByRole("group", { name: "Answers" }).getByRole("button", { name: answer, exact: true }).click();

/** The order below a message. @param {Page} page @param {string} text */
export const part = (page, text) => page.locator(".line", { hasText: text }).locator(".order");

/** Waits until the order below a message says this of one person. @param {Page} page @param {string} text @param {string | RegExp} words */
export const says = (page, text, words) => part(page, text).locator("li", { hasText: words }).waitFor();
