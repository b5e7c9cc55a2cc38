/** What a fleet says of itself: what became of a call, and how each meter stands. No readings. */
import type { FindingCode } from "./validated-source.ts";

export interface SendReport {
  /** Nothing that is due waits: neither frames, nor meters held by a refusal or without an opener key. */
  readonly complete: boolean;
  readonly framesSealed: number;
  readonly accepted: number;
  readonly duplicates: number;
  /** Blocks that the concentrator has under another frame of the same meter. */
  readonly forked: number;
  /**
   * Meters whose frames are refused; they keep them and the next call tries again. Codes by meter
   * id.
   */
  readonly held: ReadonlyMap<string, string>;
  /** Meters whose source had no data for a day that was due. */
  readonly lackingData: number;
  /** Meters that know of no current opener key: `METER_OPENER_KEY_OVER` in the log. Their days wait. */
  readonly lackingOpenerKey: number;
  /** The clock is far ahead of the concentrator's: nothing was sealed (docs/quality.md). */
  readonly clockAhead: boolean;
  /** Requests that failed or brought nothing forward. */
  readonly attemptsFailed: number;
}

export interface MeterStatus {
  readonly meterId: string;
  readonly label: string;
  readonly keyEpoch: number;
  readonly nextBlock: number;
  readonly waitingFrames: number;
  readonly isEnrolled: boolean;
  /** Of the newest list of opener keys that the meter holds, where there is an opener. */
  readonly openerKeysVersion: number | undefined;
  /** Code of the refusal that holds the meter back. */
  readonly held: string | undefined;
  readonly forkedFrames: number;
  /** Of this run: frames with a reading that cannot be, which contribute nothing. */
  readonly framesOutOfRange: number;
  /** Of this run: intervals of sealed days by what validation found. */
  readonly findings: ReadonlyMap<FindingCode, number>;
  /** The meter's own display: mWh per band, then export. */
  readonly registersMilliwattHours: readonly bigint[];
}
