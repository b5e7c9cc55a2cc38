/** What a meter would send of a series (docs/protocol.md §1.4, §2.1): its blocks, its frames, and which blocks lack an interval. Pure. */
import { qualityCode, seriesEndSeconds, type Series } from "@smarter-metering/readings";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { INTERVAL_SECONDS } from "./readings-source.ts";

export interface Sending {
  /** Whole local days, from the first to the last that the series touches. */
  readonly blocks: number;
  readonly frames: number;
  /** Blocks with a missing interval: they wait for the cut-off, and are left out of its LOAD. */
  readonly blocksIncomplete: number;
  /** Why a meter could send nothing of it. */
  readonly refusal: string | undefined;
}

/** Readings of one frame of a day that does not fit into one, and what its parts end on (§2.1). */
const PART_READINGS_MAX = 720;
const PART_ALIGNMENT_SECONDS = 900;
const MISSING = qualityCode("missing");

/** Of a meter in `zone` whose interval is the series'. */
export function sendingOf(series: Series, zone: string): Sending {
  const { startSeconds, intervalSeconds, quality } = series;
  const nothing = { blocks: 0, frames: 0, blocksIncomplete: 0 };
  const { min, max } = INTERVAL_SECONDS;
  if (intervalSeconds < min || intervalSeconds > max) {
    const refusal = `a meter's interval is ${min} to ${max} s, not ${intervalSeconds} s`;
    return { ...nothing, refusal };
  }
  let [blocks, frames, blocksIncomplete] = [0, 0, 0];
  const end = seriesEndSeconds(series);
  let from = localDayStart(startSeconds, zone);
  while (from < end) {
    const to = addLocalDays(from, 1, zone);
    const [first, last] = [from, to].map((at) => (at - startSeconds) / intervalSeconds);
    if (first === undefined || last === undefined || !Number.isInteger(first)) {
      const refusal = `its intervals do not begin at local midnight in ${zone}`;
      return { ...nothing, refusal };
    }
    blocks += 1;
    frames += framesOf(last - first, intervalSeconds);
    const present = quality.subarray(Math.max(0, first), last);
    if (present.length < last - first || present.includes(MISSING)) blocksIncomplete += 1;
    from = to;
  }
  return { blocks, frames, blocksIncomplete, refusal: undefined };
}

function framesOf(readings: number, intervalSeconds: number): number {
  if (readings <= PART_READINGS_MAX) return 1;
  let step = 1;
  while ((step * intervalSeconds) % PART_ALIGNMENT_SECONDS !== 0) step += 1;
  const part = Math.floor(PART_READINGS_MAX / step) * step;
  // The last part may be as long as a frame that is a whole day.
  return Math.ceil((readings - PART_READINGS_MAX) / part) + 1;
}

/** Of all households together; each reason for a refusal with how many it holds back. */
export function describeSendings(sendings: readonly Sending[], zone: string): string[] {
  const sum = (of: (sending: Sending) => number): number =>
    sendings.reduce((total, sending) => total + of(sending), 0);
  const blocks = sum((sending) => sending.blocks);
  const lines = [
    `Sent        ${blocks} blocks (a household's local day in ${zone}), ` +
      `${sum((sending) => sending.frames)} frames, ` +
      `${sum((sending) => sending.blocksIncomplete)} blocks incomplete`,
  ];
  const refusals = new Map<string, number>();
  for (const { refusal } of sendings) {
    if (refusal !== undefined) refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
  }
  for (const [refusal, households] of refusals) {
    lines.push(`Not sent    ${households} of ${sendings.length} households: ${refusal}`);
  }
  return lines;
}
