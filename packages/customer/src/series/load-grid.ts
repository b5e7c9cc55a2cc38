/**
 * The energies of equally long intervals, with the least, greatest, sum and count of every 8, 64, … 32,768 of them: one grid of a
 * `LoadPyramid`. Pure; runs at the customer, in a worker.
 */
import type { Span } from "../bill-window.ts";
import { MISSING } from "./reading-series.ts";

const FACTOR_BITS = 3;
const FACTOR = 1 << FACTOR_BITS;
const LEVELS = 5;
/** Slots are allotted in pieces of this many, so that every level ends where they do: 22 days of minutes. */
const PIECE_SLOTS = FACTOR ** LEVELS;
/** Five years of minutes, and two pieces begun: 24 MB. Beyond it the oldest are left out. */
const SLOTS_MAX = 83 * PIECE_SLOTS;

/** Of intervals: energies in mWh, and how many have one. */
export interface Fold {
  min: number;
  max: number;
  sum: number;
  count: number;
}

export interface Slots {
  /** On the grid. */
  readonly startSeconds: number;
  readonly energies: Uint32Array;
  readonly quality: Uint8Array;
}

interface Level {
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly sum: Float64Array;
  readonly count: Uint32Array;
}

const levelOf = (bins: number): Level => ({
  min: new Float64Array(bins).fill(Infinity),
  max: new Float64Array(bins).fill(-Infinity),
  sum: new Float64Array(bins),
  count: new Uint32Array(bins),
});

export class LoadGrid {
  readonly intervalSeconds: number;
  /** Every interval starts at this many seconds and a multiple of `intervalSeconds`. */
  readonly phaseSeconds: number;
  /** Number of the first slot, counted from the epoch. */
  #firstSlot = 0;
  /** NaN: no reading. */
  #energies = new Float64Array(0);
  #levels: readonly Level[] = [];

  constructor(intervalSeconds: number, phaseSeconds: number) {
    this.intervalSeconds = intervalSeconds;
    this.phaseSeconds = phaseSeconds;
  }

  get fromSeconds(): number {
    return this.#firstSlot * this.intervalSeconds + this.phaseSeconds;
  }

  get toSeconds(): number {
    return this.fromSeconds + this.#energies.length * this.intervalSeconds;
  }

