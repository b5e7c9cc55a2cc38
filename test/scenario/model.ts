/**
 * What every bill and every neighbourhood's load must be, from the story alone: sums of plain numbers, calendars by the platform's clock,
 * money in whole units. Nothing of the code under test is used.
 */
import {
  gapsOf,
  PRICE_FLOOR,
  priceAt,
  SLOT_SECONDS,
  used,
  type Place,
  type Town,
} from "./story.ts";

interface Wall {
  readonly date: string;
  readonly hour: number;
  readonly weekday: string;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const walls = new Map<string, Wall>();

/** What a clock on the wall shows. */
export function wallAt(zone: string, instant: number): Wall {
  const known = walls.get(`${zone} ${instant}`);
  if (known !== undefined) return known;
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      weekday: "short",
    });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(
    format.formatToParts(1000 * instant).map(({ type, value }) => [type, value]),
  );
  const date = `${parts["year"]}-${parts["month"]}-${parts["day"]}`;
  const wall = { date, hour: Number(parts["hour"]), weekday: parts["weekday"] ?? "" };
  walls.set(`${zone} ${instant}`, wall);
  return wall;
}

/** The first half hour whose wall clock shows this date. */
export function midnightOf(zone: string, date: string): number {
  const noon = Date.parse(`${date}T12:00:00Z`) / 1000;
  for (let at = noon - 30 * 3600; ; at += SLOT_SECONDS) {
    if (wallAt(zone, at).date === date) return at;
  }
}

export const dateAfter = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000 * days).toISOString().slice(0, 10);

/** No reading: the meter measured nothing. */
export function isMissing(place: Place, start: number, dayStart: (day: number) => number): boolean {
  return gapsOf(place).some(({ day, fromSlot, slots }) => {
    const from = dayStart(day) + fromSlot * SLOT_SECONDS;
    return start >= from && start < from + slots * SLOT_SECONDS;
  });
}

export interface Registers {
  readonly high: bigint;
  readonly low: bigint;
  readonly exported: bigint;
  /** Σ mWh · (price − floor), prices in thousandths. */
  readonly cost: bigint;
}

/** What the meters of a place counted from one instant to another. */
export function registersOf(
  place: Place,
  from: number,
  to: number,
  dayStart: (day: number) => number,
): Registers {
  const sums = { high: 0n, low: 0n, exported: 0n, cost: 0n };
  for (let at = from; at < to; at += SLOT_SECONDS) {
    if (isMissing(place, at, dayStart)) continue;
    const { imported, exported } = used(place, at);
    const { hour, weekday } = wallAt(place.town.zone, at);
    const isHigh = weekday !== "Sun" && hour >= 7 && hour < 21;
    sums[isHigh ? "high" : "low"] += BigInt(imported);
    sums.exported += BigInt(exported);
    sums.cost += BigInt(imported) * BigInt(priceAt(at) - PRICE_FLOOR);
  }
  return sums;
}

export interface Prices {
  readonly from: string;
  readonly high: number;
  readonly low: number;
  readonly feedIn: number;
  readonly standingPerDay: number;
  readonly taxBasisPoints: number;
}

/** In the order in which they come into force; 10⁻⁶ of the currency. */
export const PRICES: readonly Prices[] = [
  {
    from: "2010-01-01",
    high: 285_000,
    low: 217_000,
    feedIn: 96_000,
    standingPerDay: 320_000,
    taxBasisPoints: 810,
  },
  {
    from: "2027-07-01",
    high: 301_500,
    low: 199_000,
    feedIn: 88_000,
    standingPerDay: 350_000,
    taxBasisPoints: 810,
  },
  {
    from: "2028-01-01",
    high: 277_700,
    low: 205_300,
    feedIn: 91_100,
    standingPerDay: 350_000,
    taxBasisPoints: 830,
  },
];

/** Beside what the market says; 10⁻⁶ of the currency. */
export const DYNAMIC_PRICES = {
  perKilowattHour: 98_000,
  feedIn: 60_000,
  standingPerDay: 250_000,
  taxBasisPoints: 810,
};

const daysBetween = (town: Town, from: number, to: number): bigint => {
  const [first, last] = [from, to].map((at) => Date.parse(wallAt(town.zone, at).date));
  return BigInt(((last ?? 0) - (first ?? 0)) / 86_400_000);
};

/** The same by the price of each hour. */
export function dynamicAmountOf(
  town: Town,
  from: number,
  to: number,
  { high, low, exported, cost }: Registers,
): string {
  const prices = DYNAMIC_PRICES;
  const imported = high + low;
  const market = 1000n * (cost + imported * BigInt(PRICE_FLOOR));
  const taxed =
    market +
    imported * BigInt(prices.perKilowattHour) +
    daysBetween(town, from, to) * BigInt(prices.standingPerDay) * 1_000_000n;
  const due = taxed * BigInt(10_000 + prices.taxBasisPoints);
  return rounded(due - exported * BigInt(prices.feedIn) * 10_000n);
}

/** The bill of a window, "12.34": by the prices of its first day, rounded once, half to even. */
export function amountOf(town: Town, from: number, to: number, registers: Registers): string {
  const first = wallAt(town.zone, from).date;
  const prices = PRICES.findLast((candidate) => candidate.from <= first);
  if (prices === undefined) throw new RangeError("prices from the beginning on");
  const days = daysBetween(town, from, to);
  // mWh × 10⁻⁶ a kWh is 10⁻¹²; tax in 10⁻⁴: 10⁻¹⁶ in all.
  const taxed =
    registers.high * BigInt(prices.high) +
    registers.low * BigInt(prices.low) +
    days * BigInt(prices.standingPerDay) * 1_000_000n;
  const due = taxed * BigInt(10_000 + prices.taxBasisPoints);
  return rounded(due - registers.exported * BigInt(prices.feedIn) * 10_000n);
}

/** 10⁻¹⁶ of the currency to its hundredths, half to even. */
function rounded(exact: bigint): string {
  const unit = 10n ** 14n;
  const magnitude = exact < 0n ? -exact : exact;
  let cents = magnitude / unit;
  const rest = magnitude % unit;
  if (rest * 2n > unit || (rest * 2n === unit && cents % 2n === 1n)) cents += 1n;
  const digits = String(cents).padStart(3, "0");
  const sign = exact < 0n && cents > 0n ? "-" : "";
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
