// Prices that are known only for their time, such as those of the day-ahead market: one for each
// interval, and what a register of cost would count. docs/protocol.md: release policy, R9. Pure; no
// message of this version carries a cost register.
//
// Arithmetic. A register holds 48 bits. Energy is in mWh, prices in 10^-6 of the currency per kWh:
// their product is 10^-12, and a month at 3×63 A and 25 % over (4.04·10^10 mWh) at 5 a kWh makes
// 2·10^17 of it, a thousand times too much. So a document names the step that its prices are
// multiples of, and the register counts mWh × steps: in steps of 1000 (a tenth of a cent; one unit
// per MWh) a unit is 10^-9 of the currency and the month 2·10^14 < 2^48 = 2.8·10^14. Nothing is ever
// rounded. Prices may be negative: the register counts what a price is above the document's floor,
// and the floor times the total, which stands beside every cost, is taken back in the bill.

import { assert } from "./assert.ts";
import { namePattern, readInteger, readList, readObject, readText } from "./document.ts";
import { TariffError } from "./error.ts";

/** Signed elsewhere. Prices are in 10^-6 currency units per kWh. */
export interface DynamicPrices {
  readonly kind: "smarter-metering/prices";
  readonly prices: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly startSeconds: number;
  readonly stepSeconds: 900 | 3600;
  /** A power of ten, 1 to 10^6; the floor and every price are multiples of it. */
  readonly priceStepMicro: number;
  /** At most every price; 0 where none is negative. */
  readonly floorMicroPerKilowattHour: number;
  /** One for each step from `startSeconds` on. */
  readonly pricesMicroPerKilowattHour: readonly number[];
}

