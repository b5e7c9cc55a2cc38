/** What a fleet says of itself: what became of a call, and how each meter stands. No readings. */
import type { Logger } from "@smarter-metering/runtime";
import type { Meter } from "./meter.ts";
import type { SealTally } from "./seal-result.ts";
import type { Tally } from "./sendings.ts";
import type { FindingCode } from "./validated-source.ts";

export interface SendReport {
  /** Nothing that is due waits: neither frames, nor meters held by a refusal, without an opener key or without prices. */
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
  /** Meters that count a cost and do not know a price: `METER_PRICES_MISSING` in the log. Their days wait. */
  readonly lackingPrices: number;
  /** The clock is far ahead of the concentrator's: nothing was sealed (docs/quality.md). */
  readonly clockAhead: boolean;
  /** Requests that failed or brought nothing forward. */
  readonly attemptsFailed: number;
}

export interface SentFacts {
  readonly tally: Tally;
  /** Of the last attempt to seal. */
  readonly sealed: SealTally;
  readonly meters: readonly Pick<Meter, "name" | "held">[];
  readonly clockAhead: boolean;
  /** The fleet was closed before it was done. */
  readonly isClosed: boolean;
}

/** What became of a day; warns of days that wait for something from above. */
export function reportOf(
  { tally, sealed, meters, clockAhead, isClosed }: SentFacts,
  log: Logger,
): SendReport {
  const { lackingData, lackingOpenerKey, lackingPrices } = sealed;
  const held = new Map<string, string>();
  for (const meter of meters) {
    if (meter.held !== undefined) held.set(meter.name, meter.held);
  }
  if (lackingOpenerKey > 0) {
    const facts = { count: lackingOpenerKey, errorCode: "METER_OPENER_KEY_OVER" };
    log.warn("no opener key is current; meters keep their days", facts);
  }
  if (lackingPrices > 0) {
    const facts = { count: lackingPrices, errorCode: "METER_PRICES_MISSING" };
    log.warn("not all prices are known; meters keep their days", facts);
  }
  const isLacking = lackingOpenerKey > 0 || lackingPrices > 0;
  const complete = held.size === 0 && !isLacking && !clockAhead && !isClosed;
  return { ...tally, complete, held, lackingData, lackingOpenerKey, lackingPrices, clockAhead };
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
  /** The meter's own display: mWh per band, then export, then the cost where the calendar has one. */
  readonly registersMilliwattHours: readonly bigint[];
}
