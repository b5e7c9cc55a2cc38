/**
 * What a chart of years of minutes is drawn from: the least, greatest and mean power of every 8, 64, 512 … intervals, so that a window of any
 * width costs as much as the columns that it is drawn in. A gap stays a gap on every level. Pure; runs at the customer, in a worker.
 */
import type { Span } from "../bill-window.ts";
import { LoadGrid, type Fold } from "./load-grid.ts";
import { wattsOf, type ReadingRun, type ReadingSeries } from "./reading-series.ts";

/** Lengths of interval, or clocks off the others' grid, among a household's meters; those of one more are left out. */
const GRIDS_MAX = 8;
/** Wider than any screen. */
const COLUMNS_MAX = 16_384;

/** Of columns without any reading to draw. */
const STEP_SECONDS = 900;

export type Register = "import" | "export";

/** Equally long; NaN in a column without a reading. */
export interface LoadColumns {
  readonly columnSeconds: number;
  readonly fromSeconds: Float64Array;
  readonly minWatts: Float64Array;
  readonly maxWatts: Float64Array;
  readonly meanWatts: Float64Array;
  /** Of the intervals that a column touches, how long those with a reading are. */
  readonly validSeconds: Float64Array;
}

export class LoadPyramid {
  readonly #register: Register;
  readonly #grids: LoadGrid[] = [];

  constructor(series: ReadingSeries, register: Register) {
    this.#register = register;
    const byGrid = new Map<LoadGrid, ReadingRun[]>();
    for (const run of series) {
      const grid = this.#gridOf(run);
      if (grid === undefined) continue;
      const runs = byGrid.get(grid);
      if (runs === undefined) byGrid.set(grid, [run]);
      else runs.push(run);
    }
    for (const [grid, runs] of byGrid) grid.write(runs.map((run) => this.#slotsOf(run)));
  }

  /** Adds readings, or writes them over those that were there: a live reading, then its block. */
  add(run: ReadingRun): void {
    this.#gridOf(run)?.write([this.#slotsOf(run)]);
  }

  /**
   * A window in at most `columnsMax` + 1 columns. Columns lie on multiples of their length, so that they keep their values while one pans,
   * and are no shorter than the household's shortest interval. A column has the power of every interval that it touches.
   */
  columns({ from, to }: Span, columnsMax: number): LoadColumns {
    const grids = this.#grids.filter((grid) => grid.fromSeconds < to && from < grid.toSeconds);
    const lengths = this.#grids.map(({ intervalSeconds }) => intervalSeconds);
    const step = lengths.length === 0 ? STEP_SECONDS : Math.min(...lengths);
    const width = (to - from) / Math.min(Math.max(columnsMax, 1), COLUMNS_MAX);
    const columnSeconds = step * Math.max(1, Math.ceil(width / step));
    const first = Math.floor(from / columnSeconds);
    const count = Math.max(0, Math.ceil(to / columnSeconds) - first);
    const filled = (value: number) => new Float64Array(count).fill(value);
    const fromSeconds = filled(0).map((_, place) => (first + place) * columnSeconds);
    const [minWatts, maxWatts, meanWatts] = [filled(NaN), filled(NaN), filled(NaN)];
    const validSeconds = filled(0);
    for (const [place, columnFrom] of fromSeconds.entries()) {
      const column = columnOf(grids, { from: columnFrom, to: columnFrom + columnSeconds });
      if (column.seconds === 0) continue;
      minWatts[place] = column.min;
      maxWatts[place] = column.max;
      meanWatts[place] = wattsOf(column.sum, column.seconds);
      validSeconds[place] = column.seconds;
    }
    return { columnSeconds, fromSeconds, minWatts, maxWatts, meanWatts, validSeconds };
  }

  #slotsOf(run: ReadingRun) {
    const isImport = this.#register === "import";
    const energies = isImport ? run.importMilliwattHours : run.exportMilliwattHours;
    return { startSeconds: run.startSeconds, energies, quality: run.quality };
  }

  #gridOf({ startSeconds, intervalSeconds }: ReadingRun): LoadGrid | undefined {
    const phaseSeconds = startSeconds % intervalSeconds;
    const known = this.#grids.find(
      (grid) => grid.intervalSeconds === intervalSeconds && grid.phaseSeconds === phaseSeconds,
    );
    if (known !== undefined || this.#grids.length >= GRIDS_MAX) return known;
    const grid = new LoadGrid(intervalSeconds, phaseSeconds);
    this.#grids.push(grid);
    return grid;
  }
}

/** Watts, but the sum, which is mWh. */
function columnOf(grids: readonly LoadGrid[], span: Span) {
  const column = { min: Infinity, max: -Infinity, sum: 0, seconds: 0 };
  for (const grid of grids) {
    const { intervalSeconds } = grid;
    const fold: Fold = grid.fold(span);
    if (fold.count === 0) continue;
    column.min = Math.min(column.min, wattsOf(fold.min, intervalSeconds));
    column.max = Math.max(column.max, wattsOf(fold.max, intervalSeconds));
    column.sum += fold.sum;
    column.seconds += fold.count * intervalSeconds;
  }
  return column;
}
