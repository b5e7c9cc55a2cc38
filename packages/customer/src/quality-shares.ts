/**
 * How much of a billing window rests on estimates (docs/decisions/0018-estimated-share.md): the customer's own count, on his device,
 * from readings that nobody else holds. Pure.
 */
import type { Quality, Reading } from "./readings.ts";

export interface QualityShare {
  readonly seconds: number;
  readonly importMilliwattHours: bigint;
  readonly exportMilliwattHours: bigint;
}

export interface QualityShares {
  /** Of the window; what no reading covers is missing. The seconds of all add up to the window. */
  readonly byQuality: Readonly<Record<Quality, QualityShare>>;
  /**
   * Borders inside a gap: the register there was spread by the day profile (docs/quality.md). The energy of both windows together is
   * exact, its division between them is not.
   */
  readonly fromEstimated: boolean;
  readonly toEstimated: boolean;
}

/** `readings` sorted, each interval once, reaching an interval beyond the window where there is one; [from, to) in epoch seconds. */
export function qualityShares(
  readings: readonly Reading[],
  { from, to }: { readonly from: number; readonly to: number },
): QualityShares {
  const none = {
    seconds: 0,
    importMilliwattHours: 0n,
    exportMilliwattHours: 0n,
  };
  const byQuality: Record<Quality, QualityShare> = {
    valid: none,
    missing: none,
    estimated: none,
    edited: none,
    questionable: none,
  };
  let covered = 0;
  for (const reading of readings) {
    const { startSeconds, intervalSeconds, quality } = reading;
    if (startSeconds < from || startSeconds + intervalSeconds > to) continue;
    const share = byQuality[quality];
    covered += intervalSeconds;
    byQuality[quality] = {
      seconds: share.seconds + intervalSeconds,
      importMilliwattHours: share.importMilliwattHours + BigInt(reading.importMilliwattHours),
      exportMilliwattHours: share.exportMilliwattHours + BigInt(reading.exportMilliwattHours),
    };
  }
  const missing = byQuality.missing;
  byQuality.missing = {
    ...missing,
    seconds: missing.seconds + (to - from - covered),
  };
  const isEstimatedAt = (instant: number): boolean =>
    [-1, 0].every((side) =>
      readings.some(
        ({ startSeconds, intervalSeconds, quality }) =>
          startSeconds === instant + side * intervalSeconds && quality === "estimated",
      ),
    );
  return {
    byQuality,
    fromEstimated: isEstimatedAt(from),
    toEstimated: isEstimatedAt(to),
  };
}
