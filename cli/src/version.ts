/** `--version`, and with `--verbose` what this installation computes with. */
import { readFile } from "node:fs/promises";
import { engineInUse } from "./serve/party-engine.ts";

export async function programVersion(): Promise<string> {
  const file = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  return version;
}

export async function versionLines(verbose: boolean): Promise<string[]> {
  const version = await programVersion();
  if (!verbose) return [version];
  const { name, whyPortable } = await engineInUse();
  return [
    `smarter-metering ${version}`,
    `engine ${name}${whyPortable === undefined ? "" : `: ${whyPortable}`}`,
    `node ${process.version} ${process.platform} ${process.arch}`,
  ];
}
