/**
 * What a document of prices says, and whether R9 (docs/protocol.md §8.3) would let a cost be released that was counted by it. Runs at the
 * prices' author; knows no readings.
 */
import { defaultPolicy, fuseWatts, judgeCost, type Refusal } from "@smarter-metering/policy";
import {
  addLocalMonths,
  costFactsOf,
  formatMicro,
  localDate,
  localMonthStart,
  parseDynamicPrices,
  pricesEndSeconds,
  roundHalfEven,
  sameCostTerms,
  type CostTerms,
  type DynamicPrices,
  type PricedSpan,
} from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";

/** A fuse lets that much more than its rating pass for long. */
const FUSE_TOLERANCE = 1.25;
const DAY_SECONDS = 86_400;

/** A window, and what R9 has against its prices. */
export interface JudgedWindow {
  /** Local dates. */
  readonly from: string;
  readonly to: string;
  readonly refusals: readonly Pick<Refusal, "code" | "reason">[];
}

/** Of the service points that are billed by a series. */
export interface PricedClass {
  readonly zone: string;
  readonly servicePoints: number;
  /** Of three phases. */
  readonly fuseAmps: number;
}

export const isPrices = (document: unknown): boolean =>
  (Object(document) as { kind?: unknown }).kind === "smarter-metering/prices";

/** What all documents of a series have in common, and the tariffs that are billed by it. */
export interface Series extends CostTerms {
  readonly currency: string;
}

/** A document of `series`. Throws PRICES_FOREIGN, TariffError. */
export function pricesOf(document: unknown, series: Series, path: string): DynamicPrices {
  const prices = parseDynamicPrices(document);
  if (sameCostTerms(prices, series) && prices.currency === series.currency) return prices;
  const message = `${path}: prices ${prices.prices} are of another series than ${series.prices}, or have another step, price step, floor or currency`;
  throw new CliError("PRICES_FOREIGN", message);
}

/** As instants. */
export const spanOf = (prices: DynamicPrices) => ({
  from: iso(prices.startSeconds),
  to: iso(pricesEndSeconds(prices)),
});

/** In the currency, per kWh; the mean to the nearest 10^-6. */
export function figuresOf({ pricesMicroPerKilowattHour: prices }: DynamicPrices) {
  const sum = prices.reduce((total, price) => total + BigInt(price), 0n);
  return {
    min: formatMicro(prices.reduce((least, price) => Math.min(least, price))),
    mean: formatMicro(Number(roundHalfEven(sum, BigInt(prices.length)))),
    max: formatMicro(prices.reduce((most, price) => Math.max(most, price))),
  };
}

/** In words. */
export function describePrices(document: DynamicPrices): string[] {
  const { prices, currency, stepSeconds, priceStepMicro, floorMicroPerKilowattHour } = document;
  const perKilowattHour = `${currency}/kWh`;
  const { from, to } = spanOf(document);
  const { min, mean, max } = figuresOf(document);
  const count = document.pricesMicroPerKilowattHour.length;
  return [
    `Prices ${prices} in ${currency}, one every ${stepSeconds / 60} minutes, in steps of ${formatMicro(priceStepMicro)} ${perKilowattHour} from ${formatMicro(floorMicroPerKilowattHour)} ${perKilowattHour} on.`,
    `${count} prices, ${from} to ${to}.`,
    `Least ${min}, mean ${mean}, most ${max} ${perKilowattHour}.`,
  ];
}

/**
 * R9 on every whole local month that the documents cover from the first to the last; where there is none, on all of them as one window
 * if that is long enough for one. None when it is not. Throws TARIFF_PRICES_MISSING for a gap, PRICES_OFF_GRID.
 */
export function judgePrices(
  documents: readonly DynamicPrices[],
  { zone, servicePoints: classSize, fuseAmps }: PricedClass,
): JudgedWindow[] {
  const policy = defaultPolicy();
  const powerMaxWatts = fuseWatts({ amps: fuseAmps, phases: 3 }) * FUSE_TOLERANCE;
  const circumstances = { isLogged: true, classSize, bandCount: 1, powerMaxWatts };
  return windowsOf(documents, zone, policy.billWindowDaysMin).map((window) => {
    const refusals = judgeCost(costFactsOf(documents, window, circumstances), policy);
    return {
      from: localDate(window.fromSeconds, zone),
      to: localDate(window.toSeconds, zone),
      refusals: refusals.map(({ code, reason }) => ({ code, reason })),
    };
  });
}

function windowsOf(
  documents: readonly DynamicPrices[],
  zone: string,
  windowDaysMin: number,
): PricedSpan[] {
  const fromSeconds = Math.min(...documents.map(({ startSeconds }) => startSeconds));
  const toSeconds = Math.max(...documents.map(pricesEndSeconds));
  if (toSeconds - fromSeconds < windowDaysMin * DAY_SECONDS) return [];
  const month = localMonthStart(fromSeconds, zone);
  const first = month === fromSeconds ? month : addLocalMonths(month, 1, zone);
  const windows: PricedSpan[] = [];
  for (let from = first, to = addLocalMonths(from, 1, zone); to <= toSeconds;) {
    windows.push({ fromSeconds: from, toSeconds: to });
    [from, to] = [to, addLocalMonths(to, 1, zone)];
  }
  const { stepSeconds } = documents[0] ?? { stepSeconds: 1 };
  const borders = [first, ...windows.map((window) => window.toSeconds)];
  if (borders.some((border) => border % stepSeconds !== 0)) {
    const message = `prices change every ${stepSeconds} s, and months in ${zone} begin between two of them`;
    throw new CliError("PRICES_OFF_GRID", message);
  }
  return windows.length > 0 ? windows : [{ fromSeconds, toSeconds }];
}

const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");
