/**
 * A meter's cumulative registers: one per band of its calendar, then export, then the cost where the
 * calendar has one, then zeros (docs/protocol.md §2.2, §6.6). Pure.
 */
import { REGISTERS } from "@smarter-metering/protocol";
import { bandsOf, wrapCost } from "@smarter-metering/tariff";
import { MeterError } from "./error.ts";
import type { PriceSeries } from "./price-book.ts";
import type { Provisioning } from "./provisioning.ts";
import type { Readings } from "./source.ts";

export type Registers = readonly bigint[];

export const ZERO_REGISTERS: Registers = Array.from({ length: REGISTERS }, () => 0n);

/**
 * Registers after `readings`, which begin at `fromSeconds`; with `prices`, which are known for all of
 * them, the cost too. Throws METER_SOURCE for a value that is no energy.
 */
export function addReadings(
  registers: Registers,
  readings: Readings,
  fromSeconds: number,
  { calendar, intervalSeconds, zone }: Pick<Provisioning, "calendar" | "intervalSeconds" | "zone">,
  prices: Pick<PriceSeries, "costOf"> | undefined,
): Registers {
  const { importMilliwattHours, exportMilliwattHours, quality } = readings;
  const bands = bandsOf(calendar, fromSeconds, intervalSeconds, quality.length, zone);
  const after = [...registers];
  const add = (register: number, value: number | undefined): void => {
    if (value === undefined || !Number.isInteger(value) || value < 0 || value >= 2 ** 32) {
      throw new MeterError("METER_SOURCE", "a reading is no integer from 0 to 2^32 - 1 mWh");
    }
    after[register] = (after[register] ?? 0n) + BigInt(value);
  };
  const exportRegister = calendar.bands.length;
  for (let index = 0; index < quality.length; index++) {
    add(bands[index] ?? 0, importMilliwattHours[index]);
    add(exportRegister, exportMilliwattHours[index]);
  }
  if (prices !== undefined) {
    const energies = { energiesMilliwattHours: importMilliwattHours, fromSeconds, intervalSeconds };
    const costRegister = exportRegister + 1;
    after[costRegister] = wrapCost((after[costRegister] ?? 0n) + prices.costOf(energies));
  }
  return after;
}
