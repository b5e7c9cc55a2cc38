// Prices that were published late (docs/protocol.md: statements): the difference between a bill as
// issued and as it should be, from the registers that were released for it and no other.

import { assert } from "./assert.ts";
import { priceBill, type Bill } from "./bill.ts";
import type { BillLine } from "./bill-line.ts";
import { describeLine, type LineText } from "./bill-text.ts";
import { formatMinor } from "./money.ts";
import type { Tariff } from "./tariff.ts";

/** What a line should have been, less what it was. */
export interface DifferenceLine extends LineText {
  readonly issuedE16: bigint;
  readonly dueE16: bigint;
  /** dueE16 − issuedE16. */
  readonly amountE16: bigint;
}

/** Negative in the customer's favour. The bill as issued and this note come to `corrected`. */
export interface CreditNote {
  readonly currency: string;
  readonly lines: readonly DifferenceLine[];
  /** Of the two rounded totals. */
  readonly amountMinor: bigint;
  readonly amount: string;
  readonly corrected: Bill;
}

/**
 * What a line charges for: lines of two bills of the same counts belong together by it. Where a
 * window is cut may differ between them; a register that was counted once has one line in each.
 */
function subjectOf({ parts, counted }: Bill, line: BillLine): string {
  const from = parts[line.part]?.fromDate;
  const part = [from, line.kind];
  switch (line.kind) {
    case "energy":
      return [counted.length === 1 ? "" : from, line.kind, line.band].join("/");
    case "cost":
    case "cost-fallback":
      return [from, "cost", line.prices].join("/");
    case "tier":
      return [...part, line.tier].join("/");
    case "levy":
    case "tax":
    case "credit":
      return [...part, line.name ?? ""].join("/");
    default:
      return part.join("/");
  }
}

function difference(
  issued: Bill,
  corrected: Bill,
  [was, due]: readonly [BillLine | undefined, BillLine | undefined],
): DifferenceLine[] {
  const [issuedE16, dueE16] = [was?.amountE16 ?? 0n, due?.amountE16 ?? 0n];
  if (issuedE16 === dueE16) return [];
  const before = was && describeLine(issued, was);
  const after = due && describeLine(corrected, due);
  const words = after ?? before;
  assert(words !== undefined, "a difference has a line on one side");
  const price =
    before && after && before.price !== after.price
      ? `${after.price} instead of ${before.price}`
      : words.price;
  return [{ ...words, price, issuedE16, dueE16, amountE16: dueE16 - issuedE16 }];
}

/**
 * The credit note from `issued` to what `tariff` makes of the same registers; undefined when nothing
 * is due. A version that starts inside is priced as in any bill of these registers. Throws
 * TARIFF_REGISTERS_MISMATCH when the calendar has other bands, TARIFF_NOT_IN_FORCE.
 */
export function reRate(issued: Bill, tariff: Tariff): CreditNote | undefined {
  const { currency, minorDigits, zone, counted } = issued;
  assert(tariff.currency === currency && tariff.minorDigits === minorDigits, "another tariff");
  const corrected = priceBill({ tariff, zone, parts: counted });
  const before = new Map(issued.lines.map((line) => [subjectOf(issued, line), line]));
  const after = new Map(corrected.lines.map((line) => [subjectOf(corrected, line), line]));
  const subjects = [...new Set([...before.keys(), ...after.keys()])];
  const lines = subjects.flatMap((subject) =>
    difference(issued, corrected, [before.get(subject), after.get(subject)]),
  );
  if (lines.reduce((sum, { amountE16 }) => sum + amountE16, 0n) === 0n) return undefined;
  const amountMinor = corrected.amountMinor - issued.amountMinor;
  const amount = formatMinor(amountMinor, minorDigits);
  return { currency, lines, amountMinor, amount, corrected };
}
