/** `tariff check`: a tariff in plain words, or why it is none. */
import { readFile } from "node:fs/promises";
import { describeTariff, parseTariff } from "@smarter-metering/tariff";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { onlyOperand } from "./readings-source.ts";

export const tariffCheck: Command = {
  name: "tariff check",
  summary: "Check a tariff file and say in words what it charges.",
  operands: "<tariff.json>",
  options: {},
  async run({ terminal }, args) {
    const path = onlyOperand(args, "a tariff file");
    const tariff = parseTariff(await readJsonFile(path));
    if (terminal.json) terminal.printJson({ tariff });
    else terminal.print(describeTariff(tariff).join("\n"));
    return EXIT.ok;
  },
};

/** Throws FILE_UNREADABLE or FILE_NOT_JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const message = `cannot read ${path}: check the path and its permissions`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CliError("FILE_NOT_JSON", `${path} is not JSON: check commas and quotes`);
  }
}
