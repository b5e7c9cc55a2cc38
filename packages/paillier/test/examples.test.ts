/** README.md as it is: its examples run and print what it says, and its reference names every export. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import * as exported from "../src/index.ts";

const folder = new URL("..", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, folder), "utf8");
const readme = read("README.md");

const examples = [
  { name: "quick-start", prints: "42n" },
  { name: "load-curve", prints: "100 homes, 96 quarters, first 24650 Wh" },
  { name: "costs", prints: "20125 46200 29475" },
];

test("the examples run and print what they should", { timeout: 120_000 }, async () => {
  const run = promisify(execFile);
  const printed = await Promise.all(
    examples.map(async ({ name }) => {
      const script = fileURLToPath(new URL(`examples/${name}.mjs`, folder));
      const { stdout } = await run(process.execPath, ["--import", "tsx", script]);
      return stdout.trim();
    }),
  );
  assert.deepEqual(
    printed,
    examples.map(({ prints }) => prints),
  );
});

test("code in README.md is code of the examples", () => {
  const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
  const files = examples.map(({ name }) => read(`examples/${name}.mjs`));
  assert.equal(blocks.length, 2);
  for (const block of blocks)
    assert.ok(
      files.some((file) => file.includes(block)),
      block,
    );
});

test("README.md names every export, with its backticks", () => {
  const types = [...read("src/index.ts").matchAll(/\btype (?:\{ )?([A-Z]\w+)/g)].map(
    ([, name = ""]) => name,
  );
  assert.ok(types.length > 20);
  const prose = readme.replaceAll(/```[\s\S]*?```/g, "");
  const words = new Set(
    [...prose.matchAll(/`([^`]+)`/g)].flatMap(([, code = ""]) => code.match(/\w+/g) ?? []),
  );
  const missing = [...Object.keys(exported), ...types].filter((name) => !words.has(name));
  assert.deepEqual(missing, []);
});
