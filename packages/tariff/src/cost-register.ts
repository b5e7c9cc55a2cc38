// A register of cost: what prices that change by the hour make of readings that nobody may see.
// docs/protocol.md: cost registers; release policy, R9. Pure. The meter counts, the trustee asks about
// the prices, the MDMS turns the difference of two registers into money, the customer counts again.
//
// Arithmetic. A register holds 48 bits. Energy is in mWh, prices in 10^-6 of the currency per kWh:
// their product is 10^-12, and a month at 3×63 A and 25 % over (4.04·10^10 mWh) at 5 a kWh makes
// 2·10^17 of it, a thousand times too much. So a document names the step that its prices are
// multiples of, and the register counts mWh × steps: in steps of 1000 (a tenth of a cent; one unit
// per MWh) a unit is 10^-9 of the currency and the month 2·10^14 < 2^48 = 2.8·10^14. Nothing is ever
// rounded. Prices may be negative: the register counts what a price is above the floor, and the floor
// times the total, which stands beside every cost, is taken back in the bill. What a register counts
// in its life may pass 48 bits: it goes on from 0, like any meter's, and a window's difference is
// taken modulo 2^48.

import { assert } from "./assert.ts";
import { e16PerEnergyPrice } from "./bill-line.ts";
import { pricesEndSeconds, type CostTerms, type DynamicPrices } from "./dynamic-prices.ts";
import { TariffError } from "./error.ts";

