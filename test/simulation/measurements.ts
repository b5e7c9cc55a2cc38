/**
 * Measurements by which everyone who reads a sum can say whose they are. In each hour household i consumes
 *   8 · mark · 5^i Wh, mark 1 or 2, and a few mWh more,
 * so a sum of hours is a number to base 5 whose digit i is 0 (not in it) or the mark (in it once); the lowest three bits count the whole
 * Wh that the mWh have grown to. Plain arithmetic, without the code under test.
 */
import { createHash } from "node:crypto";
import type { Readings } from "@smarter-metering/meter";
import { HOUR, HOUSEHOLDS, type Plan } from "./plan.ts";

const BASE = 5;
const CARRY = 8;
/** mWh a minute: under one Wh an hour, and another prime for each. */
const REST = [2, 3, 5, 7, 11, 13] as const;
const EXPORT = [0, 17, 0, 19, 0, 23] as const;
/** Above any fuse of the test world, below 2^32 mWh. */
const OVERFLOW_MILLIWATT_HOURS = 90_000_000;
const MISSING = 1;

/** Per band, then export: mWh. */
export type RegisterValues = readonly [high: bigint, low: bigint, exported: bigint];

export class Measurements {
  readonly #plan: Plan;
  /** Starts of the days, one more than there are. */
  readonly #days: readonly number[];
  readonly #marks = new Map<string, number>();
  readonly #registers = new Map<string, RegisterValues>();

  constructor(plan: Plan, days: readonly number[]) {
    this.#plan = plan;
    this.#days = days;
  }

  /** 1 or 2. */
  mark(household: number, hourStart: number): number {
    const name = `${this.#plan.seed}/${household}/${hourStart}`;
    const known = this.#marks.get(name);
    if (known !== undefined) return known;
    const mark = 1 + ((createHash("sha256").update(name).digest()[0] ?? 0) & 1);
    this.#marks.set(name, mark);
    return mark;
  }

  isMissing(household: number, start: number): boolean {
    return this.#plan.missing.some(
      (gap) => gap.household === household && this.#isIn(start, gap.day, gap.fromHour, gap.toHour),
    );
  }

  /** A reading in [from, to) cannot be: a frame with it contributes nothing. */
  isImpossible(household: number, from: number, to: number): boolean {
    const { intervalSeconds } = this.#plan;
    for (let start = from; start < to; start += intervalSeconds) {
      if (this.imported(household, start) >= OVERFLOW_MILLIWATT_HOURS) return true;
    }
    return false;
  }

  imported(household: number, start: number): number {
    if (this.isMissing(household, start)) return 0;
    const { intervalSeconds, overflow } = this.#plan;
    const hourStart = start - (start % HOUR);
    // All whole Wh of the hour in its last interval.
    const isLast = start + intervalSeconds === hourStart + HOUR;
    const whole = isLast ? this.#wholeWattHours(household, hourStart) * 1000 : 0;
    const isImpossible =
      isLast &&
      overflow.some(
        (o) => o.household === household && this.#isIn(start, o.day, o.hour, o.hour + 1),
      );
    const rest = ((REST[household] ?? 0) * intervalSeconds) / 60;
    return whole + rest + (isImpossible ? OVERFLOW_MILLIWATT_HOURS : 0);
  }

  exported(household: number, start: number): number {
    if (this.isMissing(household, start)) return 0;
    return ((EXPORT[household] ?? 0) * this.#plan.intervalSeconds) / 60;
  }

  readings(household: number, from: number, to: number): Readings {
    const { intervalSeconds } = this.#plan;
    const count = (to - from) / intervalSeconds;
    const each = (value: (start: number) => number): number[] =>
      Array.from({ length: count }, (_, index) => value(from + index * intervalSeconds));
    return {
      importMilliwattHours: each((start) => this.imported(household, start)),
      exportMilliwattHours: each((start) => this.exported(household, start)),
      quality: each((start) => (this.isMissing(household, start) ? MISSING : 0)),
    };
  }

  /** What the household's meter shows at a local midnight. */
  registers(household: number, midnight: number): RegisterValues {
    const name = `${household}/${midnight}`;
    const known = this.#registers.get(name);
    if (known !== undefined) return known;
    const before = this.#days[this.#days.indexOf(midnight) - 1];
    if (before === undefined) return [0n, 0n, 0n];
    let [high, low, exported] = this.registers(household, before);
    for (let start = before; start < midnight; start += this.#plan.intervalSeconds) {
      const energy = BigInt(this.imported(household, start));
      if (isHighTariff(start)) high += energy;
      else low += energy;
      exported += BigInt(this.exported(household, start));
    }
    const values = [high, low, exported] as const;
    this.#registers.set(name, values);
    return values;
  }

  /** Who is in the sum of an hour, and how often; undefined where no set of households has that sum. */
  decode(hourStart: number, wattHours: number): readonly number[] | undefined {
    let digits = Math.floor(wattHours / CARRY);
    const times: number[] = [];
    for (let household = 0; household < HOUSEHOLDS; household++) {
      times.push((digits % BASE) / this.mark(household, hourStart));
      digits = Math.floor(digits / BASE);
    }
    return digits === 0 && times.every(Number.isInteger) ? times : undefined;
  }

  /** A household's share of each hour's sum: ⌊R_end/1000⌋ − ⌊R_start/1000⌋ (docs/protocol.md §1.4). */
  wattHours(household: number, blockStart: number, blockEnd: number): readonly number[] {
    const [high, low] = this.registers(household, blockStart);
    let register = high + low;
    const shares: number[] = [];
    for (let hour = blockStart; hour < blockEnd; hour += HOUR) {
      const before = register / 1000n;
      for (let start = hour; start < hour + HOUR; start += this.#plan.intervalSeconds) {
        register += BigInt(this.imported(household, start));
      }
      shares.push(Number(register / 1000n - before));
    }
    return shares;
  }

  #wholeWattHours(household: number, hourStart: number): number {
    return CARRY * this.mark(household, hourStart) * BASE ** household;
  }

  #isIn(start: number, day: number, fromHour: number, toHour: number): boolean {
    const dayStart = this.#days[day] ?? 0;
    const dayEnd = this.#days[day + 1] ?? 0;
    const hour = Math.floor((start - dayStart) / HOUR);
    return start >= dayStart && start < dayEnd && hour >= fromHour && hour < toHour;
  }
}

const localHour = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/Zurich",
  weekday: "short",
  hour: "2-digit",
  hourCycle: "h23",
});
const highHours = new Map<number, boolean>();

/** Monday to Saturday, 07:00 to 21:00, as the test world's tariff says. */
function isHighTariff(start: number): boolean {
  const hour = start - (start % HOUR);
  const known = highHours.get(hour);
  if (known !== undefined) return known;
  const parts = localHour.formatToParts(hour * 1000);
  const value = (type: string): string => parts.find((part) => part.type === type)?.value ?? "";
  const clock = Number(value("hour"));
  const isHigh = value("weekday") !== "Sun" && clock >= 7 && clock < 21;
  highHours.set(hour, isHigh);
  return isHigh;
}
