/** Statistics of a service point over its billing windows: sums and means of what its statements say, nothing finer. */
import { localDaysBetween, roundHalfEven } from "@smarter-metering/tariff";
import type { StatementRecord } from "./statement-query.ts";

export function daysOf({ fromSeconds, toSeconds, zone }: StatementRecord): number {
  return localDaysBetween(fromSeconds, toSeconds, zone);
}

/** Mean per local day of a window, rounded half to even. */
export function meanPerDayMilliwattHours(record: StatementRecord): bigint {
  return roundHalfEven(record.energyMilliwattHours, BigInt(daysOf(record)));
}

export interface ConsumptionTotal {
  readonly days: number;
  readonly energyMilliwattHours: bigint;
  readonly exportMilliwattHours: bigint;
  readonly meanPerDayMilliwattHours: bigint;
}

export function totalOf(records: readonly StatementRecord[]): ConsumptionTotal {
  const sum = (value: (record: StatementRecord) => bigint): bigint =>
    records.reduce((total, record) => total + value(record), 0n);
  const days = records.reduce((total, record) => total + daysOf(record), 0);
  const energyMilliwattHours = sum((record) => record.energyMilliwattHours);
  return {
    days,
    energyMilliwattHours,
    exportMilliwattHours: sum((record) => record.exportMilliwattHours),
    meanPerDayMilliwattHours: days === 0 ? 0n : roundHalfEven(energyMilliwattHours, BigInt(days)),
  };
}
