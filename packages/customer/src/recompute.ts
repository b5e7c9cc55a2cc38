/**
 * The customer re-computes his bill (docs/protocol.md §11): the same tariff code as the MDMS, on his own readings. The difference is 0 or
 * it is explained.
 */
import type { Statement } from "@smarter-metering/protocol";
import {
  bandsOf,
  costOf,
  priceBill,
  wrapCost,
  type Bill,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import { billedBy, sameCost, type Totals } from "./bill-window.ts";
import type { Reading } from "./readings.ts";

export type Explanation =
  /** Energy and amount agree. */
  | "exact"
  /** The statement's amount does not follow from its own registers and the tariff. */
  | "statement-inconsistent"
  /** The statement was priced by another tariff, or another version of it. */
  | "tariff-differs"
  /** The MDMS says that the window was extended or estimated. */
  | "estimated"
  /** Own readings do not cover the window: see `missingSeconds`. */
  | "readings-missing"
  /** None of the above: ask. */
  | "unexplained";

export interface Comparison {
  /** Own energy less billed energy, for each band of the tariff. */
  readonly differenceMilliwattHours: Readonly<Record<string, bigint>>;
  readonly exportDifferenceMilliwattHours: bigint;
  /** What own readings cost is what is billed, where a cost is. */
  readonly isSameCost: boolean;
  /** Own amount less billed amount, in minor units of the currency. */
  readonly amountDifferenceMinor: bigint;
  /** The bill that own readings give. */
  readonly own: Bill;
  /** Of the window, how much no reading covers. */
  readonly missingSeconds: number;
  readonly explanation: Explanation;
}

interface CoveredTotals extends Totals {
  readonly coveredSeconds: number;
}

/**
 * Sums of the readings in [statement.from, statement.to), by the band that holds in each, and what they cost where `prices` are given.
 * Throws TariffError.
 */
export function totalsOf(
  statement: Pick<Statement, "from" | "to" | "zone">,
  readings: readonly Reading[],
  tariff: Tariff,
  prices?: readonly DynamicPrices[],
): CoveredTotals {
  const bands = tariff.calendar.bands.map(() => 0n);
  let exported = 0n;
  let cost = 0n;
  let coveredSeconds = 0;
  for (const run of runsOf(inWindow(readings, statement))) {
    const [first] = run;
    if (first === undefined) continue;
    const { startSeconds, intervalSeconds } = first;
    const { calendar } = tariff;
    if (prices !== undefined) {
      const energiesMilliwattHours = run.map(({ importMilliwattHours }) => importMilliwattHours);
      const fromSeconds = startSeconds;
      cost += costOf(prices, { energiesMilliwattHours, fromSeconds, intervalSeconds });
    }
    const indices = bandsOf(calendar, startSeconds, intervalSeconds, run.length, statement.zone);
    for (const [index, reading] of run.entries()) {
      const band = indices[index] ?? 0;
      bands[band] = (bands[band] ?? 0n) + BigInt(reading.importMilliwattHours);
      exported += BigInt(reading.exportMilliwattHours);
      if (reading.quality !== "missing") coveredSeconds += intervalSeconds;
    }
  }
  return { bands, exported, cost: prices && wrapCost(cost), coveredSeconds };
}

function inWindow(
  readings: readonly Reading[],
  { from, to }: Pick<Statement, "from" | "to">,
): Reading[] {
  return readings.filter(
    ({ startSeconds, intervalSeconds }) =>
      startSeconds >= from && startSeconds + intervalSeconds <= to,
  );
}

/** Neighbouring intervals of one length, together: the unit that `bandsOf` takes. */
function runsOf(readings: readonly Reading[]): Reading[][] {
  const runs: Reading[][] = [];
  let last: Reading | undefined;
  for (const reading of readings) {
    const follows =
      last?.intervalSeconds === reading.intervalSeconds &&
      last.startSeconds + last.intervalSeconds === reading.startSeconds;
    if (follows) runs.at(-1)?.push(reading);
    else runs.push([reading]);
    last = reading;
  }
  return runs;
}

/**
 * Compares a verified statement with own readings (sorted, each interval once) under the signed tariff, and, where it bills a cost, the
 * prices that the registry's root signed. Throws TariffError when the tariff is not in force, its bands or prices change inside a
 * reading, or a reading has no price.
 */
export function compareStatement(
  statement: Statement,
  readings: readonly Reading[],
  tariff: Tariff,
  prices: readonly DynamicPrices[] = [],
): Comparison {
  const billed = billedBy(statement, tariff.calendar);
  const isCostBilled = billed.cost !== undefined;
  const totals = totalsOf(statement, readings, tariff, isCostBilled ? prices : undefined);
  const own = priceTotals(totals, statement, tariff);
  const stated = priceTotals(billed, statement, tariff);
  const amounts = minorUnits(statement.amount, own.minorDigits);
  const differences = tariff.calendar.bands.map(
    (band, index) => [band, (totals.bands[index] ?? 0n) - (billed.bands[index] ?? 0n)] as const,
  );
  const comparison = {
    differenceMilliwattHours: Object.fromEntries(differences),
    exportDifferenceMilliwattHours: totals.exported - billed.exported,
    isSameCost: sameCost(totals, billed),
    amountDifferenceMinor: own.amountMinor - (amounts ?? 0n),
    own,
    missingSeconds: statement.to - statement.from - totals.coveredSeconds,
  };
  const consistent = amounts === stated.amountMinor && namesBands(statement, tariff);
  return { ...comparison, explanation: explain(statement, tariff, comparison, consistent) };
}

/** The window of a statement at these registers. Throws TariffError. */
export function priceTotals(
  { bands, exported, cost }: Totals,
  { zone, from, to }: Pick<Statement, "zone" | "from" | "to">,
  tariff: Tariff,
): Bill {
  return priceBill({
    tariff,
    zone,
    fromSeconds: from,
    toSeconds: to,
    registersMilliwattHours: bands,
    exportMilliwattHours: exported,
    ...(cost !== undefined && { cost }),
  });
}

/** Undefined when the text is not an amount with exactly `digits` decimals. */
export function minorUnits(amount: string, digits: number): bigint | undefined {
  const pattern = digits === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${digits}}$`);
  return pattern.test(amount) ? BigInt(amount.replace(".", "")) : undefined;
}

/** The statement bills the bands of the calendar, all of them and no other. */
export function namesBands(statement: Statement, tariff: Tariff): boolean {
  const names = Object.keys(statement.registers_mWh).toSorted();
  return names.join("\n") === tariff.calendar.bands.toSorted().join("\n");
}

function explain(
  statement: Statement,
  tariff: Tariff,
  comparison: Omit<Comparison, "explanation">,
  consistent: boolean,
): Explanation {
  const { own, differenceMilliwattHours, exportDifferenceMilliwattHours, isSameCost } = comparison;
  if (
    statement.tariff !== tariff.tariff ||
    statement.tariffVersion !== own.version ||
    statement.currency !== own.currency
  ) {
    return "tariff-differs";
  }
  if (!consistent) return "statement-inconsistent";
  const sameEnergy = Object.values(differenceMilliwattHours).every((value) => value === 0n);
  if (sameEnergy && exportDifferenceMilliwattHours === 0n && isSameCost) return "exact";
  if (statement.estimated) return "estimated";
  return comparison.missingSeconds > 0 ? "readings-missing" : "unexplained";
}
