/**
 * A neighbourhood's load as a curve: released blocks laid on a span of local days, finer or coarser, with gaps where nothing was released.
 * Mean power, in kW; a step with anything missing in it is a gap, never less.
 */
import {
  addLocalDays,
  addLocalMonths,
  localDayStart,
  localMonthStart,
} from "@smarter-metering/tariff";

/** A block as `/v1/load` gives it. */
export interface Block {
  readonly start: string;
  readonly intervalSeconds: number;
  readonly energy_Wh: readonly number[];
  readonly contributorsPerSlot: readonly number[];
  readonly members: number;
}

export const SPANS = ["day", "week", "month", "quarter", "year"] as const;
export type Span = (typeof SPANS)[number];
export const STEPS = ["interval", "hour", "day"] as const;
export type Step = (typeof STEPS)[number];

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Equally long arrays; x in epoch seconds, the start of each step. */
export interface Curve {
  readonly x: Float64Array;
  /** kW; NaN: a gap. */
  readonly y: Float64Array;
  /** Fewest in any slot of the step; 0 in a gap. */
  readonly contributors: Int32Array;
}

const HOUR = 3600;

/** What a step is when nobody chose: some hundreds of points. */
export const stepOf = (span: Span): Step =>
  span === "day" || span === "week" ? "interval" : span === "month" ? "hour" : "day";

/** The span that contains an instant: weeks begin on Monday, quarters in January, April, July and October. */
export function rangeOf(span: Span, seconds: number, zone: string): Range {
  const day = localDayStart(seconds, zone);
  if (span === "day") return { from: day, to: addLocalDays(day, 1, zone) };
  if (span === "week") {
    const date = new Date((day + 12 * HOUR) * 1000);
    const weekday = new Intl.DateTimeFormat("en", { timeZone: zone, weekday: "short" }).format(
      date,
    );
    const from = addLocalDays(
      day,
      -["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(weekday),
      zone,
    );
    return { from, to: addLocalDays(from, 7, zone) };
  }
  const months = span === "month" ? 1 : span === "quarter" ? 3 : 12;
  const first = localMonthStart(seconds, zone);
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, month: "numeric" });
  const month = Number(format.format(new Date((first + 12 * HOUR) * 1000))) - 1;
  const from = addLocalMonths(first, -(month % months), zone);
  return { from, to: addLocalMonths(from, months, zone) };
}

/** The span before it or after it. */
export function neighbour(span: Span, { from, to }: Range, zone: string, by: -1 | 1): Range {
  return rangeOf(span, by === 1 ? to : from - 1, zone);
}

/** What is drawn pale behind: days and weeks beside the week before, longer spans beside the one before. */
export function behindOf(span: Span, range: Range, zone: string): Range {
  if (span !== "day") return neighbour(span, range, zone, -1);
  return { from: addLocalDays(range.from, -7, zone), to: addLocalDays(range.to, -7, zone) };
}

/** Mean of a sum as far as it is complete. */
class Bucket {
  #wattHours = 0;
  #seconds = 0;
  #contributors = Infinity;
  #isComplete = true;

  add(wattHours: number | undefined, contributors: number, seconds: number): void {
    if (wattHours === undefined || contributors === 0) this.#isComplete = false;
    this.#wattHours += wattHours ?? 0;
    this.#seconds += seconds;
    this.#contributors = Math.min(this.#contributors, contributors);
  }

  get kilowatts(): number {
    return this.#isComplete ? (this.#wattHours * HOUR) / this.#seconds / 1000 : Number.NaN;
  }

  get contributors(): number {
    return this.#isComplete ? this.#contributors : 0;
  }
}

/** Blocks of one neighbourhood in any order; `intervalSeconds` is the grid where there are none. */
export function curveOf(
  blocks: readonly Block[],
  range: Range,
  step: Step,
  { zone, intervalSeconds }: { readonly zone: string; readonly intervalSeconds: number },
): Curve {
  const byStart = new Map(blocks.map((block) => [Date.parse(block.start) / 1000, block]));
  const buckets = new Map<number, Bucket>();
  for (let day = range.from; day < range.to; day = addLocalDays(day, 1, zone)) {
    const block = byStart.get(day);
    const seconds = block?.intervalSeconds ?? intervalSeconds;
    const slots = (addLocalDays(day, 1, zone) - day) / seconds;
    for (let slot = 0; slot < slots; slot++) {
      const at = day + slot * seconds;
      const start = step === "day" ? day : step === "hour" ? at - ((at - day) % HOUR) : at;
      const bucket = buckets.get(start) ?? new Bucket();
      buckets.set(start, bucket);
      bucket.add(block?.energy_Wh[slot], block?.contributorsPerSlot[slot] ?? 0, seconds);
    }
  }
  const found = [...buckets];
  return {
    x: Float64Array.from(found, ([start]) => start),
    y: Float64Array.from(found, ([, bucket]) => bucket.kilowatts),
    contributors: Int32Array.from(found, ([, bucket]) => bucket.contributors),
  };
}

/**
 * `curve` laid over `range`, day by day: the third day beside the third day, whatever the clocks did in between. What has no counterpart
 * is a gap.
 */
export function laidOver(curve: Curve, onto: Curve, from: Range, zone: string): Float64Array {
  const known = new Map([...curve.x].map((x, index) => [x, curve.y[index] ?? Number.NaN]));
  const firstDay = onto.x[0];
  if (firstDay === undefined) return new Float64Array();
  let [theirDay, ourDay, nextDay] = [from.from, firstDay, addLocalDays(firstDay, 1, zone)];
  return onto.x.map((x) => {
    while (x >= nextDay) {
      theirDay = addLocalDays(theirDay, 1, zone);
      [ourDay, nextDay] = [nextDay, addLocalDays(nextDay, 1, zone)];
    }
    return known.get(theirDay + (x - ourDay)) ?? Number.NaN;
  });
}

export interface CurveFacts {
  readonly peakKilowatts: number;
  readonly peakAt: number;
  readonly meanKilowatts: number;
  /** Mean by peak: 1 for a load that never changes. */
  readonly loadFactor: number;
  readonly energyKilowattHours: number;
  /** Fewest on any point that is no gap. */
  readonly contributorsMin: number;
  /** Of all points, those with a value. */
  readonly knownShare: number;
}

/** Undefined when every point is a gap. `range` ends the last step. */
export function factsOf({ x, y, contributors }: Curve, range: Range): CurveFacts | undefined {
  let [peak, peakAt, energy, seconds, known] = [-Infinity, 0, 0, 0, 0];
  let contributorsMin = Infinity;
  for (const [index, kilowatts] of y.entries()) {
    if (Number.isNaN(kilowatts)) continue;
    const start = x[index] ?? 0;
    const length = (x[index + 1] ?? range.to) - start;
    if (kilowatts > peak) [peak, peakAt] = [kilowatts, start];
    energy += (kilowatts * length) / HOUR;
    seconds += length;
    known += 1;
    contributorsMin = Math.min(contributorsMin, contributors[index] ?? 0);
  }
  if (known === 0) return undefined;
  const mean = (energy * HOUR) / seconds;
  return {
    peakKilowatts: peak,
    peakAt,
    meanKilowatts: mean,
    loadFactor: peak > 0 ? mean / peak : 1,
    energyKilowattHours: energy,
    contributorsMin,
    knownShare: known / y.length,
  };
}
