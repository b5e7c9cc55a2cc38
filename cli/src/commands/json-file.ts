/** Files that an operator names on the command line: text, and JSON. */
import { readFile } from "node:fs/promises";
import { CliError, EXIT } from "../cli-error.ts";

/** Throws FILE_UNREADABLE or FILE_NOT_JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJsonText(await readTextFile(path), path);
}

/** Throws FILE_UNREADABLE. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const message = `cannot read ${path}: check the path and its permissions`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
}

/** Throws FILE_NOT_JSON. */
export function parseJsonText(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CliError("FILE_NOT_JSON", `${path} is not JSON: check commas and quotes`);
  }
}
