// Samples of one household to a series on a regular grid: instants, interval, slots, integration
// (docs/protocol.md §2.1). Whatever does not fit is a finding, and its interval stays missing.
import type { Finding, FindingKind, FindingLog } from "./finding.ts";
import { ReadingsError } from "./readings-error.ts";
import { Register } from "./register.ts";
import type { HouseholdSamples } from "./samples.ts";
import type { Series } from "./series.ts";
import { MISSING } from "./series.ts";
import { formatUtc, formatWall } from "./timestamp.ts";
import { milliwattHoursPer } from "./unit.ts";
import type { Unit } from "./unit.ts";
import type { WallClock } from "./wall-clock.ts";

export interface GridOptions {
  readonly unit: Unit;
  /** Needed when a sample's time is a wall time. */
  readonly clock: WallClock | undefined;
  /** For a household whose rows do not tell. */
  readonly fallbackIntervalSeconds: number | undefined;
  readonly powerWattsMax: number;
  readonly intervalsMax: number;
  readonly findings: FindingLog;
}

/** Undefined when not one sample of the household has a usable time. */
export function buildSeries(samples: HouseholdSamples, options: GridOptions): Series | undefined {
  const instants = resolveInstants(samples, options);
  const sorted = instants.filter((instant) => !Number.isNaN(instant)).sort();
  const intervalSeconds =
    samples.declaredIntervalSeconds ?? mostFrequentStep(sorted) ?? options.fallbackIntervalSeconds;
  if (sorted.length === 0) return undefined;
  if (intervalSeconds === undefined) {
    throw new ReadingsError(
      "READINGS_INTERVAL_UNKNOWN",
      `${samples.file}: household ${samples.label} has one reading, so no interval; add another`,
    );
  }
  const phase = mostFrequent(sorted.map((instant) => instant % intervalSeconds)) ?? 0;
  const onGrid = sorted.filter((instant) => instant % intervalSeconds === phase);
  const [startSeconds = 0, last = 0] = [onGrid[0], onGrid.at(-1)];
  const length = (last - startSeconds) / intervalSeconds + 1;
  if (length > options.intervalsMax) {
    throw new ReadingsError(
      "READINGS_TOO_LARGE",
      `${samples.file}: household ${samples.label} spans ${formatUtc(startSeconds)} to ` +
        `${formatUtc(last)}, more than ${options.intervalsMax} intervals; is a date wrong?`,
    );
  }
  const grid: Grid = { startSeconds, intervalSeconds, length };
  return integrate(samples, placeRows(samples, instants, grid, options), grid, options);
}

interface Grid {
  readonly startSeconds: number;
  readonly intervalSeconds: number;
  readonly length: number;
}

/** The most frequent positive difference of sorted times; undefined when there is none. */
export function mostFrequentStep(sorted: Float64Array): number | undefined {
  const steps = sorted.subarray(1).map((instant, index) => instant - (sorted[index] ?? 0));
  return mostFrequent(steps.filter((step) => step > 0));
}

/** The smaller one when two are equally frequent. */
function mostFrequent(values: Float64Array): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let [best, bestCount]: [number | undefined, number] = [undefined, 0];
  for (const [value, count] of counts) {
    if (count < bestCount || (count === bestCount && value > (best ?? 0))) continue;
    [best, bestCount] = [value, count];
  }
  return best;
}

/** Epoch seconds of every sample; NaN where the zone's clocks never show the time. */
function resolveInstants(samples: HouseholdSamples, options: GridOptions): Float64Array {
  const { seconds, isWall, isEmpty } = samples.columns;
  const instants = seconds.slice(0, samples.count);
  /** Wall times that happen twice, and the sample that stands for the first of them. */
  const repeated = new Map<number, number>();
  const once = new Set<number>();
  for (let index = 0; index < samples.count; index += 1) {
    if (isWall[index] === 0 || options.clock === undefined) continue;
    const wall = seconds[index] ?? 0;
    const [first, second] = options.clock.instantsOf(wall);
    if (first === undefined) {
      instants[index] = NaN;
      if (isEmpty[index] === 1) continue;
      const detail = `${formatWall(wall)} does not exist in ${options.clock.zone}: not imported`;
      options.findings.add(place(samples, index, "dst-missing", detail));
    } else if (second === undefined || !repeated.has(wall)) {
      instants[index] = first;
      if (second === undefined) continue;
      repeated.set(wall, index);
      if (isEmpty[index] === 0) once.add(wall);
    } else {
      // The order of the rows tells the two apart: the second of them is the later.
      instants[index] = second;
      once.delete(wall);
    }
  }
  for (const wall of once) {
    const index = repeated.get(wall) ?? 0;
    const detail = `${formatWall(wall)} happens twice and stands there once: taken as the earlier`;
    options.findings.add(place(samples, index, "dst-repeated", detail));
  }
  return instants;
}

