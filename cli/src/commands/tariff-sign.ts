/** `tariff sign`: a tariff or prices, signed by the deployment's tariff signer; published by nobody yet. */
import { join } from "node:path";
import { signDocument } from "@smarter-metering/protocol";
import {
  parseDynamicPrices,
  parseTariff,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { readJsonFile } from "./json-file.ts";
import { isPrices } from "./price-check.ts";
import { onlyOperand } from "./readings-source.ts";

export const tariffSign: Command = {
  name: "tariff sign",
  summary:
    "Sign a file of a tariff or of prices with the deployment's tariff signer and print it; nothing is published.",
  operands: "<tariff.json or prices.json>",
  options: dirOption,
  async run({ terminal }, args) {
    const document = parseSignable(await readJsonFile(onlyOperand(args, "a tariff file")));
    const jws = await signByTariffSigner(layoutFrom(args), document);
    if (terminal.json) terminal.printJson({ ...nameOf(document), jws });
    else terminal.print(jws);
    return EXIT.ok;
  },
};

/** What a tariff signer signs. */
export type Signable = Tariff | DynamicPrices;

/** Throws TariffError. */
export const parseSignable = (document: unknown): Signable =>
  isPrices(document) ? parseDynamicPrices(document) : parseTariff(document);

/** As JSON answers name it: a tariff, or the series of prices. */
export const nameOf = (document: Signable): { tariff: string } | { prices: string } =>
  "tariff" in document ? { tariff: document.tariff } : { prices: document.prices };

/** A compact JWS. Throws SECRET_FILE or KEYS_FILE_INVALID where the folder has no such key. */
export async function signByTariffSigner(layout: Layout, document: Signable): Promise<string> {
  const { signer } = await loadKeysFile(join(layout.folder("registry"), "tariff-signer-keys.json"));
  return signDocument(document.kind, document, signer);
}
