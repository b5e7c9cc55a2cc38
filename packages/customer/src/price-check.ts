/** Prices against a statement (docs/protocol.md §11), with the same code as the MDMS: its own registers, and the customer's. */
import type { Statement } from "@smarter-metering/protocol";
import { priceBill, type Bill, type Tariff } from "@smarter-metering/tariff";
import type { Totals } from "./bill-window.ts";
import { minorUnits, namesBands } from "./recompute.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

function priced(
  { bands, exported }: Totals,
  { zone, from, to }: Statement,
  tariff: Tariff,
): Bill | undefined {
  return tariffOrUndefined(() =>
    priceBill({
      tariff,
      zone,
      fromSeconds: from,
      toSeconds: to,
      registersMilliwattHours: bands,
      exportMilliwattHours: exported,
    }),
  );
}

/** Energy, each line and the amount follow from the statement's own registers. */
export function priceFollows(statement: Statement, tariff: Tariff): boolean {
  const registers = statement.registers_mWh;
  const bands = tariff.calendar.bands.map((band) => BigInt(registers[band] ?? "0"));
  const bill = priced({ bands, exported: BigInt(statement.export_mWh) }, statement, tariff);
  if (bill === undefined || !namesBands(statement, tariff)) return false;
  const energy = bands.reduce((sum, band) => sum + band, 0n);
  return (
    BigInt(statement.energy_mWh) === energy &&
    minorUnits(statement.amount, bill.minorDigits) === bill.amountMinor &&
    statement.lines.length === bill.lines.length &&
    bill.lines.every(({ amountE16 }, at) => statement.lines[at]?.amountE16 === String(amountE16))
  );
}

/** Own amount less the statement's, in minor units; undefined when either is no amount. */
export function differenceOf(
  own: Totals,
  statement: Statement,
  tariff: Tariff,
): bigint | undefined {
  const stated = minorUnits(statement.amount, tariff.minorDigits);
  const bill = priced(own, statement, tariff);
  return bill === undefined || stated === undefined ? undefined : bill.amountMinor - stated;
}
