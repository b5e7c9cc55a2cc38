/** `--version`, and with `--verbose` what this installation computes with. */
import { readFile } from "node:fs/promises";
import { createPortableEngine } from "@smarter-metering/paillier";

export async function versionLines(verbose: boolean): Promise<string[]> {
  const file = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  if (!verbose) return [version];
  const engine = createPortableEngine({ threads: 0 });
  const lines = [
    `smarter-metering ${version}`,
    `engine ${engine.name}`,
    `node ${process.version} ${process.platform} ${process.arch}`,
  ];
  await engine.close();
  return lines;
}
