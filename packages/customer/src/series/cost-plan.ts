/**
 * What a kWh costs at each moment of a billing window (docs/protocol.md §11), so that a chart can show the cost of an hour or a day. Prices
 * are asked of the code that bills (`priceBill`), one mWh at a time: there is no second copy of what a levy or a tax is due on. Exact, in
 * 10⁻¹⁶ of the currency. Pure; runs at the customer.
 */
import {
  priceBill,
  type Bill,
  type BillPart,
  type DynamicPrices,
  type Tariff,
  type TariffVersion,
} from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";

/** A billing window on local midnights, the tariff in force, and, where its calendar has a cost, the prices of that series. */
export interface BillingTerms {
  readonly tariff: Tariff;
  readonly zone: string;
  readonly window: Span;
  readonly prices?: readonly DynamicPrices[];
}

/** What a bill has and no single interval or day: it depends on the window as a whole. */
export type NotAttributable = "tiers" | "minimum-charge" | "credit-per-bill";

/** A stretch of a window under one version of the tariff; prices include levies and taxes, in 10⁻¹⁶ of the currency per mWh. */
export interface PricedStretch extends Span {
  /** That version alone, without what is not attributable. */
  readonly tariff: Tariff;
  /** Import, in the order of the calendar's bands, without the prices of a series. */
  readonly bandE16: readonly bigint[];
  /** What one unit of a cost register adds to that; 0 without a cost. */
  readonly costUnitE16: bigint;
  /** Export: 0 or less, it is paid. */
  readonly exportE16: bigint;
}

export interface CostPlan extends BillingTerms {
  readonly stretches: readonly PricedStretch[];
  readonly notAttributable: readonly NotAttributable[];
}

/** Throws TARIFF_WINDOW_INVALID, TARIFF_NOT_IN_FORCE, ZONE_UNKNOWN. */
export function planCosts(terms: BillingTerms): CostPlan {
  const { tariff, zone } = terms;
  const { parts } = emptyBill(tariff, zone, terms.window);
  const versions = parts.map(({ version }) => versionNumbered(tariff, version));
  const stretches = parts.map(({ fromSeconds, toSeconds }, index): PricedStretch => {
    const version = versions[index];
    const single = { ...tariff, versions: version === undefined ? [] : [attributable(version)] };
    return {
      from: fromSeconds,
      to: toSeconds,
      ...unitPrices(single, zone, fromSeconds, toSeconds),
    };
  });
  const named = versions.flatMap((version) => (version === undefined ? [] : unattributed(version)));
  return { ...terms, stretches, notAttributable: [...new Set(named)] };
}

const versionNumbered = ({ versions }: Tariff, version: number): TariffVersion | undefined =>
  versions.find((candidate) => candidate.version === version);

/** The tariff without the versions that, in this window, take effect with the next one only. */
export function tariffInWindow({ tariff, zone, window }: BillingTerms): Tariff {
  const { parts } = emptyBill(tariff, zone, window);
  const inForce = new Set(parts.map(({ version }) => version));
  return { ...tariff, versions: tariff.versions.filter(({ version }) => inForce.has(version)) };
}

/** The bill of a span in which nothing was counted, but `counted`. */
export function emptyBill(
  tariff: Tariff,
  zone: string,
  { from, to }: Span,
  counted: Partial<BillPart> = {},
): Bill {
  return priceBill({
    tariff,
    zone,
    fromSeconds: from,
    toSeconds: to,
    registersMilliwattHours: tariff.calendar.bands.map(() => 0n),
    exportMilliwattHours: 0n,
    ...counted,
  });
}

export const exactAmount = ({ lines }: Bill): bigint =>
  lines.reduce((sum, { amountE16 }) => sum + amountE16, 0n);

function attributable(version: TariffVersion): TariffVersion {
  const { tiers: _tiers, minimumChargeMicroPerDay: _minimum, credits = [], ...rest } = version;
  return { ...rest, credits: credits.filter((credit) => "microPerDay" in credit) };
}

const unattributed = ({
  tiers,
  minimumChargeMicroPerDay: minimum = 0,
  credits = [],
}: TariffVersion): NotAttributable[] => [
  ...(tiers === undefined ? [] : (["tiers"] as const)),
  ...(minimum === 0 ? [] : (["minimum-charge"] as const)),
  ...(credits.every((credit) => "microPerDay" in credit) ? [] : (["credit-per-bill"] as const)),
];

/** Without tiers and minimums a bill is linear in what was counted: one mWh more adds its price. */
function unitPrices(tariff: Tariff, zone: string, from: number, to: number) {
  const { bands, cost } = tariff.calendar;
  const nothing = cost === undefined ? {} : { cost: 0n };
  const amountOf = (counted: Partial<BillPart>): bigint =>
    exactAmount(emptyBill(tariff, zone, { from, to }, { ...nothing, ...counted }));
  const standing = amountOf({});
  const only = (band: number): bigint[] => bands.map((_, index) => (index === band ? 1n : 0n));
  return {
    tariff,
    bandE16: bands.map((_, band) => amountOf({ registersMilliwattHours: only(band) }) - standing),
    costUnitE16: cost === undefined ? 0n : amountOf({ cost: 1n }) - standing,
    exportE16: amountOf({ exportMilliwattHours: 1n }) - standing,
  };
}
