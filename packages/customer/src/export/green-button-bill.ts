/**
 * A statement as Green Button has bills (ESPI 4.0, UsageSummary). Amounts are 10⁻⁵ of the currency, as the standard counts them. Runs on
 * the customer's device.
 */
import type { Statement } from "@smarter-metering/protocol";
import { roundExact, type BillLine, type Tariff } from "@smarter-metering/tariff";
import { billedBy } from "../bill-window.ts";
import { priceTotals } from "../recompute.ts";
import { tariffOrUndefined } from "../tariff-errors.ts";
import { elements, xmlText } from "./xml-text.ts";

/** Of amounts and costs. */
export const AMOUNT_DIGITS = 5;
const NOTE_CHARACTERS_MAX = 256;
/** ItemKind: usage, administration, tax, credits for generation and others, information. */
const [USAGE, ADMINISTRATION, TAX, GENERATED, CREDIT, INFORMATION] = [3, 4, 5, 6, 8, 10] as const;
const ITEM_KINDS: Readonly<Record<BillLine["kind"], number>> = {
  energy: USAGE,
  tier: USAGE,
  cost: USAGE,
  "cost-fallback": USAGE,
  "standing-charge": ADMINISTRATION,
  "monthly-charge": ADMINISTRATION,
  "minimum-charge": ADMINISTRATION,
  levy: TAX,
  tax: TAX,
  "feed-in": GENERATED,
  credit: CREDIT,
};
/** Calculated: what comes nearest to a bill with estimated readings. */
const DERIVED = 11;

/** `<UsageSummary>` with its lines; `currency` is its number. What kind a line is the tariff says; without it each is information. */
export function usageSummary(
  statement: Statement,
  currency: number,
  tariff: Tariff | undefined,
): string {
  const { from, to, energy_mWh: energy, estimated } = statement;
  const kinds = lineKinds(statement, tariff);
  const amounts = statement.lines.map(({ amountE16 }) =>
    roundExact(BigInt(amountE16), AMOUNT_DIGITS),
  );
  const lines = statement.lines.map(({ text, quantity, price }, index) => {
    const note = [text, quantity, price].filter((part) => part !== "").join(" · ");
    return elements([
      ["amount", amounts[index]],
      ["note", xmlText(note.slice(0, NOTE_CHARACTERS_MAX))],
      ["itemKind", kinds[index] ?? INFORMATION],
    ]);
  });
  const consumption = elements([
    ["powerOfTenMultiplier", -3],
    ["uom", 72],
    ["value", energy],
  ]);
  return `<UsageSummary xmlns="http://naesb.org/espi">${elements([
    [
      "billingPeriod",
      elements([
        ["duration", to - from],
        ["start", from],
      ]),
    ],
    ["billLastPeriod", amountOf(statement)],
    // Of the details, which are all of the bill here: what they add up to.
    ["costAdditionalLastPeriod", amounts.reduce((sum, amount) => sum + amount, 0n)],
    ...lines.map((line) => ["costAdditionalDetailLastPeriod", line] as const),
    ["currency", currency],
    ["overallConsumptionLastPeriod", consumption],
    ["qualityOfReading", estimated ? DERIVED : 0],
    ["statusTimeStamp", to],
    ["commodity", 1],
    ["tariffProfile", xmlText(statement.tariff)],
  ])}</UsageSummary>`;
}

/** "-1.05" as -105000. A statement's amount has at most four decimals. */
function amountOf({ amount }: Statement): bigint {
  const [whole = "", fraction = ""] = amount.split(".");
  return BigInt(whole + fraction.padEnd(AMOUNT_DIGITS, "0"));
}

/** Of the bill that the tariff makes of the statement's own registers, where its lines are the statement's. */
function lineKinds(statement: Statement, tariff: Tariff | undefined): readonly number[] {
  if (tariff === undefined) return [];
  const { calendar } = tariff;
  const bill = tariffOrUndefined(() =>
    priceTotals(billedBy(statement, calendar), statement, tariff),
  );
  const isSame =
    bill?.lines.length === statement.lines.length &&
    bill.lines.every(({ amountE16 }, at) => statement.lines[at]?.amountE16 === String(amountE16));
  return isSame ? bill.lines.map(({ kind }) => ITEM_KINDS[kind]) : [];
}
