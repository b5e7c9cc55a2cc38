/**
 * The addon under test: what the package would load, or the build that SMARTER_METERING_TEST_ADDON
 * names (scripts/sanitizers.ts). Without one, tests of the native engine do not exist, and one line
 * says so; SMARTER_METERING_ENGINE=native makes that an error.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";

import type { NativeAddon } from "../src/engine/native/addon.ts";
import { loadAddon, prebuildName } from "../src/engine/native/load.ts";

export type AddonUnderTest = {
  readonly addon: NativeAddon;
  /** For `require` in other processes and threads. */
  readonly path: string;
};

export function findAddonUnderTest(): AddonUnderTest | undefined {
  const named = process.env["SMARTER_METERING_TEST_ADDON"];
  if (named !== undefined) {
    const addon = createRequire(import.meta.url)(named) as NativeAddon;
    return { addon, path: named };
  }
  const loaded = loadAddon();
  if ("reason" in loaded) {
    process.stderr.write(`NOT TESTED, the native Paillier engine: ${loaded.reason}\n`);
    return undefined;
  }
  const built = ["build", `prebuilds/${prebuildName()}`]
    .map((folder) => fileURLToPath(new URL(`../native/${folder}/paillier.node`, import.meta.url)))
    .find((path) => existsSync(path));
  return built === undefined ? undefined : { addon: loaded.addon, path: built };
}