/** For every slot of the grid the number of its sample plus 1; 0 where there is none. */
function placeRows(
  samples: HouseholdSamples,
  instants: Float64Array,
  grid: Grid,
  options: GridOptions,
): Uint32Array {
  const { isEmpty } = samples.columns;
  const rows = new Uint32Array(grid.length);
  const add = (index: number, kind: FindingKind, detail: string) =>
    options.findings.add(place(samples, index, kind, detail));
  let latest = -Infinity;
  for (const [index, instant] of instants.entries()) {
    if (Number.isNaN(instant)) continue;
    if (samples.hasOrder && instant < latest)
      add(index, "unordered", `${formatUtc(instant)} after a later time`);
    latest = Math.max(latest, instant);
    const slot = (instant - grid.startSeconds) / grid.intervalSeconds;
    if (!Number.isInteger(slot)) {
      add(
        index,
        "off-grid",
        `${formatUtc(instant)} is not on the grid of ${grid.intervalSeconds} s`,
      );
      continue;
    }
    if (isEmpty[index] === 1) add(index, "empty", `no value at ${formatUtc(instant)}`);
    const earlier = (rows[slot] ?? 0) - 1;
    if (earlier < 0 || isEmpty[earlier] === 1) rows[slot] = index + 1;
    else if (isEmpty[index] === 1) continue;
    else if (sameValue(samples, earlier, index)) {
      add(index, "duplicate", `${formatUtc(instant)} again`);
    } else
      add(index, "conflict", `${formatUtc(instant)} again with another value: the first is kept`);
  }
  addGaps(samples, rows, grid, options.findings);
  return rows;
}

function addGaps(
  samples: HouseholdSamples,
  rows: Uint32Array,
  grid: Grid,
  findings: FindingLog,
): void {
  for (let slot = rows.indexOf(0); slot >= 0; slot = rows.indexOf(0, slot)) {
    const first = slot;
    while (slot < rows.length && rows[slot] === 0) slot += 1;
    const from = formatUtc(grid.startSeconds + first * grid.intervalSeconds);
    const until = formatUtc(grid.startSeconds + slot * grid.intervalSeconds);
    const detail = `${slot - first} intervals from ${from} to ${until}, before this row`;
    // The grid ends with a row, so there is one behind every gap.
    findings.add(place(samples, (rows[slot] ?? 1) - 1, "gap", detail), slot - first);
  }
}

function integrate(
  samples: HouseholdSamples,
  rows: Uint32Array,
  grid: Grid,
  options: GridOptions,
): Series {
  const { columns } = samples;
  const unit = samples.declaredUnit ?? options.unit;
  const factor = milliwattHoursPer(unit, grid.intervalSeconds);
  const scaleMax = largestScale(samples);
  const [importRegister, exportRegister] = [
    new Register(factor, scaleMax),
    new Register(factor, scaleMax),
  ];
  const importMilliwattHours = new Float64Array(grid.length);
  const exportMilliwattHours = new Float64Array(grid.length);
  const quality = new Uint8Array(grid.length).fill(MISSING);
  const valueMax = largestValue(options, unit, grid.intervalSeconds);
  for (const [slot, row] of rows.entries()) {
    const index = row - 1;
    if (index < 0 || columns.isEmpty[index] === 1) continue;
    const mantissa = columns.mantissa[index] ?? 0n;
    const scale = columns.scale[index] ?? 0;
    const exported = columns.exported[index] ?? 0n;
    const problem = judge(mantissa, scale, valueMax) ?? judge(exported, scale, valueMax);
    if (problem !== undefined) {
      options.findings.add(place(samples, index, problem.kind, problem.detail));
      continue;
    }
    quality[slot] = columns.quality[index] ?? MISSING;
    if (quality[slot] === MISSING) continue;
    importMilliwattHours[slot] = importRegister.add(mantissa, scale);
    exportMilliwattHours[slot] = exportRegister.add(exported, scale);
  }
  const { startSeconds, intervalSeconds } = grid;
  const { label } = samples;
  return {
    label,
    startSeconds,
    intervalSeconds,
    importMilliwattHours,
    exportMilliwattHours,
    quality,
  };
}

