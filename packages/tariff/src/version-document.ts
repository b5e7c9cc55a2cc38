// Strict reading of one version of a tariff from JSON (docs/protocol.md: statements). Runs wherever
// a tariff is read. What a document leaves out stays out: versions are compared as JSON.

import {
  readDistinct,
  readInteger,
  readList,
  readObject,
  readText,
  readTitle,
} from "./document.ts";
import { TariffError } from "./error.ts";
import type { Credit, Tax, TaxBase, Tiers, TierStep, TariffVersion } from "./tariff.ts";
import { parseDate } from "./zone.ts";

const priceMicroMax = 1_000_000_000_000;
const basisPointsMax = 10_000;
const tiersMax = 8;
/** 10^6 MWh in 30 days. */
const thresholdMilliwattHoursMax = 1_000_000_000_000_000;
const taxesMax = 16;
const creditsMax = 16;

const taxBases: readonly TaxBase[] = ["energy", "standing", "levies"];

function readPrice(value: unknown, path: string): number {
  return readInteger(value, path, 0, priceMicroMax);
}

function parseStep(value: unknown, path: string, isLast: boolean): TierStep {
  const keys = ["priceMicroPerKilowattHour"] as const;
  const step = readObject(value, path, keys, isLast ? [] : ["upTo_mWh"]);
  const price = readPrice(step.priceMicroPerKilowattHour, `${path}.priceMicroPerKilowattHour`);
  if (isLast) return { priceMicroPerKilowattHour: price };
  const upTo = readInteger(step.upTo_mWh, `${path}.upTo_mWh`, 1, thresholdMilliwattHoursMax);
  return { upTo_mWh: upTo, priceMicroPerKilowattHour: price };
}

function parseTiers(value: unknown, path: string): Tiers {
  const tiers = readObject(value, path, ["thresholdDays", "steps"]);
  const { thresholdDays } = tiers;
  if (thresholdDays !== 1 && thresholdDays !== 30) {
    throw new TariffError("TARIFF_OUT_OF_RANGE", "expected 1 or 30", `${path}.thresholdDays`);
  }
  const list = readList(tiers.steps, `${path}.steps`, 1, tiersMax);
  const steps = list.map((step, index) =>
    parseStep(step, `${path}.steps[${index}]`, index === list.length - 1),
  );
  for (const [index, { upTo_mWh: upTo }] of steps.entries()) {
    const before = steps[index - 1]?.upTo_mWh ?? 0;
    if (upTo === undefined || upTo > before) continue;
    const message = `a tier ends above the one before, at more than ${before}`;
    throw new TariffError("TARIFF_OUT_OF_RANGE", message, `${path}.steps[${index}].upTo_mWh`);
  }
  return { thresholdDays, steps };
}

const has = (value: unknown, key: string): boolean =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key);

function readBase(value: unknown, path: string): TaxBase {
  const base = taxBases.find((known) => known === value);
  if (base !== undefined) return base;
  throw new TariffError("TARIFF_MALFORMED", `expected one of ${taxBases.join(", ")}`, path);
}

function parseTax(value: unknown, path: string): Tax {
  if (has(value, "microPerKilowattHour")) {
    const levy = readObject(value, path, ["name", "microPerKilowattHour"]);
    return {
      name: readTitle(levy.name, `${path}.name`),
      microPerKilowattHour: readPrice(levy.microPerKilowattHour, `${path}.microPerKilowattHour`),
    };
  }
  const tax = readObject(value, path, ["name", "basisPoints", "on"]);
  const on = readList(tax.on, `${path}.on`, 1, taxBases.length).map((base, index) =>
    readBase(base, `${path}.on[${index}]`),
  );
  return {
    name: readTitle(tax.name, `${path}.name`),
    basisPoints: readInteger(tax.basisPoints, `${path}.basisPoints`, 0, basisPointsMax),
    on: readDistinct(on, `${path}.on`),
  };
}

function parseCredit(value: unknown, path: string): Credit {
  const unit = has(value, "microPerBill") ? "microPerBill" : "microPerDay";
  const credit: Readonly<Record<string, unknown>> = readObject(value, path, ["name", unit]);
  const name = readTitle(credit["name"], `${path}.name`);
  const micro = readPrice(credit[unit], `${path}.${unit}`);
  return unit === "microPerBill" ? { name, microPerBill: micro } : { name, microPerDay: micro };
}

/** A list of named entries, each name once: a bill tells them apart by it. */
function readNamed<T extends { readonly name: string }>(
  value: unknown,
  path: string,
  countMax: number,
  parse: (entry: unknown, path: string) => T,
): readonly T[] {
  const entries = readList(value, path, 1, countMax).map((entry, index) =>
    parse(entry, `${path}[${index}]`),
  );
  readDistinct(
    entries.map(({ name }) => name),
    path,
  );
  return entries;
}

const simpleKeys = [
  "version",
  "validFrom",
  "pricesMicroPerKilowattHour",
  "feedInMicroPerKilowattHour",
  "standingChargeMicroPerDay",
  "taxBasisPoints",
] as const;
const laterKeys = [
  "standingChargeMicroPerMonth",
  "minimumChargeMicroPerDay",
  "tiers",
  "taxes",
  "credits",
  "costFallbackMicroPerKilowattHour",
] as const;

/** Reads a version over `bands`. Throws TariffError, see `parseTariff`. */
export function parseVersion(
  value: unknown,
  path: string,
  bands: readonly string[],
): TariffVersion {
  const document = readObject(value, path, simpleKeys, laterKeys);
  const price = (key: keyof typeof document): number => readPrice(document[key], `${path}.${key}`);
  const pricesPath = `${path}.pricesMicroPerKilowattHour`;
  const prices = readObject(document.pricesMicroPerKilowattHour, pricesPath, bands);
  const validFrom = readText(document.validFrom, `${path}.validFrom`, /^/, "a date");
  const taxPath = `${path}.taxBasisPoints`;
  const { tiers, taxes, credits } = document;
  return {
    version: readInteger(document.version, `${path}.version`, 1, Number.MAX_SAFE_INTEGER),
    validFrom: parseDate(validFrom, `${path}.validFrom`),
    pricesMicroPerKilowattHour: Object.fromEntries(
      bands.map((band) => [band, readPrice(prices[band], `${pricesPath}.${band}`)]),
    ),
    feedInMicroPerKilowattHour: price("feedInMicroPerKilowattHour"),
    standingChargeMicroPerDay: price("standingChargeMicroPerDay"),
    taxBasisPoints: readInteger(document.taxBasisPoints, taxPath, 0, basisPointsMax),
    ...(document.standingChargeMicroPerMonth !== undefined && {
      standingChargeMicroPerMonth: price("standingChargeMicroPerMonth"),
    }),
    ...(document.minimumChargeMicroPerDay !== undefined && {
      minimumChargeMicroPerDay: price("minimumChargeMicroPerDay"),
    }),
    ...(tiers !== undefined && { tiers: parseTiers(tiers, `${path}.tiers`) }),
    ...(taxes !== undefined && { taxes: readNamed(taxes, `${path}.taxes`, taxesMax, parseTax) }),
    ...(credits !== undefined && {
      credits: readNamed(credits, `${path}.credits`, creditsMax, parseCredit),
    }),
    ...(document.costFallbackMicroPerKilowattHour !== undefined && {
      costFallbackMicroPerKilowattHour: price("costFallbackMicroPerKilowattHour"),
    }),
  };
}
