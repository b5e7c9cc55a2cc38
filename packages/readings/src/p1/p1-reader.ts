// A file of P1 telegrams to samples of one household: registers become intervals, and every
// telegram that is not used becomes a finding.
import { locationOf } from "../finding.ts";
import type { FindingLog } from "../finding.ts";
import { ReadingsError } from "../readings-error.ts";
import type { HouseholdSamples } from "../samples.ts";
import { formatUtc } from "../timestamp.ts";
import { MeterClock } from "./meter-clock.ts";
import { RegisterIntervals } from "./register-intervals.ts";
import type { RegisterInterval, SampleVerdict } from "./register-intervals.ts";
import type { Telegram } from "./telegram.ts";
import { readTelegrams } from "./telegrams.ts";

/** A line that begins as a telegram does, in the first bytes of a file. */
const HEADER = /(?:^|\n)\/[A-Za-z]{3}[0-9A-Za-z]/;

const VERDICTS: Readonly<Record<Exclude<SampleVerdict, "taken" | "duplicate">, string>> = {
  conflict: "again with other registers: the first is kept",
  unordered: "after a later time: not used",
  backwards: "a register below the one before, or another meter: what spans it is missing",
};

/** Whether a file that begins with `head` holds telegrams; it may begin in the middle of one. */
export function isP1(head: string): boolean {
  return HEADER.test(head);
}

export interface P1Options {
  readonly file: string;
  /** IANA zone of the meter's clock. */
  readonly zone: string | undefined;
  readonly intervalSeconds: number;
  readonly findings: FindingLog;
  readonly household: HouseholdSamples;
  /** Called with each telegram or fault; throws when there are too many. */
  readonly counted: () => void;
}

/**
 * Throws READINGS_ZONE_NEEDED, READINGS_EMPTY when there is no usable telegram or no interval.
 */
export async function readP1(chunks: AsyncIterable<Uint8Array>, options: P1Options): Promise<void> {
  const { file, findings, intervalSeconds, household, counted } = options;
  const intervals = new RegisterIntervals(intervalSeconds);
  const clock = options.zone === undefined ? undefined : new MeterClock(options.zone);
  let [telegrams, lastLine] = [0, 1];
  household.declaredIntervalSeconds = intervalSeconds;
  household.declaredUnit = "mWh";
  for await (const found of readTelegrams(chunks)) {
    counted();
    const { line } = found;
    lastLine = line;
    if (found.kind === "fault") {
      const { column, detail } = found;
      findings.add({ kind: "malformed", file, line, column, detail });
      continue;
    }
    const instantSeconds = settleInstant(found, clock, options);
    if (instantSeconds === undefined) continue;
    telegrams += 1;
    const { verdict, intervals: ended } = intervals.push({ instantSeconds, ...found });
    if (verdict !== "taken") {
      const why = verdict === "duplicate" ? "again" : VERDICTS[verdict];
      const detail = `${formatUtc(instantSeconds)} ${why}`;
      findings.add({ kind: verdict, file, line, column: 1, household: household.label, detail });
    }
    for (const interval of ended) pushInterval(household, interval, line);
  }
  for (const interval of intervals.finish()) pushInterval(household, interval, lastLine);
  if (household.count > 0) return;
  const what = `${telegrams} usable telegrams, and no interval of ${intervalSeconds} s with one at`;
  const [first] = findings.kept;
  const why = first === undefined ? "give --interval" : `${locationOf(first)}: ${first.detail}`;
  throw new ReadingsError("READINGS_EMPTY", `${file}: ${what} each end; ${why}`);
}

/** A time that the zone does not have is a finding. */
function settleInstant(
  { time, line }: Telegram,
  clock: MeterClock | undefined,
  { file, findings, zone }: P1Options,
): number | undefined {
  if (time === undefined) {
    const detail = "a telegram without a time (before version 4): nothing tells when it was read";
    findings.add({ kind: "malformed", file, line, column: 1, detail });
    return undefined;
  }
  if (clock === undefined) {
    throw new ReadingsError(
      "READINGS_ZONE_NEEDED",
      `${file}: a P1 meter's clock is local; give --zone, an IANA zone such as Europe/Amsterdam`,
    );
  }
  const instant = clock.instantOf(time);
  if (instant === undefined) {
    const detail = `the meter's time and its flag for summer time do not exist in ${zone}`;
    findings.add({ kind: "dst-missing", file, line, column: 1, detail });
  }
  return instant;
}

function pushInterval(
  household: HouseholdSamples,
  { startSeconds, importMilliwattHours, exportMilliwattHours }: RegisterInterval,
  line: number,
): void {
  household.push({
    time: { kind: "instant", seconds: startSeconds, dateOnly: false },
    value: { mantissa: BigInt(importMilliwattHours), scale: 0 },
    exported: BigInt(exportMilliwattHours),
    line,
    column: 1,
  });
}
