/**
 * A meter's cumulative registers: one per band of its calendar, then export, then zeros
 * (docs/protocol.md §2.2). Pure.
 */
import { REGISTERS } from "@smarter-metering/protocol";
import { bandsOf, type Calendar } from "@smarter-metering/tariff";
import { MeterError } from "./error.ts";
import type { Grid } from "./position.ts";
import type { Readings } from "./source.ts";

export type Registers = readonly bigint[];

export const ZERO_REGISTERS: Registers = Array.from({ length: REGISTERS }, () => 0n);

/**
 * Registers after `readings`, which begin at `fromSeconds`. Throws METER_SOURCE for a value that is
 * no energy.
 */
export function addReadings(
  registers: Registers,
  readings: Readings,
  fromSeconds: number,
  calendar: Calendar,
  grid: Grid,
): Registers {
  const count = readings.quality.length;
  const bands = bandsOf(calendar, fromSeconds, grid.intervalSeconds, count, grid.zone);
  const after = [...registers];
  const add = (register: number, value: number | undefined): void => {
    if (value === undefined || !Number.isInteger(value) || value < 0 || value >= 2 ** 32) {
      throw new MeterError("METER_SOURCE", "a reading is no integer from 0 to 2^32 - 1 mWh");
    }
    after[register] = (after[register] ?? 0n) + BigInt(value);
  };
  for (let index = 0; index < count; index++) {
    add(bands[index] ?? 0, readings.importMilliwattHours[index]);
    add(calendar.bands.length, readings.exportMilliwattHours[index]);
  }
  return after;
}
