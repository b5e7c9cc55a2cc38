/** From a statement and corrected prices to a credit note (docs/protocol.md §11.4): of the registers that were released, and no other. Pure. */
import { toHex, type CreditNote } from "@smarter-metering/protocol";
import {
  localDate,
  priceBill,
  reRate,
  versionOn,
  type Bill,
  type Tariff,
} from "@smarter-metering/tariff";
import type { CheckedCorrection } from "./correction.ts";
import type { StatementRecord } from "./statement-query.ts";

/** What `tariff` makes of a statement's registers. */
export function billOf(record: StatementRecord, tariff: Tariff): Bill {
  const { registers, exportMilliwattHours, zone, fromSeconds, toSeconds } = record;
  const counted = record.cost?.counted ?? undefined;
  const energyOf = (band: string): bigint =>
    registers.find((register) => register.band === band)?.energyMilliwattHours ?? 0n;
  return priceBill({
    tariff,
    zone,
    fromSeconds,
    toSeconds,
    registersMilliwattHours: tariff.calendar.bands.map(energyOf),
    exportMilliwattHours,
    ...(counted !== undefined && { cost: counted }),
  });
}

/** Whether a statement says just what this bill does. */
export function isBilledAs({ amount, lines }: StatementRecord, bill: Bill): boolean {
  return (
    amount === bill.amount &&
    lines.length === bill.lines.length &&
    bill.lines.every(({ amountE16 }, index) => lines[index]?.amountE16 === String(amountE16))
  );
}

/** Whether a correction is about a window: by its first local day. */
export function isCorrected(
  { fromSeconds, zone }: Pick<StatementRecord, "fromSeconds" | "zone">,
  { document: { from, until } }: CheckedCorrection,
): boolean {
  const day = localDate(fromSeconds, zone);
  return from <= day && day < until;
}

/**
 * Undefined when nothing is due. `issued` is what statement and notes so far come to, `follows` the SHA-256 of the last of them. Throws
 * TariffError.
 */
export function makeCreditNote(
  record: StatementRecord,
  { issued, follows }: { readonly issued: Bill; readonly follows: Uint8Array },
  { document, tariff, digest }: CheckedCorrection,
): CreditNote | undefined {
  const note = reRate(issued, tariff);
  if (note === undefined) return undefined;
  return {
    servicePoint: record.servicePoint,
    from: record.fromSeconds,
    to: record.toSeconds,
    follows: toHex(follows),
    tariff: tariff.tariff,
    tariffVersion: versionOn(tariff, localDate(record.fromSeconds, record.zone)).version,
    correction: toHex(digest),
    number: document.number,
    reason: document.reason,
    lines: note.lines.map(({ text, quantity, price, issuedE16, dueE16 }) => {
      return { text, quantity, price, issuedE16: String(issuedE16), dueE16: String(dueE16) };
    }),
    amount: note.amount,
    corrected: note.corrected.amount,
    currency: note.currency,
  };
}
