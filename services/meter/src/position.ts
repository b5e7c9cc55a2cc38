/**
 * Where a meter stands in time: the next interval that no BLOCK frame holds (docs/protocol.md §1.4,
 * §2.1). Pure.
 */
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";

/**
 * Readings in one frame of a day that does not fit into one; a whole number of quarters of an hour.
 */
const PART_READINGS_MAX = 720;
const PART_ALIGNMENT_SECONDS = 900;

export interface Position {
  readonly blockStart: number;
  /** In the meter's own intervals; below the block's number of slots. */
  readonly slot: number;
}

/** The zone and the interval of a meter. */
export interface Grid {
  readonly zone: string;
  readonly intervalSeconds: number;
}

export const blockEndOf = ({ zone }: Grid, blockStart: number): number =>
  addLocalDays(blockStart, 1, zone);

export const instantOf = ({ intervalSeconds }: Grid, { blockStart, slot }: Position): number =>
  blockStart + slot * intervalSeconds;

/**
 * The position after `count` slots from `position`; the end of a block is the start of the next.
 */
export function advance(grid: Grid, position: Position, count: number): Position {
  const slot = position.slot + count;
  const end = blockEndOf(grid, position.blockStart);
  return position.blockStart + slot * grid.intervalSeconds >= end
    ? { blockStart: end, slot: 0 }
    : { blockStart: position.blockStart, slot };
}

/**
 * Readings of the next BLOCK frame: the rest of the block, or a part of it that ends on a quarter
 * of an hour.
 */
export function nextCount(grid: Grid, position: Position): number {
  const { intervalSeconds } = grid;
  const end = blockEndOf(grid, position.blockStart);
  const rest = (end - instantOf(grid, position)) / intervalSeconds;
  if (rest <= PART_READINGS_MAX) return rest;
  const step = leastCommonMultiple(intervalSeconds, PART_ALIGNMENT_SECONDS) / intervalSeconds;
  return Math.floor(PART_READINGS_MAX / step) * step;
}

export interface LivePlace {
  readonly blockStart: number;
  readonly firstSlot: number;
  readonly count: number;
  /** Intervals from the position to the frame's first. */
  readonly skipped: number;
}

/**
 * Where the LIVE frame of [fromSeconds, toSeconds) lies, as far as no BLOCK holds it: in the position's
 * day, or in the next one while that day waits to be sent; undefined for what is further ahead, off
 * the grid or nothing.
 */
export function livePlace(
  grid: Grid & { readonly servedUntil?: number },
  position: Position,
  fromSeconds: number,
  toSeconds: number,
): LivePlace | undefined {
  const { intervalSeconds, servedUntil = toSeconds } = grid;
  const next = instantOf(grid, position);
  const from = Math.max(fromSeconds, next);
  const blockStart = localDayStart(from, grid.zone);
  const to = Math.min(toSeconds, servedUntil, blockEndOf(grid, blockStart));
  const isAhead = blockStart > blockEndOf(grid, position.blockStart);
  const firstSlot = (from - blockStart) / intervalSeconds;
  const count = (to - from) / intervalSeconds;
  const skipped = (from - next) / intervalSeconds;
  const isOnGrid = Number.isInteger(skipped) && Number.isInteger(count);
  return isAhead || from >= to || !isOnGrid ? undefined : { blockStart, firstSlot, count, skipped };
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
