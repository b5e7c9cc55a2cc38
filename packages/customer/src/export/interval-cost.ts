/**
 * What each interval of import costs, and of export brings, by a tariff (docs/protocol.md §11): its energy at the price of its band, or of
 * the series of prices. Levies, tiers, taxes, standing charges and credits are of a window, not of an interval: the bill has them. Runs on
 * the customer's device.
 */
import {
  bandsOf,
  localDate,
  priceAt,
  versionOn,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import type { Reading } from "../readings.ts";
import { tariffOrUndefined } from "../tariff-errors.ts";

/** What an interval is priced by. */
export interface Pricing {
  readonly tariff: Tariff;
  /** Of a tariff whose calendar has a cost: documents of its series. */
  readonly prices?: readonly DynamicPrices[];
}

/** 10⁻⁶ of the currency per kWh; no price is known, or it changes inside the interval: undefined. */
export interface IntervalPrice {
  readonly importMicro: number | undefined;
  /** Paid to the customer. */
  readonly exportMicro: number | undefined;
}

const UNKNOWN: IntervalPrice = { importMicro: undefined, exportMicro: undefined };

/** One price for each of `readings`, which lie in one local day: its first instant decides the version. */
export function pricesOfDay(
  readings: readonly Reading[],
  zone: string,
  { tariff, prices = [] }: Pricing,
): IntervalPrice[] {
  const [first] = readings;
  if (first === undefined) return [];
  const version = tariffOrUndefined(() => versionOn(tariff, localDate(first.startSeconds, zone)));
  if (version === undefined) return readings.map(() => UNKNOWN);
  const { calendar } = tariff;
  const exportMicro = version.feedInMicroPerKilowattHour;
  return readings.map((reading) => {
    const { startSeconds, intervalSeconds } = reading;
    if (calendar.cost !== undefined) {
      const fits = calendar.cost.stepSeconds % intervalSeconds === 0;
      return { importMicro: fits ? priceAt(prices, startSeconds) : undefined, exportMicro };
    }
    const bands = tariffOrUndefined(() =>
      bandsOf(calendar, startSeconds, intervalSeconds, 1, zone),
    );
    const band = bands && calendar.bands[bands[0] ?? 0];
    const importMicro = band === undefined ? undefined : version.pricesMicroPerKilowattHour[band];
    return { importMicro, exportMicro };
  });
}

/** mWh × 10⁻⁶/kWh is 10⁻¹² of the currency: exact. */
export const COST_DIGITS = 12;

/** In 10⁻¹² of the currency. */
export const costE12 = (milliwattHours: number, micro: number): bigint =>
  BigInt(milliwattHours) * BigInt(micro);
