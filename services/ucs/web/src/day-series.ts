/** One local day as equal slots (docs/protocol.md §1.4): 92, 96 or 100 quarters, with what is missing left missing. Pure. */
import type { Quality, Reading } from "@smarter-metering/customer";

export interface DaySlot {
  readonly startSeconds: number;
  /** Undefined: a gap. */
  readonly importMilliwattHours: number | undefined;
  readonly exportMilliwattHours: number | undefined;
  readonly quality: Quality;
}

export interface DaySeries {
  readonly intervalSeconds: number;
  readonly slots: readonly DaySlot[];
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
  readonly gaps: number;
}

const INTERVAL_SECONDS_DEFAULT = 900;

/** [from, to) is a local day; readings outside it are left out. */
export function daySeries(readings: readonly Reading[], from: number, to: number): DaySeries {
  const own = readings.filter(({ startSeconds }) => startSeconds >= from && startSeconds < to);
  const byStart = new Map(own.map((reading) => [reading.startSeconds, reading]));
  const intervalSeconds = own.reduce(
    (least, reading) => Math.min(least, reading.intervalSeconds),
    own[0]?.intervalSeconds ?? INTERVAL_SECONDS_DEFAULT,
  );
  const count = Math.ceil((to - from) / intervalSeconds);
  const slots = Array.from({ length: count }, (_, index): DaySlot => {
    const startSeconds = from + index * intervalSeconds;
    const reading = byStart.get(startSeconds);
    const isGap = reading === undefined || reading.quality === "missing";
    return {
      startSeconds,
      importMilliwattHours: isGap ? undefined : reading.importMilliwattHours,
      exportMilliwattHours: isGap ? undefined : reading.exportMilliwattHours,
      quality: reading?.quality ?? "missing",
    };
  });
  const sum = (pick: (slot: DaySlot) => number | undefined): number =>
    slots.reduce((total, slot) => total + (pick(slot) ?? 0), 0);
  return {
    intervalSeconds,
    slots,
    importMilliwattHours: sum((slot) => slot.importMilliwattHours),
    exportMilliwattHours: sum((slot) => slot.exportMilliwattHours),
    gaps: slots.filter((slot) => slot.importMilliwattHours === undefined).length,
  };
}

/** Such as 12.345 for 12,345,000 mWh: kWh with watt-hours, rounded to the nearest. */
export const kilowattHours = (milliwattHours: number): string =>
  (milliwattHours / 1_000_000).toFixed(3);
