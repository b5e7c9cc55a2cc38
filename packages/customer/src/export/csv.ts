/**
 * Own readings as a table for people and spreadsheets (RFC 4180, UTF-8, LF). Runs on the customer's device, the only place that may see
 * what is in it.
 */
import { exactDigits, formatMinor, zoneOffsetSeconds } from "@smarter-metering/tariff";
import type { Reading } from "../readings.ts";
import type { CostPlan } from "../series/cost-plan.ts";
import { intervalCost } from "../series/interval-cost.ts";
import { currencyOfPlans } from "./currency.ts";
import { localDays } from "./local-days.ts";

export interface CsvOptions {
  /** In order of time, each interval once. */
  readonly readings: readonly Reading[];
  /** IANA, of the wall clock in the first column. */
  readonly zone: string;
  /** Adds the column of costs. In one currency; an interval is priced by the plan in whose window it begins. */
  readonly plans?: readonly CostPlan[];
}

/** 1 mWh is 10⁻⁶ kWh. */
const KILOWATT_HOUR_DIGITS = 6;

/**
 * A header, then a row for each interval, one local day a chunk. Columns: `start_local`, ISO 8601 with the offset from UTC, which tells the
 * two hours apart that an autumn's day has twice; `start_utc`; `seconds`; `import_kWh`, `export_kWh`, exact with six decimals; `quality`;
 * with `plans` `energy_cost_gross_without_standing_EUR`, named by the currency: import at its price with levies and taxes, less what
 * export is paid, and nothing that is of days or windows (standing charges, minimums, tiers, credits). Exact, not rounded: rows add up to
 * `spanCost` where every price is known. A missing interval has no numbers; one without a known price no cost. Throws TariffError ZONE_UNKNOWN,
 * CUSTOMER_EXPORT_UNSUPPORTED for plans in several currencies.
 */
export function* csvOf({ readings, zone, plans = [] }: CsvOptions): Generator<string> {
  const currency = currencyOfPlans(plans);
  const cost = currency === undefined ? "" : `,energy_cost_gross_without_standing_${currency}`;
  yield `start_local,start_utc,seconds,import_kWh,export_kWh,quality${cost}\n`;
  for (const day of localDays(readings, zone)) {
    const rows = day.readings.map((reading) => {
      const row = rowOf(reading, zone);
      return currency === undefined ? `${row}\n` : `${row},${costText(reading, plans)}\n`;
    });
    yield rows.join("");
  }
}

function rowOf(reading: Reading, zone: string): string {
  const { startSeconds, intervalSeconds, quality } = reading;
  const isMissing = quality === "missing";
  const energies = [reading.importMilliwattHours, reading.exportMilliwattHours].map((energy) =>
    isMissing ? "" : formatMinor(BigInt(energy), KILOWATT_HOUR_DIGITS),
  );
  const offset = zoneOffsetSeconds(startSeconds, zone);
  const local = `${isoText(startSeconds + offset)}${offsetText(offset)}`;
  return [local, `${isoText(startSeconds)}Z`, intervalSeconds, ...energies, quality].join(",");
}

const isoText = (seconds: number): string => new Date(1000 * seconds).toISOString().slice(0, 19);

/** Whole minutes: no zone has had others since 1972. */
function offsetText(offsetSeconds: number): string {
  const minutes = Math.round(Math.abs(offsetSeconds) / 60);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${offsetSeconds < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function costText(reading: Reading, plans: readonly CostPlan[]): string {
  const { importE16, exportE16 = 0n } = intervalCost(plans, reading) ?? {};
  if (importE16 === undefined || reading.quality === "missing") return "";
  return formatMinor(importE16 + exportE16, exactDigits).replace(/0{1,14}$/, "");
}
