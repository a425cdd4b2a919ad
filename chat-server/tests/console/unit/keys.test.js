// The keys of the control room.

import assert from "node:assert/strict";
import { test } from "node:test";
import { commandOf } from "../../../console/view/keys.js";

/** @param {string} key @param {object} [more] */
const press = (key, more) => commandOf({ key, ctrlKey: false, altKey: false, metaKey: false, repeat: false, ...more });

test("each key has one command, and none with a modifier", () => {
  const keys = ["j", "k", "t", "r", "m", "o", "1", "2", "3", "4", "?"];
  const commands = ["next", "previous", "take", "resolve", "write", "order", "waiting", "mine", "others", "resolved", "help"];
  assert.deepEqual(keys.map((key) => press(key)), commands);
  for (const modifier of ["ctrlKey", "altKey", "metaKey"]) assert.deepEqual(keys.map((key) => press(key, { [modifier]: true })), keys.map(() => null));
  assert.deepEqual(["x", "T", "Enter", "5"].map((key) => press(key)), [null, null, null, null]);
});

test("a key that is held down walks through the list alone", () => {
  assert.deepEqual(["j", "k", "t", "r", "?"].map((key) => press(key, { repeat: true })), ["next", "previous", null, null, null]);
});
