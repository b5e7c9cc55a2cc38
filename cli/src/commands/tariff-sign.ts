/** `tariff sign`: a tariff, signed by the deployment's tariff signer; published by nobody yet. */
import { join } from "node:path";
import { signDocument } from "@smarter-metering/protocol";
import { parseTariff, type Tariff } from "@smarter-metering/tariff";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { onlyOperand } from "./readings-source.ts";
import { readJsonFile } from "./tariff-check.ts";

export const tariffSign: Command = {
  name: "tariff sign",
  summary:
    "Sign a tariff file with the deployment's tariff signer and print it; nothing is published.",
  operands: "<tariff.json>",
  options: dirOption,
  async run({ terminal }, args) {
    const tariff = parseTariff(await readJsonFile(onlyOperand(args, "a tariff file")));
    const jws = await signTariff(layoutFrom(args), tariff);
    if (terminal.json) terminal.printJson({ tariff: tariff.tariff, jws });
    else terminal.print(jws);
    return EXIT.ok;
  },
};

/** A compact JWS. Throws SECRET_FILE or KEYS_FILE_INVALID where the folder has no such key. */
export async function signTariff(layout: Layout, tariff: Tariff): Promise<string> {
  const { signer } = await loadKeysFile(join(layout.folder("registry"), "tariff-signer-keys.json"));
  return signDocument("smarter-metering/tariff", tariff, signer);
}
