/**
 * Where a meter's readings come from: handed in by whoever runs the fleet. Plaintext; it never
 * leaves this process unsealed.
 */
import type { Registers } from "./registers.ts";

/**
 * Consecutive intervals of the meter. All three of one length; mWh are integers from 0 to 2^32 − 1.
 */
export interface Readings {
  readonly importMilliwattHours: ArrayLike<number>;
  readonly exportMilliwattHours: ArrayLike<number>;
  /** Quality codes, docs/protocol.md §1.4. */
  readonly quality: ArrayLike<number>;
  /**
   * By how many seconds the source's own clock went forward (or back, below 0) in each interval
   * beyond the interval itself; of a source that knows. As long as the others.
   */
  readonly clockStepSeconds?: ArrayLike<number>;
}

/**
 * Asked for the same time twice, a source gives the same readings: a meter that lost its journal
 * counts its registers again from the contract's start.
 */
export interface MeterSource {
  /**
   * Every interval of [blockStart, blockEnd), or undefined while there is no data for the whole of
   * it.
   */
  day(blockStart: number, blockEnd: number): Readings | undefined;
  /** Every interval of [fromSeconds, toSeconds), or undefined. */
  live(fromSeconds: number, toSeconds: number): Readings | undefined;
  /**
   * What the measuring device's registers showed at an instant, in the order of a frame (one per
   * band, then export; mWh), or undefined where nobody read them. They count on while no interval is
   * recorded, so that what was used over a gap is known (docs/quality.md).
   */
  registersAt?(atSeconds: number): Registers | undefined;
}
