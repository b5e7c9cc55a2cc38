// Prices that are known only for their time, such as those of the day-ahead market, or only after it:
// documents of one price for each interval, which follow one another. docs/protocol.md: cost registers.
// Public; read by meter, trustee, MDMS and customer alike.

import { namePattern, readInteger, readList, readObject, readText } from "./document.ts";
import { TariffError } from "./error.ts";

/** What all documents of a series have in common, and the calendar of every tariff that is priced by it. */
export interface CostTerms {
  /** Id of the series. */
  readonly prices: string;
  readonly stepSeconds: 900 | 3600;
  /** A power of ten, 1 to 10^6; the floor and every price are multiples of it. */
  readonly priceStepMicro: number;
  /** At most every price; 0 where none is negative. Below every price that is known afterwards. */
  readonly floorMicroPerKilowattHour: number;
  /**
   * Prices that are published after their time: no register counts them, they are applied to the
   * ciphertext of each step. Absent: published before.
   */
  readonly known?: "afterwards";
}

/** Signed elsewhere. Prices are in 10^-6 currency units per kWh. */
export interface DynamicPrices extends CostTerms {
  readonly kind: "smarter-metering/prices";
  /** ISO 4217. */
  readonly currency: string;
  readonly startSeconds: number;
  /** One for each step from `startSeconds` on. */
  readonly pricesMicroPerKilowattHour: readonly number[];
}

/** A year of quarters, and the day that a document may run over. */
const pricesMax = 366 * 96;
const priceMicroMax = 1_000_000_000_000;
const priceStepMicroMax = 1_000_000;
/** In the order in which a calendar writes them. */
export const costTermKeys = [
  "prices",
  "stepSeconds",
  "priceStepMicro",
  "floorMicroPerKilowattHour",
] as const;
/** What a calendar does not write has no place in its hash. */
export const costTermKeysOptional = ["known"] as const;
const startSecondsMax = 253_402_300_799;

function readMultiple(value: unknown, path: string, step: number): number {
  const price = readInteger(value, path, -priceMicroMax, priceMicroMax);
  if (price % step === 0) return price;
  throw new TariffError("TARIFF_OUT_OF_RANGE", `${price} is no multiple of ${step}`, path);
}

/** The fields that a calendar names, from an object that has them. Throws as `parseDynamicPrices`. */
export function readCostTerms(
  document: Readonly<Record<(typeof costTermKeys)[number], unknown> & { known?: unknown }>,
  path = "",
): CostTerms {
  const at = (key: keyof CostTerms): string => (path === "" ? key : `${path}.${key}`);
  const { stepSeconds, known } = document;
  if (known !== undefined && known !== "afterwards") {
    throw new TariffError("TARIFF_MALFORMED", 'expected "afterwards", or no such key', at("known"));
  }
  if (stepSeconds !== 3600 && (stepSeconds !== 900 || known !== undefined)) {
    const expected = known === undefined ? "expected 900 or 3600" : "expected 3600";
    throw new TariffError("TARIFF_OUT_OF_RANGE", expected, at("stepSeconds"));
  }
  const stepPath = at("priceStepMicro");
  const step = readInteger(document.priceStepMicro, stepPath, 1, priceStepMicroMax);
  if (!/^10*$/.test(String(step))) {
    throw new TariffError("TARIFF_OUT_OF_RANGE", "expected a power of ten", stepPath);
  }
  const floorPath = at("floorMicroPerKilowattHour");
  return {
    prices: readText(document.prices, at("prices"), namePattern, "an id"),
    stepSeconds,
    priceStepMicro: step,
    floorMicroPerKilowattHour: readMultiple(document.floorMicroPerKilowattHour, floorPath, step),
    ...(known !== undefined && { known }),
  };
}

/**
 * Reads prices from JSON, strictly. Throws TARIFF_MALFORMED, TARIFF_UNKNOWN_KEY, and
 * TARIFF_OUT_OF_RANGE for prices off their step or below their floor, or known afterwards and at it.
 */
export function parseDynamicPrices(value: unknown): DynamicPrices {
  const kind = "smarter-metering/prices";
  const document = readObject(
    value,
    "",
    ["kind", "currency", "startSeconds", ...costTermKeys, "pricesMicroPerKilowattHour"],
    costTermKeysOptional,
  );
  readText(document.kind, "kind", /^smarter-metering\/prices$/, `"${kind}"`);
  const terms = readCostTerms(document);
  const { stepSeconds, priceStepMicro, floorMicroPerKilowattHour: floor } = terms;
  const startSeconds = readInteger(document.startSeconds, "startSeconds", 0, startSecondsMax);
  if (startSeconds % stepSeconds !== 0) {
    const message = `expected a multiple of ${stepSeconds}`;
    throw new TariffError("TARIFF_OUT_OF_RANGE", message, "startSeconds");
  }
  const path = "pricesMicroPerKilowattHour";
  const prices = readList(document.pricesMicroPerKilowattHour, path, 1, pricesMax).map(
    (price, index) => readMultiple(price, `${path}[${index}]`, priceStepMicro),
  );
  const lowest = lowestPriceMicro(terms);
  const below = prices.findIndex((price) => price < lowest);
  if (below >= 0) {
    const message = `below the floor of ${floor}${lowest > floor ? ", or at it" : ""}`;
    throw new TariffError("TARIFF_OUT_OF_RANGE", message, `${path}[${below}]`);
  }
  return {
    kind,
    ...terms,
    currency: readText(document.currency, "currency", /^[A-Z]{3}$/, "an ISO 4217 code"),
    startSeconds,
    pricesMicroPerKilowattHour: prices,
  };
}

/** No price of the series is below: the floor; a step above it where a price is a ciphertext's factor, from 1 on. */
export const lowestPriceMicro = (terms: CostTerms): number =>
  terms.floorMicroPerKilowattHour + (terms.known === undefined ? 0 : terms.priceStepMicro);

/** Documents by their series. What is none is left out: the time that it was to cover has no prices. */
export function pricesBySeries(
  values: readonly unknown[],
): ReadonlyMap<string, readonly DynamicPrices[]> {
  const series = new Map<string, DynamicPrices[]>();
  for (const value of values) {
    const document = pricesOrUndefined(value);
    if (document === undefined) continue;
    const known = series.get(document.prices);
    if (known === undefined) series.set(document.prices, [document]);
    else known.push(document);
  }
  return series;
}

function pricesOrUndefined(value: unknown): DynamicPrices | undefined {
  try {
    return parseDynamicPrices(value);
  } catch (error) {
    if (error instanceof TariffError) return undefined;
    throw error;
  }
}

/** The first instant that a document says nothing about. */
export const pricesEndSeconds = (document: DynamicPrices): number =>
  document.startSeconds + document.pricesMicroPerKilowattHour.length * document.stepSeconds;

/** Whether a document, or a calendar's cost, is of the same series and can stand in one register. */
export const sameCostTerms = (a: CostTerms, b: CostTerms): boolean =>
  [...costTermKeys, ...costTermKeysOptional].every((key) => a[key] === b[key]);

/** Whether the cost is counted in a register of the meter; else it is made of ciphertexts. */
export const isCountedInMeter = ({ cost }: { readonly cost?: CostTerms }): boolean =>
  cost !== undefined && cost.known === undefined;

/** The length of the steps whose energies are contributed, one by one, for prices known afterwards. */
export const stepSecondsOf = ({ cost }: { readonly cost?: CostTerms }): 3600 | undefined =>
  cost?.known === undefined ? undefined : 3600;
