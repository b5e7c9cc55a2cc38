/** A signed bill as what is drawn of it: amounts as exact decimal text, energy in mWh as it was signed. Pure. */
import type { BillReport, OpenedStatement } from "@smarter-metering/customer";
import { unverifiedDocument, type CreditNote, type Statement } from "@smarter-metering/protocol";
import { exactDigits, formatMinor, type Tariff } from "@smarter-metering/tariff";
import type { BillDetails, BillLine, BillSummary, Verdict } from "./messages.ts";

/** A statement and a tariff whose signatures hold. */
export interface ReadBill {
  readonly opened: OpenedStatement;
  readonly statement: Statement;
  readonly tariff: Tariff;
}

export function summaryOf({ opened, statement }: ReadBill, verdict: Verdict | null): BillSummary {
  const { from, to, zone, amount, currency, estimated } = statement;
  const notes = notesOf(opened);
  return {
    from,
    to,
    zone,
    amount,
    currency,
    energy: statement.energy_mWh,
    owed: notes.at(-1)?.corrected ?? amount,
    notes: notes.length,
    estimated,
    verdict,
  };
}

export function detailsOf(
  bill: ReadBill,
  { links, quality }: BillReport,
  summary: BillSummary,
  before: BillSummary | undefined,
): BillDetails {
  const { statement, opened } = bill;
  const shares = Object.entries(quality?.byQuality ?? {});
  return {
    ...summary,
    tariff: statement.tariff,
    tariffVersion: statement.tariffVersion,
    digest: statement.requestDigest,
    lines: statement.lines.map(({ amountE16, ...line }) => ({
      ...line,
      amount: decimal(amountE16),
    })),
    registers: Object.entries(statement.registers_mWh).map(([band, energy]) => ({ band, energy })),
    exported: statement.export_mWh,
    credits: notesOf(opened).map(({ reason, amount, lines }) => ({
      reason,
      amount,
      lines: lines.map(({ issuedE16, dueE16, ...line }): BillLine => {
        return { ...line, amount: decimal(String(BigInt(dueE16) - BigInt(issuedE16))) };
      }),
    })),
    before: before ?? null,
    links,
    quality: shares
      .filter(([, { seconds }]) => seconds > 0)
      .map(([name, { seconds, importMilliwattHours }]) => {
        return { quality: name, seconds, energy: String(importMilliwattHours) };
      }),
  };
}

/** Their signatures are the link "note" of the report. */
const notesOf = ({ notes }: OpenedStatement): CreditNote[] =>
  notes.map(({ note }) => unverifiedDocument("smarter-metering/credit-note", note) as CreditNote);

/** 10⁻¹⁶ of the currency as decimal text, without zeros that say nothing. */
const decimal = (amountE16: string): string =>
  formatMinor(BigInt(amountE16), exactDigits).replace(/0{1,14}$/, "");
