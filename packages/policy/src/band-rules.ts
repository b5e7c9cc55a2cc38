// R9, bands: what a register of a bill may single out. docs/protocol.md: release policy. Pure; a
// trustee takes calendar and fuse from its pinned registry and the window from the two borders.

import { bandsOf, type Calendar } from "@smarter-metering/tariff";
import type { ReleasePolicy } from "./policy.ts";
import { areIntegers, judgeAll } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** What is known of the registers of a requested bill. */
export interface BandFacts {
  /** For each band the time it holds between the borders. */
  readonly bandSeconds: readonly number[];
  /** The meter's own interval. */
  readonly intervalSeconds: number;
  /** Largest power that passes the fuse for long (the fuse's own, and 25 %). */
  readonly powerMaxWatts: number;
}

/** Intervals are counted as at least this long: sixty minutes are no hiding place. */
const intervalSecondsMin = 900;
const registerBits = 48;
const minuteSeconds = 60;

/**
 * Time that each band of a calendar holds in [fromSeconds, toSeconds), in order of bands; one entry
 * without a calendar. Borders are whole minutes, as calendars are. Throws ZONE_UNKNOWN.
 */
export function bandSeconds(
  calendar: Calendar | undefined,
  fromSeconds: number,
  toSeconds: number,
  zone: string,
): number[] {
  if (calendar === undefined) return [toSeconds - fromSeconds];
  const seconds = calendar.bands.map(() => 0);
  const minutes = (toSeconds - fromSeconds) / minuteSeconds;
  for (const band of bandsOf(calendar, fromSeconds, minuteSeconds, minutes, zone)) {
    seconds[band] = (seconds[band] ?? 0) + minuteSeconds;
  }
  return seconds;
}

const bandShape: Rule<BandFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: (facts) =>
    facts.bandSeconds.length > 0 &&
    areIntegers(facts.bandSeconds, 0) &&
    areIntegers([facts.intervalSeconds], 1) &&
    Number.isFinite(facts.powerMaxWatts) &&
    facts.powerMaxWatts > 0
      ? undefined
      : "no bands, or no times and powers to judge them by",
};

/** A band that never holds shows nothing: its register stands still. */
const bandTooNarrow: Rule<BandFacts> = {
  id: "R9",
  code: "R9_BAND_TOO_NARROW",
  judge(facts, { bandIntervalsMin }) {
    const interval = Math.max(facts.intervalSeconds, intervalSecondsMin);
    const narrow = facts.bandSeconds.findIndex(
      (seconds) => seconds > 0 && seconds < bandIntervalsMin * interval,
    );
    if (narrow < 0) return undefined;
    const seconds = facts.bandSeconds[narrow];
    return `band ${narrow} holds for ${seconds} s of the window, ${bandIntervalsMin} intervals of \
${interval} s needed`;
  },
};

/** A register that passes its width would run into the next one. */
const valueTooLarge: Rule<BandFacts> = {
  id: "R9",
  code: "R9_VALUE_TOO_LARGE",
  judge({ bandSeconds: seconds, powerMaxWatts }) {
    // W·s to mWh: 1000 / 3600.
    const largest = seconds.reduce((max, each) => Math.max(max, each), 0);
    return (largest * powerMaxWatts) / 3.6 < 2 ** registerBits
      ? undefined
      : `the fuse lets more pass in the window than ${registerBits} bits of mWh hold`;
  },
};

/** Every rule of bands, in the order refusals are listed. */
export const bandRules: readonly Rule<BandFacts>[] = [bandTooNarrow, valueTooLarge];

/** All refusals of a bill's registers. How many there may be is a rule for bills (SHAPE). */
export function judgeBands(facts: BandFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(bandShape, bandRules, facts, policy);
}
