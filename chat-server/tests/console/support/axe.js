// The checker of accessibility, on every size and in both colour schemes.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const SIZES = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
];

/**
 * A screen passes the checker, and nothing is wider than the page: light and dark, wide and on a phone.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} screen
 */
export async function check(page, screen) {
  const found = [];
  for (const size of SIZES) {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme });
      await page.evaluate(AXE);
      const rules = { runOnly: RULES };
      const { violations, passes } = await page.evaluate((rules) => /** @type {any} */ (window).axe.run(document, rules), rules);
      assert.ok(passes.length > 10, "axe has looked");
      for (const { id, nodes } of violations) {
        for (const node of nodes) found.push(`${screen}, ${size.width} px, ${colorScheme}: ${id}: ${node.html}: ${node.failureSummary}`);
      }
      const tooWide = await page.evaluate(() => {
        const [width, edge] = [document.documentElement.scrollWidth, innerWidth];
        const isBeyond = (/** @type {DOMRect} */ { left, right }) => right > edge || left < 0;
        const beyond = [...document.querySelectorAll("body *")].filter((one) => isBeyond(one.getBoundingClientRect()));
        return width > edge ? `${width - edge} px too wide: ${beyond.map((one) => `${one.tagName}.${one.className}`)}` : "";
      });
      if (tooWide !== "") found.push(`${screen}, ${size.width} px: ${tooWide}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  assert.deepEqual(found, []);
}
