// What a bill consists of (docs/protocol.md: statements): kinds of lines, and the integers in them.
// Runs in the MDMS, which sees a window's totals, and at the customer.

import type { TariffVersion, TaxBase } from "./tariff.ts";

/** `part` is a place in the bill's parts; a credit, and feed-in, are negative. */
interface LineOf<Kind extends string> {
  readonly kind: Kind;
  readonly part: number;
  readonly amountE16: bigint;
}

interface Energy {
  readonly quantityMilliwattHours: bigint;
  readonly priceMicroPerKilowattHour: number;
}

interface Daily {
  readonly days: number;
  readonly priceMicroPerDay: number;
}

/** Import in a band. */
export type BandLine = LineOf<"energy"> & Energy & { readonly band: string };

/** Import of all bands in one tier (from 1), as thresholds lie in this window; the last has no end. */
export type TierLine = LineOf<"tier"> &
  Energy & {
    readonly tier: number;
    readonly fromMilliwattHours: bigint;
    readonly toMilliwattHours: bigint | undefined;
  };

/** Import at the prices of a series: what the cost register counted. No single price makes the amount. */
export type CostLine = LineOf<"cost"> & {
  readonly prices: string;
  readonly quantityMilliwattHours: bigint;
};

/** Import of a window whose cost was not released, at the tariff's price for that. */
export type CostFallbackLine = LineOf<"cost-fallback"> & Energy & { readonly prices: string };

export type StandingLine = LineOf<"standing-charge"> & Daily;

/** `months` when the part is whole local months. */
export type MonthlyLine = LineOf<"monthly-charge"> & {
  readonly days: number;
  readonly months: number | undefined;
  readonly priceMicroPerMonth: number;
};

/** What the window's energy and standing charges lack to its minimum: this part's share. */
export type MinimumLine = LineOf<"minimum-charge"> & Daily;

export type FeedInLine = LineOf<"feed-in"> & Energy;

export type LevyLine = LineOf<"levy"> & Energy & { readonly name: string };

/** Without a name: the version's `taxBasisPoints`. */
export type TaxLine = LineOf<"tax"> & {
  readonly name: string | undefined;
  readonly taxBasisPoints: number;
  readonly on: readonly TaxBase[];
};

/** `days` of a credit for every day; one for the whole bill has none. */
export type CreditLine = LineOf<"credit"> & {
  readonly name: string;
  readonly days: number | undefined;
  readonly priceMicro: number;
};

/** A line; `amountE16` is exact, in 10^-16 currency units. */
export type BillLine =
  | BandLine
  | TierLine
  | CostLine
  | CostFallbackLine
  | StandingLine
  | MonthlyLine
  | MinimumLine
  | FeedInLine
  | LevyLine
  | TaxLine
  | CreditLine;

/** A part with what its lines follow from. */
export interface PricedPart {
  readonly part: number;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly registersMilliwattHours: readonly bigint[];
  readonly exportMilliwattHours: bigint;
  readonly cost?: bigint;
  readonly version: TariffVersion;
  readonly days: number;
  /** Import of the parts before: tiers fill in order of time. */
  readonly importBeforeMilliwattHours: bigint;
}

/** 10^-16 in one mWh × 10^-6/kWh (10^-12), and in one 10^-6. */
export const e16PerEnergyPrice = 10_000n;
const e16PerMicro = 10_000_000_000n;
/** Every amount before tax is a multiple of this, so that a tax in 10^-4 is an integer as well. */
export const taxUnits = 10_000n;

/** The exact sum of lines. */
export function sumOf(lines: readonly BillLine[]): bigint {
  return lines.reduce((sum, line) => sum + line.amountE16, 0n);
}

/** Import of a part, all bands. */
export function importOf(part: Pick<PricedPart, "registersMilliwattHours">): bigint {
  return part.registersMilliwattHours.reduce((sum, register) => sum + register, 0n);
}

/** A quantity at a price, with its amount. */
export function energyOf(quantityMilliwattHours: bigint, priceMicroPerKilowattHour: number) {
  const amountE16 = quantityMilliwattHours * BigInt(priceMicroPerKilowattHour) * e16PerEnergyPrice;
  return { quantityMilliwattHours, priceMicroPerKilowattHour, amountE16 };
}

/** An amount of 10^-6 currency units. */
export function microOf(micro: number): bigint {
  return BigInt(micro) * e16PerMicro;
}

/** Days at a price, with their amount. */
export function dailyOf(days: number, priceMicroPerDay: number) {
  return { days, priceMicroPerDay, amountE16: BigInt(days) * microOf(priceMicroPerDay) };
}
