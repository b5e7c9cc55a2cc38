/** From a feeder meter's readings to the local days that the MDMS takes (docs/quality.md). The network's own readings, of a neighbourhood. Pure. */
import { seriesEndSeconds, type Series } from "@smarter-metering/readings";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";

const MISSING = 1;

export interface FeederDay {
  /** ISO 8601, a local midnight. */
  readonly start: string;
  /** Import less export of each interval of the day, Wh; null where a reading is missing. */
  readonly energy_Wh: readonly (number | null)[];
}

/** The neighbourhood's clock and grid. */
export interface FeederGrid {
  readonly zone: string;
  readonly intervalSeconds: number;
}

/**
 * Every local day of which the series has at least one interval. Wh are differences of a register that is rounded down
 * (docs/protocol.md §1.4), so that they add up. Throws FEEDER_OFF_GRID when the intervals do not fit.
 */
export function feederDays(series: Series, { zone, intervalSeconds }: FeederGrid): FeederDay[] {
  const ratio = intervalSeconds / series.intervalSeconds;
  if (!Number.isInteger(ratio) || series.startSeconds % series.intervalSeconds !== 0) {
    const message = `readings of ${series.intervalSeconds} s do not make intervals of ${intervalSeconds} s; give the feeder's at ${intervalSeconds} s or a part of it`;
    throw new CliError("FEEDER_OFF_GRID", message);
  }
  const days: FeederDay[] = [];
  let register = 0;
  const end = seriesEndSeconds(series);
  let dayStart = localDayStart(series.startSeconds, zone);
  while (dayStart < end) {
    const dayEnd = addLocalDays(dayStart, 1, zone);
    const energy: (number | null)[] = [];
    for (let at = dayStart; at < dayEnd; at += intervalSeconds) {
      const milliwattHours = netOf(
        series,
        (at - series.startSeconds) / series.intervalSeconds,
        ratio,
      );
      const before = Math.floor(register / 1000);
      register += milliwattHours ?? 0;
      energy.push(milliwattHours === undefined ? null : Math.floor(register / 1000) - before);
    }
    const start = new Date(1000 * dayStart).toISOString().replace(".000", "");
    if (energy.some((value) => value !== null)) days.push({ start, energy_Wh: energy });
    dayStart = dayEnd;
  }
  return days;
}

/** Undefined unless all of the intervals have readings. */
function netOf(series: Series, first: number, count: number): number | undefined {
  let sum = 0;
  for (let i = first; i < first + count; i++) {
    if ((series.quality[i] ?? MISSING) === MISSING) return undefined;
    sum += (series.importMilliwattHours[i] ?? 0) - (series.exportMilliwattHours[i] ?? 0);
  }
  return sum;
}

/** Requests of the MDMS's API: few enough days for its largest body. */
export function* batchesOf(days: readonly FeederDay[]): Generator<readonly FeederDay[]> {
  let batch: FeederDay[] = [];
  let bytes = 0;
  for (const day of days) {
    const size = JSON.stringify(day).length;
    if (batch.length === DAYS_MAX || (batch.length > 0 && bytes + size > BODY_BYTES_MAX)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(day);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

const DAYS_MAX = 8;
const BODY_BYTES_MAX = 14_000;