/** A stretch of prices, on their steps. */
export interface PricedSpan {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** A year of quarters, and the day that a document may run over. */
const pricesMax = 366 * 96;
const priceMicroMax = 1_000_000_000_000;
const priceStepMicroMax = 1_000_000;
const startSecondsMax = 253_402_300_799;
/** mWh × 10^-6/kWh is 10^-12 of the currency, 10^4 times 10^-16. */
const e16PerEnergyPrice = 10_000n;

function readMultiple(value: unknown, path: string, step: number): number {
  const price = readInteger(value, path, -priceMicroMax, priceMicroMax);
  if (price % step === 0) return price;
  throw new TariffError("TARIFF_OUT_OF_RANGE", `${price} is no multiple of ${step}`, path);
}

/**
 * Reads prices from JSON, strictly. Throws TARIFF_MALFORMED, TARIFF_UNKNOWN_KEY, and
 * TARIFF_OUT_OF_RANGE for prices off their step or below their floor.
 */
export function parseDynamicPrices(value: unknown): DynamicPrices {
  const kind = "smarter-metering/prices";
  const document = readObject(value, "", [
    "kind",
    "prices",
    "currency",
    "startSeconds",
    "stepSeconds",
    "priceStepMicro",
    "floorMicroPerKilowattHour",
    "pricesMicroPerKilowattHour",
  ]);
  readText(document.kind, "kind", /^smarter-metering\/prices$/, `"${kind}"`);
  const { stepSeconds } = document;
  if (stepSeconds !== 900 && stepSeconds !== 3600) {
    throw new TariffError("TARIFF_OUT_OF_RANGE", "expected 900 or 3600", "stepSeconds");
  }
  const startSeconds = readInteger(document.startSeconds, "startSeconds", 0, startSecondsMax);
  if (startSeconds % stepSeconds !== 0) {
    const message = `expected a multiple of ${stepSeconds}`;
    throw new TariffError("TARIFF_OUT_OF_RANGE", message, "startSeconds");
  }
  const step = readInteger(document.priceStepMicro, "priceStepMicro", 1, priceStepMicroMax);
  if (!/^10*$/.test(String(step))) {
    throw new TariffError("TARIFF_OUT_OF_RANGE", "expected a power of ten", "priceStepMicro");
  }
  const floorPath = "floorMicroPerKilowattHour";
  const floor = readMultiple(document.floorMicroPerKilowattHour, floorPath, step);
  const path = "pricesMicroPerKilowattHour";
  const prices = readList(document.pricesMicroPerKilowattHour, path, 1, pricesMax).map(
    (price, index) => readMultiple(price, `${path}[${index}]`, step),
  );
  const below = prices.findIndex((price) => price < floor);
  if (below >= 0) {
    throw new TariffError(
      "TARIFF_OUT_OF_RANGE",
      `below the floor of ${floor}`,
      `${path}[${below}]`,
    );
  }
  return {
    kind,
    prices: readText(document.prices, "prices", namePattern, "an id"),
    currency: readText(document.currency, "currency", /^[A-Z]{3}$/, "an ISO 4217 code"),
    startSeconds,
    stepSeconds,
    priceStepMicro: step,
    floorMicroPerKilowattHour: floor,
    pricesMicroPerKilowattHour: prices,
  };
}

/** What a register counts for each mWh of every step: (price − floor) / priceStepMicro. */
function countedPrices(prices: DynamicPrices, span: PricedSpan): number[] {
  const { startSeconds, stepSeconds, priceStepMicro, floorMicroPerKilowattHour: floor } = prices;
  const [first, end] = [span.fromSeconds, span.toSeconds].map(
    (seconds) => (seconds - startSeconds) / stepSeconds,
  );
  assert(first !== undefined && end !== undefined && first < end, "a span begins before it ends");
  assert(Number.isInteger(first) && Number.isInteger(end), "a span lies on the prices' steps");
  const known = prices.pricesMicroPerKilowattHour;
  if (first < 0 || end > known.length) {
    const message = `prices ${prices.prices} do not cover ${span.fromSeconds} to ${span.toSeconds}`;
    throw new TariffError("TARIFF_PRICES_MISSING", message);
  }
  return known.slice(first, end).map((price) => (price - floor) / priceStepMicro);
}

/**
 * What a cost register counts over intervals of `stepSeconds` from `fromSeconds` on, in units of
 * priceStepMicro × 10^-12 of the currency: Σ energy · (price − floor) / priceStepMicro. Exact.
 * Throws TARIFF_PRICES_MISSING.
 */
export function costOf(
  energiesMilliwattHours: readonly number[],
  prices: DynamicPrices,
  fromSeconds: number = prices.startSeconds,
): bigint {
  assert(
    energiesMilliwattHours.every((energy) => Number.isSafeInteger(energy) && energy >= 0),
    "energies are integers, not negative",
  );
  if (energiesMilliwattHours.length === 0) return 0n;
  const toSeconds = fromSeconds + energiesMilliwattHours.length * prices.stepSeconds;
  const counted = countedPrices(prices, { fromSeconds, toSeconds });
  return energiesMilliwattHours.reduce(
    (sum, energy, index) => sum + BigInt(energy) * BigInt(counted[index] ?? 0),
    0n,
  );
}

/** Money, in 10^-16, from a cost register and the total beside it: the floor is taken back. Exact. */
export function costAmountE16(
  prices: Pick<DynamicPrices, "priceStepMicro" | "floorMicroPerKilowattHour">,
  registers: { readonly cost: bigint; readonly totalMilliwattHours: bigint },
): bigint {
  const { priceStepMicro, floorMicroPerKilowattHour } = prices;
  const counted = registers.cost * BigInt(priceStepMicro);
  const floor = registers.totalMilliwattHours * BigInt(floorMicroPerKilowattHour);
  return (counted + floor) * e16PerEnergyPrice;
}

/** What is known of a cost register beside its prices. */
export interface CostCircumstances {
  readonly isLogged: boolean;
  /** Service points billed by these prices in this window. */
  readonly classSize: number;
  /** Registers beside the cost. */
  readonly bandCount: number;
  /** Largest power that passes the fuse for long (the fuse's own, and 25 %). */
  readonly powerMaxWatts: number;
}

/** As the rule for cost registers takes them: `prices` are integers, `valueMax` is in mWh. */
export interface CostRegisterFacts {
  readonly prices: readonly number[];
  readonly isLogged: boolean;
  readonly classSize: number;
  readonly bandCount: number;
  readonly valueMax: number;
}

/**
 * The facts of R9 (docs/protocol.md: release policy; `judgeCost` in packages/policy) for the window
 * `span`: what the register counts for each mWh, so that leverages and residues are those of the
 * register. Throws TARIFF_PRICES_MISSING.
 */
export function costFactsOf(
  prices: DynamicPrices,
  span: PricedSpan,
  { isLogged, classSize, bandCount, powerMaxWatts }: CostCircumstances,
): CostRegisterFacts {
  // W·s to mWh: 1000 / 3600.
  const valueMax = Math.ceil((powerMaxWatts * prices.stepSeconds) / 3.6);
  const counted = countedPrices(prices, span);
  return { prices: counted, isLogged, classSize, bandCount, valueMax };
}