function judge(
  mantissa: bigint,
  scale: number,
  valueMax: number,
): { kind: FindingKind; detail: string } | undefined {
  if (mantissa < 0n) {
    const detail = "below 0: taken as missing (export belongs in a column of its own)";
    return { kind: "negative", detail };
  }
  if (Number(mantissa) / 10 ** scale <= valueMax) return undefined;
  return { kind: "absurd", detail: "above the largest power of the connection: taken as missing" };
}

/** The largest believable value in `unit`. */
function largestValue(options: GridOptions, unit: Unit, intervalSeconds: number): number {
  const milliwattHours = (options.powerWattsMax * 1000 * intervalSeconds) / 3600;
  const { numerator, denominator } = milliwattHoursPer(unit, intervalSeconds);
  return (milliwattHours * Number(denominator)) / Number(numerator);
}

function largestScale(samples: HouseholdSamples): number {
  const { scale } = samples.columns;
  let largest = 0;
  for (let index = 0; index < samples.count; index += 1) {
    largest = Math.max(largest, scale[index] ?? 0);
  }
  return largest;
}

/** Compared exactly: 0.5 and 0.50 are one value (trailing zeros are gone after parsing). */
function sameValue(samples: HouseholdSamples, a: number, b: number): boolean {
  const { mantissa, scale, exported } = samples.columns;
  return mantissa[a] === mantissa[b] && scale[a] === scale[b] && exported[a] === exported[b];
}

function place(
  samples: HouseholdSamples,
  index: number,
  kind: FindingKind,
  detail: string,
): Finding {
  const { file, label: household, columns } = samples;
  const [line, column] = [columns.line[index] ?? 0, columns.column[index] ?? 0];
  return { kind, file, line, column, household, detail };
}

const KILO = 1000;

/**
 * A sentence that lets a person tell power from energy: what the values look like as either.
 * Approximate, from the first household, before any zone is known.
 */
export function describeMagnitudes(samples: HouseholdSamples): string {
  const { seconds, mantissa, scale, isEmpty } = samples.columns;
  const stepSeconds =
    samples.declaredIntervalSeconds ??
    mostFrequentStep(seconds.slice(0, samples.count).sort()) ??
    900;
  let [sum, count, largest] = [0, 0, 0];
  for (let index = 0; index < samples.count; index += 1) {
    if (isEmpty[index] === 1) continue;
    const value = Number(mantissa[index] ?? 0n) / 10 ** (scale[index] ?? 0);
    sum += value;
    count += 1;
    largest = Math.max(largest, value);
  }
  const mean = sum / Math.max(count, 1);
  const perHour = 3600 / stepSeconds;
  // Nobody uses megawatt-hours a day: such numbers are of the smaller units.
  const isSmall = mean * 24 * Math.min(1, perHour) > KILO;
  const divisor = isSmall ? KILO : 1;
  const describe = (factor: number): string =>
    `${((mean * 24 * factor) / divisor).toFixed(1)} kWh a day, ` +
    `peak ${((largest * factor) / divisor).toFixed(2)} kW`;
  const [power, energy] = isSmall ? ["W", "Wh"] : ["kW", "kWh"];
  const asEnergy = `read as ${energy}: ${describe(perHour)}`;
  return `read as ${power}: ${describe(1)}; ${asEnergy} (household ${samples.label})`;
}
