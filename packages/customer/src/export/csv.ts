/**
 * Own readings as a table for people and spreadsheets (RFC 4180, UTF-8, LF). Runs on the customer's device, the only place that may see
 * what is in it.
 */
import { formatMinor, zoneOffsetSeconds } from "@smarter-metering/tariff";
import type { Reading } from "../readings.ts";
import {
  COST_DIGITS,
  costE12,
  pricesOfDay,
  type IntervalPrice,
  type Pricing,
} from "./interval-cost.ts";
import { localDays } from "./local-days.ts";

export interface CsvOptions {
  /** In order of time, each interval once. */
  readonly readings: readonly Reading[];
  /** IANA, of the wall clock in the first column. */
  readonly zone: string;
  /** Adds the column of costs. */
  readonly pricing?: Pricing;
}

/** 1 mWh is 10⁻⁶ kWh. */
const KILOWATT_HOUR_DIGITS = 6;

/**
 * A header, then a row for each interval, one local day a chunk. Columns: `start_local`, ISO 8601 with the offset from UTC, which tells the
 * two hours apart that an autumn's day has twice; `start_utc`; `seconds`; `import_kWh`, `export_kWh`, exact with six decimals; `quality`;
 * with `pricing` `energy_cost_EUR`, named by the currency: import at its price less what export
 * brings, exact, before levies and taxes. A missing interval has no numbers; one without
 * a known price no cost. Throws TariffError ZONE_UNKNOWN.
 */
export function* csvOf({ readings, zone, pricing }: CsvOptions): Generator<string> {
  const cost = pricing === undefined ? "" : `,energy_cost_${pricing.tariff.currency}`;
  yield `start_local,start_utc,seconds,import_kWh,export_kWh,quality${cost}\n`;
  for (const day of localDays(readings, zone)) {
    const prices = pricing && pricesOfDay(day.readings, zone, pricing);
    const rows = day.readings.map((reading, index) => {
      const row = rowOf(reading, zone);
      return prices === undefined ? `${row}\n` : `${row},${costText(reading, prices[index])}\n`;
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

function costText(reading: Reading, price: IntervalPrice | undefined): string {
  const { importMilliwattHours: imported, exportMilliwattHours: exported, quality } = reading;
  const { importMicro, exportMicro } = price ?? {};
  const isKnown = importMicro !== undefined && exportMicro !== undefined && quality !== "missing";
  if (!isKnown) return "";
  const sum = costE12(imported, importMicro) - costE12(exported, exportMicro);
  return formatMinor(sum, COST_DIGITS).replace(/0{1,10}$/, "");
}
