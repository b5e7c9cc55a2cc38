/** Prices against a statement (docs/protocol.md §11), with the same code as the MDMS: its own registers, and the customer's. */
import type { Statement } from "@smarter-metering/protocol";
import type { Bill, Tariff } from "@smarter-metering/tariff";
import { billedBy, type Totals } from "./bill-window.ts";
import { minorUnits, namesBands, priceTotals } from "./recompute.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

const priced = (totals: Totals, statement: Statement, tariff: Tariff): Bill | undefined =>
  tariffOrUndefined(() => priceTotals(totals, statement, tariff));

/** Energy, each line and the amount follow from the statement's own registers. */
export function priceFollows(statement: Statement, tariff: Tariff): boolean {
  const { calendar } = tariff;
  const billed = billedBy(statement, calendar);
  const bill = priced(billed, statement, tariff);
  if (bill === undefined || !namesBands(statement, tariff)) return false;
  const energy = billed.bands.reduce((sum, band) => sum + band, 0n);
  return (
    statement.cost?.prices === calendar.cost?.prices &&
    BigInt(statement.energy_mWh) === energy &&
    minorUnits(statement.amount, bill.minorDigits) === bill.amountMinor &&
    statement.lines.length === bill.lines.length &&
    bill.lines.every(({ amountE16 }, at) => statement.lines[at]?.amountE16 === String(amountE16))
  );
}

/**
 * Own amount less the statement's, in minor units; undefined when either is no amount, or the statement bills a cost and the own one is
 * not known.
 */
export function differenceOf(
  own: Totals,
  statement: Statement,
  tariff: Tariff,
): bigint | undefined {
  const stated = minorUnits(statement.amount, tariff.minorDigits);
  const isCostBilled = billedBy(statement, tariff.calendar).cost !== undefined;
  if (isCostBilled && own.cost === undefined) return undefined;
  const cost = isCostBilled ? own.cost : undefined;
  const bill = priced({ ...own, cost }, statement, tariff);
  return bill === undefined || stated === undefined ? undefined : bill.amountMinor - stated;
}
