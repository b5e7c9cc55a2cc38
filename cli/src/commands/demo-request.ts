/** The options that describe a demonstration's households and policy; shared by `demo` and `init`. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UNITS } from "@smarter-metering/readings";
import { parseTariff, TariffError, type Tariff } from "@smarter-metering/tariff";
import { CliError, usageError } from "../cli-error.ts";
import type { Arguments, Option } from "../command.ts";
import type { DemoRequest } from "../demo/prepare.ts";
import { readJsonFile } from "./json-file.ts";
import { quorumOf, trusteesOption } from "./quorum-option.ts";
import { readPrices } from "./tariff-check-prices.ts";

const START_DATE = "2026-10-01";
const SEED = "demo";
const KEY_BITS = 3072;
/** A_max of the protocol: the largest set that is decrypted as one. */
const HOUSEHOLDS_MAX = 100_000;

export const demoOptions: Readonly<Record<string, Option>> = {
  data: {
    type: "string",
    value: "<file or folder>",
    text: "your own readings instead of made-up ones",
  },
  unit: {
    type: "string",
    value: "<kW|W|kWh|Wh|mWh>",
    text: "unit of the values, if no header says",
  },
  zone: { type: "string", value: "<IANA zone>", text: "zone of the neighbourhood (Europe/Zurich)" },
  tariff: {
    type: "string",
    value: "<tariff.json>",
    text: "your own tariff instead of a made-up one",
  },
  prices: {
    type: "string",
    value: "<prices.json>",
    multiple: true,
    text: "what its cost counts by; once for each document",
  },
  strict: { type: "boolean", text: "stop at the first bad row instead of counting it" },
  households: { type: "string", value: "<n>", text: "households (240, or all of the file)" },
  days: { type: "string", value: "<n>", text: "local days (31, or all of the file)" },
  interval: { type: "string", value: "<seconds>", text: "the meters' own interval (900)" },
  customers: { type: "string", value: "<n>", text: "portal accounts made at once (12)" },
  "min-contributors": { type: "string", value: "<k>", text: "k of the release policy (100)" },
  "unsafe-policy": {
    type: "boolean",
    text: "allow a policy below the floors; signed into every release",
  },
  profile: {
    type: "string",
    value: "<pes-encrypts|meter-encrypts>",
    text: "who encrypts: an opener (pes-encrypts), or the meters and nobody else",
  },
  trustees: trusteesOption,
  seed: { type: "string", value: "<text>", text: "names the made-up neighbourhood" },
  dir: { type: "string", value: "<folder>", text: "where to keep everything (a temporary folder)" },
};

export async function demoRequestOf(
  args: Arguments,
  clock: DemoRequest["clock"],
): Promise<DemoRequest> {
  const path = args.text("data");
  const unit = args.oneOf("unit", UNITS);
  const profile = args.oneOf("profile", ["pes-encrypts", "meter-encrypts"]) ?? "pes-encrypts";
  const integer = (name: string, min: number, max: number): number | undefined =>
    args.integer(name, undefined, { min, max });
  const file =
    path === undefined
      ? undefined
      : {
          path: resolve(path),
          ...(unit === undefined ? {} : { unit }),
          strict: args.flag("strict"),
        };
  return {
    root: resolve(args.text("dir") ?? (await mkdtemp(join(tmpdir(), "smarter-metering-")))),
    clock,
    file,
    ...(await pricedBy(args)),
    zone: args.text("zone"),
    households: integer("households", 1, HOUSEHOLDS_MAX),
    days: integer("days", 1, 400),
    intervalSeconds: integer("interval", 60, 1800),
    customers: integer("customers", 0, HOUSEHOLDS_MAX),
    contributorsMin: integer("min-contributors", 1, 1_000_000),
    unsafePolicy: args.flag("unsafe-policy"),
    profile,
    startDate: START_DATE,
    seed: args.text("seed") ?? SEED,
    keyBits: KEY_BITS,
    quorum: quorumOf(args),
  };
}

/** Throws CLI_USAGE, FILE_UNREADABLE, FILE_NOT_JSON, PRICES_FOREIGN, TariffError. */
async function pricedBy(args: Arguments): Promise<Pick<DemoRequest, "tariff" | "prices">> {
  const path = args.text("tariff");
  const tariff = path === undefined ? undefined : tariffIn(await readJsonFile(path), path);
  const cost = tariff?.calendar.cost;
  const isGiven = args.texts("prices").length > 0;
  if (isGiven && cost === undefined)
    throw usageError("--prices goes with a --tariff that has a cost");
  if (tariff === undefined || cost === undefined) return { tariff, prices: [] };
  if (!isGiven)
    throw usageError(`tariff ${tariff.tariff} has a cost: give its prices with --prices`);
  return { tariff, prices: await readPrices({ ...cost, currency: tariff.currency }, args) };
}

function tariffIn(document: unknown, path: string): Tariff {
  try {
    return parseTariff(document);
  } catch (cause) {
    if (!(cause instanceof TariffError)) throw cause;
    throw new CliError(cause.code, `${path}: ${cause.message}`, undefined, cause);
  }
}
