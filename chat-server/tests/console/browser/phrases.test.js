// Ready texts of the operator: shown by role and language.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { browser, open, shows, signIn } from "../support/browser.js";
import { Server } from "../support/server.js";

const FILE = `
language = "en"

[[phrase]]
id = "ice"
kind = "request"
roles = ["BUS_DRIVER"]
text.en = { title = "Ice", content = "The road is icy." }
text.de = { title = "Glatteis", content = "Die Straße ist glatt." }

[[phrase]]
id = "stopped"
kind = "answer"
roles = ["BUS_DRIVER"]
text.en = { title = "Stopped", content = "I have stopped." }

[[phrase]]
id = "gritting"
kind = "reply"
roles = ["CONTROL_STAFF"]
text.en = { title = "Gritting", content = "The gritting service is on its way." }
`;

test("the operator's texts take the place of the console's own", async (t) => {
  const server = await Server.start(t);
  await server.kill();
  const path = join(server.directory, "phrases.toml");
  await writeFile(path, FILE);
  await server.start("--phrases", path);
  const driver = await signIn(await browser(t), server, await server.token("john", "BUS_DRIVER", "John", "Doe"));
  const control = await signIn(await browser(t), server, await server.token("jane", "CONTROL_STAFF", "Jane", "Smith"));
  const help = driver.getByRole("dialog");
  await driver.getByRole("button", { name: "Get help" }).click();
  await help.getByRole("button", { name: "Ice The road is icy." }).waitFor();
  assert.equal(await help.getByRole("button", { name: "Breakdown" }).count(), 0);
  assert.equal(await help.getByRole("button", { name: "Emergency" }).count(), 1, "an emergency needs no text of the operator");
  await help.getByRole("button", { name: "Ice" }).click();
  await open(control, "Ice");
  await control.getByRole("button", { name: "Gritting" }).click();
  await shows(driver, ["The road is icy.", "The gritting service is on its way."]);
  await driver.getByRole("button", { name: "Stopped", exact: true }).click();
  await shows(control, ["The road is icy.", "The gritting service is on its way.", "I have stopped."]);

  await driver.getByRole("button", { name: "Get help" }).click();
  await help.getByRole("button", { name: "Deutsch" }).click();
  await driver.getByRole("button", { name: "Hilfe holen" }).click();
  await help.getByRole("button", { name: "Glatteis" }).waitFor();
});
