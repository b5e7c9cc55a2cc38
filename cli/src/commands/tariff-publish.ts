/**
 * `tariff publish`: a tariff into the next registry epoch. Says what changes, refuses what bills could not be made by, asks, and then
 * hands it to the registry, which checks it once more.
 */
import { stdin, stderr } from "node:process";
import { createInterface } from "node:readline/promises";
import { parsePolicy } from "@smarter-metering/policy";
import {
  fromBase64Url,
  fromUtf8,
  parseJson,
  parseMdmsView,
  parseNetworkView,
  registerBankOf,
  toHex,
} from "@smarter-metering/protocol";
import {
  describeTariff,
  describeVersion,
  parseTariff,
  publishFaults,
  type PublishContract,
  type Tariff,
} from "@smarter-metering/tariff";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import type { Layout } from "../deployment/layout.ts";
import { presentMs } from "../serve/clock-file.ts";
import { newestView } from "../serve/registry-access.ts";
import { callApi, withRegistry } from "../serve/reach.ts";
import { adminToken } from "../serve/registry-admin.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { onlyOperand } from "./readings-source.ts";
import { parseJsonText, readTextFile } from "./tariff-check.ts";
import { signTariff } from "./tariff-sign.ts";

const OUTCOMES = {
  known: "is published as it is",
  declined: "nothing was published",
  published: "is published",
} as const;

export const tariffPublish: Command = {
  name: "tariff publish",
  summary: "Publish a tariff, as a file or as signed by tariff sign, in a new registry epoch.",
  operands: "<tariff.json or .jws>",
  options: { ...dirOption, yes: { type: "boolean", text: "publish without being asked" } },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const path = onlyOperand(args, "a tariff file");
    const text = (await readTextFile(path)).trim();
    const isSigned = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text);
    const tariff = parseTariff(isSigned ? payloadOf(text) : parseJsonText(text, path));
    // Whoever is asked here may take his time: the registry serves others meanwhile.
    const outcome = await withRegistry(layout, terminal, async (url) => {
      const current = await publishedTariff(layout, tariff.tariff);
      if (JSON.stringify(current) === JSON.stringify(tariff)) return "known";
      const changes = describeChanges(current, tariff);
      await refuseFaults(layout, current, tariff);
      if (!terminal.json) terminal.print(changes.join("\n"));
      if (!args.flag("yes") && !(await isAgreed())) return "declined";
      const jws = isSigned ? text : await signTariff(layout, tariff);
      await callApi(url, "/v1/tariffs", { token: await adminToken(layout), body: { jws } });
      return "published";
    });
    if (terminal.json) terminal.printJson({ tariff: tariff.tariff, outcome });
    else terminal.print(`tariff ${tariff.tariff}: ${OUTCOMES[outcome]}`);
    return outcome === "declined" ? EXIT.refused : EXIT.ok;
  },
};

/** What a JWS says; the registry verifies who signed it. */
const payloadOf = (jws: string): unknown =>
  parseJson(fromUtf8(fromBase64Url(jws.split(".")[1] ?? "")));

async function publishedTariff(layout: Layout, id: string): Promise<Tariff | undefined> {
  const { tariffs } = parseMdmsView((await newestView(layout, "mdms")).text);
  return tariffs.map((jws) => parseTariff(payloadOf(jws))).find(({ tariff }) => tariff === id);
}

/** Throws the first fault's code, with all of them in words. */
async function refuseFaults(
  layout: Layout,
  current: Tariff | undefined,
  next: Tariff,
): Promise<void> {
  const { document } = parseNetworkView((await newestView(layout, "network")).text);
  const policy = parsePolicy(document.policy);
  const bank = toHex(await registerBankOf(next.calendar));
  const contracts = document.servicePoints
    // Of another tariff with the same calendar perhaps: the network does not know who pays by which.
    .filter(({ registerBank }) => registerBank === bank)
    .map(({ zone, contractStart, intervalSeconds }): PublishContract => {
      return { zone, contractStartSeconds: contractStart, intervalSeconds };
    });
  const faults = publishFaults(current, next, {
    nowSeconds: Math.floor((await presentMs(layout)) / 1000),
    billGrid: policy.billGrid,
    windowDaysMin: policy.billWindowDaysMin,
    bandIntervalsMin: policy.bandIntervalsMin,
    contracts,
  });
  const [first] = faults;
  if (first === undefined) return;
  throw new CliError(first.code, faults.map(({ message }) => message).join("; "), EXIT.refused);
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
