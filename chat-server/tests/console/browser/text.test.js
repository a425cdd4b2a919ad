// Messages are shown as text, even if they look like HTML.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, say, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

const MARKUP = `<img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script><b>&amp;</b>`;
const ODD = "\u202eright to left\n\n\tand a tab  and  spaces, 👩‍🚒, &lt;, ${x}, javascript:alert(1)";

test("markup in messages, titles and names stays text", async (t) => {
  const server = await Server.start(t);
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "<i>John</i>", MARKUP));
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "<u>Jane</u>", "Smith"));
  await driver.getByRole("button", { name: "Get help" }).click();
  await driver.getByLabel("In your own words").fill(MARKUP);
  await driver.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  await control.getByRole("navigation", { name: "Conversations" }).getByText("<i>John</i>").waitFor();
  await open(control, "<img");
  await say(control, ODD);
  await say(control, MARKUP);
  for (const page of [driver, control]) {
    await shows(page, [MARKUP, ODD, MARKUP]);
    assert.equal(await page.locator("img, script:not([src]), i, u, b").count(), 0);
    assert.ok(!(await page.title()).includes("pwned"));
  }
  await control.getByText(`<i>John</i> ${MARKUP}`).first().waitFor();
});
