/**
 * What the released numbers must be, computed from the households' own readings without any of the protocol: the demonstration checks
 * every released interval and every statement against it.
 */
import type { Readings } from "@smarter-metering/meter";
import { bandsOf, type Calendar } from "@smarter-metering/tariff";
import type { HouseholdData } from "./household-data.ts";

export interface TruthHousehold {
  readonly data: HouseholdData;
  /** The MDMS pseudonym. */
  readonly servicePoint: string;
  readonly cohort: string | undefined;
}

export interface ReleasedLoad {
  readonly cohort: string;
  /** Epoch seconds. */
  readonly start: number;
  readonly intervalSeconds: number;
  readonly energyWattHours: readonly number[];
}

export interface ReleasedStatement {
  readonly servicePoint: string;
  readonly from: number;
  readonly to: number;
  /** Per band of the calendar, mWh. */
  readonly registersMilliwattHours: Readonly<Record<string, bigint>>;
  readonly exportMilliwattHours: bigint;
}

export interface LoadCheck {
  readonly intervals: number;
  /** Released intervals below, and above, the sum of the readings. */
  readonly lost: number;
  readonly doubled: number;
}

const MISSING = 1;

/** Cumulative import in mWh at the borders of LOAD intervals, counted from the contract's start. */
class Register {
  readonly #household: TruthHousehold;
  #at: number;
  #total = 0;

  constructor(household: TruthHousehold, contractStart: number) {
    this.#household = household;
    this.#at = contractStart;
  }

  /**
   * Whole Wh of each of `count` intervals from `start`: ⌊R_end/1000⌋ − ⌊R_start/1000⌋, and 0 where a reading of the interval is missing
   * (docs/protocol.md §6.3). Asked in order of time.
   */
  wattHours(start: number, intervalSeconds: number, count: number): number[] {
    const { data } = this.#household;
    if (start > this.#at) this.#count(data.window(this.#at, start));
    const end = start + count * intervalSeconds;
    const readings = data.window(start, end);
    this.#at = end;
    const perSlot = intervalSeconds / data.intervalSeconds;
    return Array.from({ length: count }, (_, slot) => {
      const before = Math.floor(this.#total / 1000);
      const complete = this.#count(readings, slot * perSlot, (slot + 1) * perSlot);
      return complete ? Math.floor(this.#total / 1000) - before : 0;
    });
  }

  /** Counts readings `from` to `to`; false when one is missing. */
  #count(readings: Readings | undefined, from = 0, to = readings?.quality.length ?? 0): boolean {
    let complete = readings !== undefined;
    for (let index = from; index < to; index++) {
      this.#total += readings?.importMilliwattHours[index] ?? 0;
      if (readings?.quality[index] === MISSING) complete = false;
    }
    return complete;
  }
}

export function checkLoads(
  releases: readonly ReleasedLoad[],
  households: readonly TruthHousehold[],
  contractStart: number,
): LoadCheck {
  const registers = new Map<string, Register[]>();
  for (const household of households) {
    if (household.cohort === undefined) continue;
    const list = registers.get(household.cohort) ?? [];
    list.push(new Register(household, contractStart));
    registers.set(household.cohort, list);
  }
  const check = { intervals: 0, lost: 0, doubled: 0 };
  for (const release of releases.toSorted((a, b) => a.start - b.start)) {
    const { start, intervalSeconds, energyWattHours } = release;
    const expected = energyWattHours.map(() => 0);
    for (const register of registers.get(release.cohort) ?? []) {
      const values = register.wattHours(start, intervalSeconds, energyWattHours.length);
      for (const [slot, value] of values.entries()) expected[slot] = (expected[slot] ?? 0) + value;
    }
    for (const [slot, released] of energyWattHours.entries()) {
      check.intervals += 1;
      if (released < (expected[slot] ?? 0)) check.lost += 1;
      if (released > (expected[slot] ?? 0)) check.doubled += 1;
    }
  }
  return check;
}

/** Σ |released − truth| over all registers of all statements, mWh: 0 when every bill is exact. */
export function statementDifference(
  statements: readonly ReleasedStatement[],
  households: readonly TruthHousehold[],
  calendar: Calendar,
  zone: string,
): bigint {
  const byServicePoint = new Map(households.map((entry) => [entry.servicePoint, entry.data]));
  let difference = 0n;
  for (const statement of statements) {
    const data = byServicePoint.get(statement.servicePoint);
    const truth = data && consumption(data, statement, calendar, zone);
    if (truth === undefined) {
      for (const value of Object.values(statement.registersMilliwattHours)) difference += value;
      continue;
    }
    for (const [index, band] of calendar.bands.entries()) {
      const released = statement.registersMilliwattHours[band] ?? 0n;
      difference += absolute(released - BigInt(truth.bands[index] ?? 0));
    }
    difference += absolute(statement.exportMilliwattHours - BigInt(truth.exported));
  }
  return difference;
}

function consumption(
  data: HouseholdData,
  { from, to }: ReleasedStatement,
  calendar: Calendar,
  zone: string,
): { bands: number[]; exported: number } | undefined {
  const readings = data.window(from, to);
  if (readings === undefined) return undefined;
  const count = readings.importMilliwattHours.length;
  const bandOf = bandsOf(calendar, from, data.intervalSeconds, count, zone);
  const bands = calendar.bands.map(() => 0);
  let exported = 0;
  for (let index = 0; index < count; index++) {
    const band = bandOf[index] ?? 0;
    bands[band] = (bands[band] ?? 0) + (readings.importMilliwattHours[index] ?? 0);
    exported += readings.exportMilliwattHours[index] ?? 0;
  }
  return { bands, exported };
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);