/** A stretch of prices, on their steps. */
export interface PricedSpan {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** Bits of a register. */
const costBits = 48;

/** The register after `counted` more, and the difference of two registers: modulo 2^48. */
export const wrapCost = (value: bigint): bigint => BigInt.asUintN(costBits, value);

/**
 * What a register counts for each mWh of every step: (price − floor) / priceStepMicro. `documents` are
 * of one series, in any order. Throws TARIFF_PRICES_MISSING, and TARIFF_BOUNDARY_INSIDE_INTERVAL for
 * a span that does not begin and end on their steps.
 */
export function countedPrices(documents: readonly DynamicPrices[], span: PricedSpan): number[] {
  assert(span.fromSeconds < span.toSeconds, "a span begins before it ends");
  const counted: number[] = [];
  const ordered = documents.toSorted((a, b) => a.startSeconds - b.startSeconds);
  let reached = span.fromSeconds;
  for (const document of ordered) {
    const { startSeconds, stepSeconds, priceStepMicro, floorMicroPerKilowattHour } = document;
    if (reached >= span.toSeconds) break;
    if (pricesEndSeconds(document) <= reached) continue;
    if (startSeconds > reached) break;
    const first = (reached - startSeconds) / stepSeconds;
    const end = (span.toSeconds - startSeconds) / stepSeconds;
    if (!Number.isInteger(first) || !Number.isInteger(end)) {
      const message = `${span.fromSeconds} to ${span.toSeconds} is not on the steps of ${stepSeconds} s`;
      throw new TariffError("TARIFF_BOUNDARY_INSIDE_INTERVAL", message);
    }
    for (const price of document.pricesMicroPerKilowattHour.slice(first, end)) {
      counted.push((price - floorMicroPerKilowattHour) / priceStepMicro);
      reached += stepSeconds;
    }
  }
  if (reached >= span.toSeconds) return counted;
  const name = documents[0]?.prices ?? "none";
  const message = `prices ${name} do not cover ${span.fromSeconds} to ${span.toSeconds}`;
  throw new TariffError("TARIFF_PRICES_MISSING", message);
}

const lookups = new WeakMap<readonly DynamicPrices[], ReadonlyMap<number, number>>();

/** The price at an instant, 10^-6 per kWh; undefined where none is known. Made once for each list. */
export function priceAt(
  documents: readonly DynamicPrices[],
  epochSeconds: number,
): number | undefined {
  const { stepSeconds = 1 } = documents[0] ?? {};
  let lookup = lookups.get(documents);
  if (lookup === undefined) {
    lookup = new Map(
      documents.flatMap(({ startSeconds, pricesMicroPerKilowattHour: prices }) =>
        prices.map((price, index) => [startSeconds / stepSeconds + index, price] as const),
      ),
    );
    lookups.set(documents, lookup);
  }
  return lookup.get(Math.floor(epochSeconds / stepSeconds));
}

/** Whether there is a price for every instant of a span. */
export function arePricesKnown(
  documents: readonly DynamicPrices[],
  { fromSeconds, toSeconds }: PricedSpan,
): boolean {
  let reached = fromSeconds;
  for (const document of documents.toSorted((a, b) => a.startSeconds - b.startSeconds)) {
    if (document.startSeconds <= reached) reached = Math.max(reached, pricesEndSeconds(document));
  }
  return reached >= toSeconds;
}

/** Intervals of `intervalSeconds` from `fromSeconds` on. */
export interface CostedIntervals {
  readonly energiesMilliwattHours: ArrayLike<number>;
  readonly fromSeconds: number;
  readonly intervalSeconds: number;
}

/**
 * What a cost register counts over intervals, in units of priceStepMicro × 10^-12 of the currency:
 * Σ energy · (price − floor) / priceStepMicro. Exact. Throws TARIFF_PRICES_MISSING, and
 * TARIFF_BOUNDARY_INSIDE_INTERVAL when a price changes inside an interval.
 */
export function costOf(
  documents: readonly DynamicPrices[],
  { energiesMilliwattHours: energies, fromSeconds, intervalSeconds }: CostedIntervals,
): bigint {
  const count = energies.length;
  const [any] = documents;
  if (count === 0) return 0n;
  if (any === undefined) throw new TariffError("TARIFF_PRICES_MISSING", "there are no prices");
  const { stepSeconds } = any;
  if (stepSeconds % intervalSeconds !== 0 || fromSeconds % intervalSeconds !== 0) {
    const message = `prices change every ${stepSeconds} s, inside intervals of ${intervalSeconds} s`;
    throw new TariffError("TARIFF_BOUNDARY_INSIDE_INTERVAL", message);
  }
  const stepAt = (seconds: number): number => Math.floor(seconds / stepSeconds) * stepSeconds;
  const first = stepAt(fromSeconds);
  const last = stepAt(fromSeconds + (count - 1) * intervalSeconds);
  const span = { fromSeconds: first, toSeconds: last + stepSeconds };
  const counted = countedPrices(documents, span);
  let sum = 0n;
  for (let index = 0; index < count; index++) {
    const energy = energies[index] ?? -1;
    assert(Number.isSafeInteger(energy) && energy >= 0, "energies are integers, not negative");
    const step = Math.floor((fromSeconds + index * intervalSeconds - first) / stepSeconds);
    sum += BigInt(energy) * BigInt(counted[step] ?? 0);
  }
  return sum;
}

/** Money, in 10^-16, from a cost register and the total beside it: the floor is taken back. Exact. */
export function costAmountE16(
  terms: Pick<CostTerms, "priceStepMicro" | "floorMicroPerKilowattHour">,
  registers: { readonly cost: bigint; readonly totalMilliwattHours: bigint },
): bigint {
  const { priceStepMicro, floorMicroPerKilowattHour } = terms;
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
 * register. Throws TARIFF_PRICES_MISSING, TARIFF_BOUNDARY_INSIDE_INTERVAL.
 */
export function costFactsOf(
  documents: readonly DynamicPrices[],
  span: PricedSpan,
  { isLogged, classSize, bandCount, powerMaxWatts }: CostCircumstances,
): CostRegisterFacts {
  const prices = countedPrices(documents, span);
  // W·s to mWh: 1000 / 3600.
  const valueMax = Math.ceil((powerMaxWatts * (documents[0]?.stepSeconds ?? 0)) / 3.6);
  return { prices, isLogged, classSize, bandCount, valueMax };
}
