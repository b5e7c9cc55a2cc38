// Energy and standing charges of one part of a bill: a stretch of a billing window under one version
// of the tariff. docs/protocol.md: statements. Runs in the MDMS and at the customer. What has to be
// divided is divided so that parts add up.

import {
  dailyOf,
  energyOf,
  importOf,
  taxUnits,
  type BandLine,
  type BillLine,
  type CostFallbackLine,
  type CostLine,
  type MinimumLine,
  type MonthlyLine,
  type PricedPart,
  type TierLine,
} from "./bill-line.ts";
import { costAmountE16 } from "./cost-register.ts";
import type { CostTerms } from "./dynamic-prices.ts";
import { TariffError } from "./error.ts";
import type { Calendar } from "./calendar.ts";
import type { Tariff, Tiers } from "./tariff.ts";
import { addLocalMonths, localDaysBetween, localMonthStart } from "./zone.ts";

/**
 * A line for each band; beside what prices every kWh already, tiers or a cost, only for bands with a
 * price; in a window of several parts only for registers that counted in this one.
 */
function bandLines({ bands, cost }: Calendar, priced: PricedPart, windowDays: number): BandLine[] {
  const { part, version, days, registersMilliwattHours } = priced;
  return registersMilliwattHours.flatMap((register, index): BandLine[] => {
    const band = bands[index];
    const price = band === undefined ? undefined : version.pricesMicroPerKilowattHour[band];
    if (band === undefined || price === undefined) {
      throw new TariffError("TARIFF_BAND_UNKNOWN", `no price for register ${index}`);
    }
    if (price === 0 && (version.tiers ?? cost) !== undefined) return [];
    if (register === 0n && days < windowDays) return [];
    return [{ kind: "energy", part, band, ...energyOf(register, price) }];
  });
}

/** By the prices of each interval where the cost was released, else by the one price for that. */
function costLine(terms: CostTerms, priced: PricedPart): CostLine | CostFallbackLine {
  const { part, cost, version } = priced;
  const { prices } = terms;
  const totalMilliwattHours = importOf(priced);
  if (cost === undefined) {
    const energy = energyOf(totalMilliwattHours, version.costFallbackMicroPerKilowattHour ?? 0);
    return { kind: "cost-fallback", part, prices, ...energy };
  }
  const amountE16 = costAmountE16(terms, { cost, totalMilliwattHours });
  return { kind: "cost", part, prices, quantityMilliwattHours: totalMilliwattHours, amountE16 };
}

/**
 * Tiers fill in order of time over the whole window: this part goes on where the one before ended.
 * A threshold T for d days is ⌊T·windowDays/d⌋ mWh in this window.
 */
function tierLines({ thresholdDays, steps }: Tiers, priced: PricedPart, days: number): TierLine[] {
  const before = priced.importBeforeMilliwattHours;
  const after = before + importOf(priced);
  let from = 0n;
  return steps.flatMap(({ upTo_mWh: upTo, priceMicroPerKilowattHour }, index): TierLine[] => {
    const lower = from;
    const to =
      upTo === undefined ? undefined : (BigInt(upTo) * BigInt(days)) / BigInt(thresholdDays);
    from = to ?? from;
    const first = before > lower ? before : lower;
    const last = to === undefined || after < to ? after : to;
    if (last <= first) return [];
    const tier = { tier: index + 1, fromMilliwattHours: lower, toMilliwattHours: to };
    const energy = energyOf(last - first, priceMicroPerKilowattHour);
    return [{ kind: "tier", part: priced.part, ...tier, ...energy }];
  });
}

/**
 * A monthly charge accrues by local days: after d of a month's n days ⌊charge·d/n⌋, in 10^-12 of the
 * unit. So the parts of a month add up to it, however it is cut.
 */
function monthlyLine(priceMicroPerMonth: number, priced: PricedPart, zone: string): MonthlyLine {
  const { part, fromSeconds, toSeconds, days } = priced;
  let accrued = 0n;
  let months = 0;
  let start = localMonthStart(fromSeconds, zone);
  let isWhole = start === fromSeconds;
  while (start < toSeconds) {
    const end = addLocalMonths(start, 1, zone);
    const monthDays = localDaysBetween(start, end, zone);
    const after = (day: number): bigint =>
      (BigInt(priceMicroPerMonth) * 1_000_000n * BigInt(day)) / BigInt(monthDays);
    const first = localDaysBetween(start, Math.max(start, fromSeconds), zone);
    const last = localDaysBetween(start, Math.min(end, toSeconds), zone);
    accrued += after(last) - after(first);
    isWhole = isWhole && end <= toSeconds;
    months += 1;
    start = end;
  }
  const amountE16 = accrued * taxUnits;
  const whole = isWhole ? months : undefined;
  return { kind: "monthly-charge", part, days, months: whole, priceMicroPerMonth, amountE16 };
}

/** Energy, tiers and standing charges of a part: what a minimum charge is held against. */
export function chargeLines(
  tariff: Tariff,
  priced: PricedPart,
  { zone, windowDays }: { readonly zone: string; readonly windowDays: number },
): BillLine[] {
  const { part, version, days } = priced;
  const { tiers, standingChargeMicroPerDay: perDay } = version;
  const { standingChargeMicroPerMonth: perMonth } = version;
  const { cost } = tariff.calendar;
  const lines: BillLine[] = cost === undefined ? [] : [costLine(cost, priced)];
  lines.push(...bandLines(tariff.calendar, priced, windowDays));
  if (tiers !== undefined) lines.push(...tierLines(tiers, priced, windowDays));
  if (perDay > 0 || perMonth === undefined) {
    lines.push({ kind: "standing-charge", part, ...dailyOf(days, perDay) });
  }
  if (perMonth !== undefined) lines.push(monthlyLine(perMonth, priced, zone));
  return lines;
}

/**
 * What the whole window lacks to the sum of its days' minimums, shared out by those minimums; the
 * shares are differences of ⌊lack·minimum so far/minimum of all⌋ and add up. Nothing when it has enough.
 */
export function minimumLines(parts: readonly PricedPart[], chargedE16: bigint): MinimumLine[] {
  const dailies = parts.map(({ days, version }) =>
    dailyOf(days, version.minimumChargeMicroPerDay ?? 0),
  );
  const total = dailies.reduce((sum, { amountE16 }) => sum + amountE16, 0n);
  if (total <= chargedE16) return [];
  const lack = (total - chargedE16) / taxUnits;
  let weight = 0n;
  return dailies.flatMap(({ days, priceMicroPerDay, amountE16 }, part): MinimumLine[] => {
    const before = (lack * weight) / total;
    weight += amountE16;
    const share = ((lack * weight) / total - before) * taxUnits;
    if (priceMicroPerDay === 0) return [];
    return [{ kind: "minimum-charge", part, days, priceMicroPerDay, amountE16: share }];
  });
}
