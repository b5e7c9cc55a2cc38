/**
 * `tariff publish`: a tariff or prices into the next registry epoch. Says what changes, refuses what bills could not be made by, asks, and then
 * hands it to the registry, which checks it once more.
 */
import { stdin, stderr } from "node:process";
import { createInterface } from "node:readline/promises";
import { parsePolicy } from "@smarter-metering/policy";
import {
  fromBase64Url,
  fromUtf8,
  parseJson,
  mdmsReader,
  networkReader,
  registerBankOf,
  toHex,
  unverifiedDocument,
} from "@smarter-metering/protocol";
import {
  describeTariff,
  describeVersion,
  parseDynamicPrices,
  parseTariff,
  publishFaults,
  publishNotes,
  type DynamicPrices,
  type PublishContract,
  type PublishTerms,
  type Tariff,
} from "@smarter-metering/tariff";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import type { Layout } from "../deployment/layout.ts";
import { presentMs } from "../serve/clock-file.ts";
import { newestHead, newestView } from "../serve/registry-access.ts";
import { callApi, withRegistry } from "../serve/reach.ts";
import { adminToken } from "../serve/registry-admin.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { parseJsonText, readTextFile } from "./json-file.ts";
import { describePrices } from "./price-check.ts";
import { onlyOperand } from "./readings-source.ts";
import { nameOf, parseSignable, signByTariffSigner } from "./tariff-sign.ts";

const OUTCOMES = {
  known: "published as it is",
  declined: "nothing was published",
  published: "published",
} as const;

export const tariffPublish: Command = {
  name: "tariff publish",
  summary:
    "Publish a tariff or prices, as a file or as signed by tariff sign, in a new registry epoch.",
  operands: "<tariff.json, prices.json or .jws>",
  options: { ...dirOption, yes: { type: "boolean", text: "publish without being asked" } },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const path = onlyOperand(args, "a tariff file");
    const text = (await readTextFile(path)).trim();
    const isSigned = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text);
    const document = parseSignable(isSigned ? payloadOf(text) : parseJsonText(text, path));
    // Whoever is asked here may take his time: the registry serves others meanwhile.
    const outcome = await withRegistry(layout, terminal, async (door) => {
      const changes = await ("tariff" in document
        ? tariffChanges(layout, document)
        : priceChanges(layout, document));
      if (changes === undefined) return "known";
      if (!terminal.json) terminal.print(changes.join("\n"));
      if (!args.flag("yes") && !(await isAgreed())) return "declined";
      const jws = isSigned ? text : await signByTariffSigner(layout, document);
      const address = "tariff" in document ? "/v1/tariffs" : "/v1/prices";
      await callApi(door, address, { token: await adminToken(layout), body: { jws } });
      return "published";
    });
    const name = nameOf(document);
    if (terminal.json) terminal.printJson({ ...name, outcome });
    else terminal.print(`${Object.entries(name).flat().join(" ")}: ${OUTCOMES[outcome]}`);
    return outcome === "declined" ? EXIT.refused : EXIT.ok;
  },
};

/** In words; undefined when it is published as it is. Throws the first fault's code, with all of them in words. */
async function tariffChanges(layout: Layout, next: Tariff): Promise<string[] | undefined> {
  const current = await publishedTariff(layout, next.tariff);
  if (JSON.stringify(current) === JSON.stringify(next)) return undefined;
  const changes = describeChanges(current, next);
  const terms = await publishTerms(layout, next);
  const faults = publishFaults(current, next, terms);
  const [first] = faults;
  if (first !== undefined) {
    throw new CliError(first.code, faults.map(({ message }) => message).join("; "), EXIT.refused);
  }
  return [...changes, ...publishNotes(current, next, terms)];
}

/** The same of prices, of which the registry alone knows whether they follow the last ones. */
async function priceChanges(layout: Layout, next: DynamicPrices): Promise<string[] | undefined> {
  const { prices = [] } = (await newestView(layout, mdmsReader)).view;
  const known = prices.map((jws) => parseDynamicPrices(unverifiedDocument(next.kind, jws)));
  const isKnown = known.some((document) => JSON.stringify(document) === JSON.stringify(next));
  return isKnown ? undefined : describePrices(next);
}

/** What a JWS says; the registry verifies who signed it. */
const payloadOf = (jws: string): unknown =>
  parseJson(fromUtf8(fromBase64Url(jws.split(".")[1] ?? "")));

async function publishedTariff(layout: Layout, id: string): Promise<Tariff | undefined> {
  const { tariffs } = (await newestHead(layout, mdmsReader)).view;
  return tariffs.map((jws) => parseTariff(payloadOf(jws))).find(({ tariff }) => tariff === id);
}

/** The policy in force, and the contracts whose registers are those of `next`. */
async function publishTerms(layout: Layout, next: Tariff): Promise<PublishTerms> {
  const { document } = (await newestView(layout, networkReader)).view;
  const policy = parsePolicy(document.policy);
  const bank = toHex(await registerBankOf(next.calendar));
  const contracts = document.servicePoints
    // Of another tariff with the same calendar perhaps: the network does not know who pays by which.
    .filter(({ registerBank }) => registerBank === bank)
    .map(({ zone, contractStart, intervalSeconds }): PublishContract => {
      return { zone, contractStartSeconds: contractStart, intervalSeconds };
    });
  return {
    nowSeconds: Math.floor((await presentMs(layout)) / 1000),
    billGrid: policy.billGrid,
    windowDaysMin: policy.billWindowDaysMin,
    bandIntervalsMin: policy.bandIntervalsMin,
    contracts,
  };
}

/**
 * One sentence for each version that is new; all of a tariff that nobody has yet. Throws
 * REGISTRY_TARIFF_INVALID, as the registry would, when anything else differs.
 */
function describeChanges(current: Tariff | undefined, next: Tariff): string[] {
  if (current === undefined) return ["A new tariff.", ...describeTariff(next)];
  const known = new Set(current.versions.map(({ version }) => version));
  const kept = next.versions.slice(0, known.size);
  if (JSON.stringify({ ...next, versions: kept }) !== JSON.stringify(current)) {
    const message = `tariff ${next.tariff}: a newer document adds versions and changes nothing else`;
    throw new CliError("REGISTRY_TARIFF_INVALID", message, EXIT.refused);
  }
  return next.versions.flatMap((version, index) => {
    if (known.has(version.version)) return [];
    const before = next.versions[index - 1];
    const old = before === undefined ? [] : describeVersion(next, before);
    const terms = describeVersion(next, version);
    const fresh = terms.filter((term) => !old.includes(term));
    const gone = old.filter((term) => !terms.includes(term));
    const changes = [
      fresh.length > 0 ? fresh.join("; ") : "nothing new",
      ...(gone.length > 0 ? [`no longer ${gone.join("; ")}`] : []),
    ];
    return [`Version ${version.version}, from ${version.validFrom}: ${changes.join(". ")}.`];
  });
}

async function isAgreed(): Promise<boolean> {
  if (!stdin.isTTY) throw usageError("nobody can be asked here; say --yes");
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question("Publish? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}
