// A bill in words (docs/protocol.md: statements): the same in the MDMS's statement and wherever the
// customer re-computes it.

import type { Bill } from "./bill.ts";
import { e16PerEnergyPrice, type BillLine, type CostLine } from "./bill-line.ts";
import { formatMicro, formatMinor, roundHalfEven } from "./money.ts";
import type { TaxBase } from "./tariff.ts";

/** A line as people read it; `quantity` or `price` is empty where it has none. */
export interface LineText {
  readonly text: string;
  readonly quantity: string;
  readonly price: string;
}

/** Energy in kWh is exact with six decimals: 1 mWh is 10^-6 kWh. */
const kilowattHourDigits = 6;

const quantityText = (milliwattHours: bigint): string =>
  `${formatMinor(milliwattHours, kilowattHourDigits)} kWh`;

/** "300" or "0.5": a threshold, without zeros that say nothing. */
function thresholdText(milliwattHours: bigint): string {
  return formatMinor(milliwattHours, kilowattHourDigits).replace(/\.?0+$/, "");
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

const baseTexts: Readonly<Record<TaxBase, string>> = {
  energy: "energy",
  standing: "standing charge",
  levies: "levies",
};

/** "energy, standing charge and levies". */
export function basesText(on: readonly TaxBase[]): string {
  const texts = on.map((base) => baseTexts[base]);
  const last = texts.at(-1) ?? "";
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(", ")} and ${last}`;
}

/** "up to 300 kWh", "300 to 600 kWh", "over 600 kWh". */
export function tierText(from: bigint, to: bigint | undefined): string {
  if (to === undefined) return from === 0n ? "all" : `over ${thresholdText(from)} kWh`;
  return from === 0n
    ? `up to ${thresholdText(to)} kWh`
    : `${thresholdText(from)} to ${thresholdText(to)} kWh`;
}

const percentText = (basisPoints: number): string => `${formatMinor(BigInt(basisPoints), 2)} %`;

type EnergyLine = Extract<
  BillLine,
  { readonly quantityMilliwattHours: bigint; readonly priceMicroPerKilowattHour: number }
>;

/** What a kWh came to, to the nearest 10^-6: for reading; the amount does not follow from it. */
function meanPrice({ amountE16, quantityMilliwattHours }: CostLine): number {
  return quantityMilliwattHours === 0n
    ? 0
    : Number(roundHalfEven(amountE16, quantityMilliwattHours * e16PerEnergyPrice));
}

function energyText(line: EnergyLine): string {
  switch (line.kind) {
    case "energy":
      return `Energy, ${line.band}`;
    case "tier":
      return `Energy, ${tierText(line.fromMilliwattHours, line.toMilliwattHours)}`;
    case "cost-fallback":
      return `Energy, ${line.prices}: at the price where its own may not be shown`;
    case "feed-in":
      return "Feed-in, credited";
    default:
      return line.name; // a levy
  }
}

function wordsOf(line: BillLine, currency: string): LineText {
  const money = (micro: number): string => `${formatMicro(micro)} ${currency}`;
  switch (line.kind) {
    case "standing-charge":
    case "minimum-charge": {
      const text = line.kind === "standing-charge" ? "Standing charge" : "Up to the minimum charge";
      const price = `${money(line.priceMicroPerDay)}/day`;
      // As statements have always said it, for one day too.
      return { text, quantity: `${line.days} days`, price };
    }
    case "cost": {
      const quantity = quantityText(line.quantityMilliwattHours);
      const price = `${money(meanPrice(line))}/kWh on average`;
      return { text: `Energy, ${line.prices}: each interval at its own price`, quantity, price };
    }
    case "monthly-charge": {
      const { months, days } = line;
      const quantity = months === undefined ? plural(days, "day") : plural(months, "month");
      const price = `${money(line.priceMicroPerMonth)}/month`;
      return { text: "Standing charge by the month", quantity, price };
    }
    case "tax": {
      const text = `${line.name ?? "Tax"} on ${basesText(line.on)}`;
      return { text, quantity: "", price: percentText(line.taxBasisPoints) };
    }
    case "credit": {
      const { days } = line;
      const quantity = days === undefined ? "" : plural(days, "day");
      const price = money(line.priceMicro) + (days === undefined ? "" : "/day");
      return { text: `${line.name}, credited`, quantity, price };
    }
    default: {
      const quantity = quantityText(line.quantityMilliwattHours);
      const price = `${money(line.priceMicroPerKilowattHour)}/kWh`;
      return { text: energyText(line), quantity, price };
    }
  }
}

/** A line of `bill` in words; where the bill has several parts it says from when. */
export function describeLine(bill: Pick<Bill, "currency" | "parts">, line: BillLine): LineText {
  const words = wordsOf(line, bill.currency);
  const part = bill.parts[line.part];
  if (part === undefined || bill.parts.length === 1) return words;
  return { ...words, text: `${words.text} (from ${part.fromDate})` };
}
