/**
 * Where a meter's readings come from: handed in by whoever runs the fleet. Plaintext; it never
 * leaves this process unsealed.
 */

/**
 * Consecutive intervals of the meter. All three of one length; mWh are integers from 0 to 2^32 − 1.
 */
export interface Readings {
  readonly importMilliwattHours: ArrayLike<number>;
  readonly exportMilliwattHours: ArrayLike<number>;
  /** Quality codes, docs/protocol.md §1.4. */
  readonly quality: ArrayLike<number>;
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
}
