/**
 * Finds and loads the native addon, in Node alone (`#platform`): what native/build.mjs compiled on
 * this machine, else the build that the package brings for machines like it. The environment's
 * SMARTER_METERING_ENGINE is `portable` (do not look), `native` (doing without is an error) or unset.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { PaillierError } from "../../errors.ts";
import type { NativeAddon } from "./addon.ts";

/**
 * The addon, and whether doing without is an error; or why there is none: one line for `--version
 * --verbose` and the doctor.
 */
export type Loaded =
  { readonly addon: NativeAddon; readonly required: boolean } | { readonly reason: string };

const require = createRequire(import.meta.url);
/** From src/engine/native and from dist/engine/native alike. */
const folder = fileURLToPath(new URL("../../../native", import.meta.url));

/** `linux-x64`, `linux-arm64-musl`, `darwin-arm64`: the folder of a build under native/prebuilds. */
export function prebuildName(): string {
  const libc = process.platform === "linux" && !hasGlibc() ? "-musl" : "";
  return `${process.platform}-${process.arch}${libc}`;
}

function hasGlibc(): boolean {
  const report: { excludeNetwork?: boolean; getReport(): object } = process.report;
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true; // else it looks up the names of peers
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  return header?.glibcVersionRuntime !== undefined;
}

/** PAILLIER_ENGINE_UNAVAILABLE: the variable has another value, or asks for what is not there. */
export function loadAddon(wanted = process.env["SMARTER_METERING_ENGINE"]): Loaded {
  if (wanted === "portable") return { reason: "SMARTER_METERING_ENGINE is portable" };
  if (wanted !== undefined && wanted !== "native") {
    throw unavailable(
      `SMARTER_METERING_ENGINE is "${wanted}": set portable or native, or unset it`,
    );
  }
  const required = wanted === "native";
  const found = findAddon();
  if (typeof found !== "string") return { addon: found, required };
  if (required) throw unavailable(`SMARTER_METERING_ENGINE is native, but ${found}`);
  return { reason: found };
}

/** The addon, or why there is none. */
function findAddon(): NativeAddon | string {
  const failures: string[] = [];
  for (const place of [() => "build", () => join("prebuilds", prebuildName())]) {
    const path = join(folder, place(), "paillier.node");
    if (!existsSync(path)) continue;
    try {
      return require(path) as NativeAddon; // the build's own interface: addon.ts
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  const none = "no native engine is built (node native/build.mjs says why)";
  return failures.length === 0 ? none : `the native engine does not load: ${failures.join("; ")}`;
}

function unavailable(message: string): PaillierError {
  return new PaillierError("PAILLIER_ENGINE_UNAVAILABLE", message);
}