  /** Writes over what was there; a reading of quality _missing_ is a gap. */
  write(runs: readonly Slots[]): void {
    const filled = runs.filter(({ energies }) => energies.length > 0);
    if (filled.length === 0) return;
    const starts = filled.map(({ startSeconds }) => this.#slotAt(startSeconds));
    const ends = filled.map(({ energies }, index) => (starts[index] ?? 0) + energies.length);
    const [from, to] = [Math.min(...starts), Math.max(...ends)];
    this.#reach(from, to);
    for (const [index, slots] of filled.entries()) {
      writeSlots(this.#energies, slots, (starts[index] ?? 0) - this.#firstSlot);
    }
    this.#refresh(Math.max(0, from - this.#firstSlot), to - this.#firstSlot);
  }

  /** The intervals that a span touches. */
  fold({ from, to }: Span): Fold {
    const fold: Fold = { min: Infinity, max: -Infinity, sum: 0, count: 0 };
    const { intervalSeconds, fromSeconds } = this;
    let low = Math.max(0, Math.floor((from - fromSeconds) / intervalSeconds));
    let high = Math.min(this.#energies.length, Math.ceil((to - fromSeconds) / intervalSeconds));
    // What is left over of whole bins on both sides, then the bins, level by level.
    for (let level = 0; low < high; level++) {
      const whole = level === LEVELS ? high : Math.ceil(low / FACTOR) * FACTOR;
      for (; low < Math.min(whole, high); low++) this.#take(level, low, fold);
      while (low < high && high % FACTOR !== 0) this.#take(level, --high, fold);
      low >>= FACTOR_BITS;
      high >>= FACTOR_BITS;
    }
    return fold;
  }

  #take(height: number, bin: number, fold: Fold): void {
    const level = this.#levels[height - 1];
    if (level !== undefined) {
      fold.min = Math.min(fold.min, level.min[bin] ?? Infinity);
      fold.max = Math.max(fold.max, level.max[bin] ?? -Infinity);
      fold.sum += level.sum[bin] ?? 0;
      fold.count += level.count[bin] ?? 0;
      return;
    }
    const energy = this.#energies[bin] ?? NaN;
    if (Number.isNaN(energy)) return;
    fold.min = Math.min(fold.min, energy);
    fold.max = Math.max(fold.max, energy);
    fold.sum += energy;
    fold.count += 1;
  }

  #slotAt(startSeconds: number): number {
    return (startSeconds - this.phaseSeconds) / this.intervalSeconds;
  }

  /** Makes room for slots [from, to), in whole pieces; of more than SLOTS_MAX the oldest give way. */
  #reach(from: number, to: number): void {
    const { length } = this.#energies;
    const isFirst = length === 0;
    const oldEnd = this.#firstSlot + length;
    const end = Math.ceil((isFirst ? to : Math.max(to, oldEnd)) / PIECE_SLOTS) * PIECE_SLOTS;
    const wanted = isFirst ? from : Math.min(from, this.#firstSlot);
    const first = Math.max(Math.floor(wanted / PIECE_SLOTS) * PIECE_SLOTS, end - SLOTS_MAX);
    if (first === this.#firstSlot && end === oldEnd) return;
    const energies = new Float64Array(end - first).fill(NaN);
    const kept = this.#energies.subarray(Math.max(0, first - this.#firstSlot));
    const place = Math.max(0, this.#firstSlot - first);
    if (first < oldEnd) energies.set(kept, place);
    this.#energies = energies;
    this.#firstSlot = first;
    this.#levels = Array.from({ length: LEVELS }, (_, index) =>
      levelOf(energies.length >> (FACTOR_BITS * (index + 1))),
    );
    // A level of nothing is right for a grid of nothing.
    if (first < oldEnd) this.#refresh(place, place + kept.length);
  }

  /** Makes the bins over slots [low, high) anew, from the bottom up. */
  #refresh(low: number, high: number): void {
    let below: Level | undefined;
    for (const level of this.#levels) {
      low >>= FACTOR_BITS;
      high = (high + FACTOR - 1) >> FACTOR_BITS;
      for (let bin = low; bin < high; bin++) {
        if (below === undefined) foldEnergies(this.#energies, level, bin);
        else foldBins(below, level, bin);
      }
      below = level;
    }
  }
}

// The loops over half a million intervals: local variables and typed arrays alone.

/** What of them lies before the grid, at negative places, is left out. */
function writeSlots(grid: Float64Array, { energies, quality }: Slots, offset: number): void {
  for (let slot = Math.max(0, -offset); slot < energies.length; slot++) {
    grid[offset + slot] = quality[slot] === MISSING ? NaN : (energies[slot] ?? NaN);
  }
}

function foldEnergies(energies: Float64Array, level: Level, bin: number): void {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  for (let slot = FACTOR * bin; slot < FACTOR * (bin + 1); slot++) {
    const energy = energies[slot] ?? NaN;
    if (Number.isNaN(energy)) continue;
    if (energy < min) min = energy;
    if (energy > max) max = energy;
    sum += energy;
    count += 1;
  }
  level.min[bin] = min;
  level.max[bin] = max;
  level.sum[bin] = sum;
  level.count[bin] = count;
}

function foldBins(below: Level, level: Level, bin: number): void {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  for (let part = FACTOR * bin; part < FACTOR * (bin + 1); part++) {
    min = Math.min(min, below.min[part] ?? Infinity);
    max = Math.max(max, below.max[part] ?? -Infinity);
    sum += below.sum[part] ?? 0;
    count += below.count[part] ?? 0;
  }
  level.min[bin] = min;
  level.max[bin] = max;
  level.sum[bin] = sum;
  level.count[bin] = count;
}
