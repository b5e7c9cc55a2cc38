/**
 * What a customer's opened BLOCK frames say of a billing window (docs/protocol.md §6.3, §11.2): which time they cover, and what the meter's
 * registers counted between two instants.
 */
import { toHex, type FrameHeader, type Statement } from "@smarter-metering/protocol";
import { isCountedInMeter, wrapCost, type Calendar } from "@smarter-metering/tariff";
import { groupBy } from "./frame-chain.ts";
import { instantText } from "./link.ts";
import type { OpenedFrame } from "./open-frames.ts";
import { calendarSpans } from "./series/calendar-spans.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

/** [from, to), epoch seconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Totals {
  /** mWh, in the order of the calendar's bands. */
  readonly bands: readonly bigint[];
  readonly exported: bigint;
  /** Of the cost register, modulo 2⁴⁸ (§6.6); undefined where there is none, or too little is known to count it. */
  readonly cost: bigint | undefined;
}

/** A time without a frame, within one local day; or, of no length, the border that no frame ends at. */
export interface Gap extends Span {
  readonly where: string;
}

export function spanOf({
  blockStart,
  firstSlot,
  count,
  intervalSeconds,
}: Pick<FrameHeader, "blockStart" | "firstSlot" | "count" | "intervalSeconds">): Span {
  const from = blockStart + firstSlot * intervalSeconds;
  return { from, to: from + count * intervalSeconds };
}

const endOf = ({ frame }: OpenedFrame): number => spanOf(frame.header).to;

const meterOf = ({ frame }: OpenedFrame): string => toHex(frame.header.meterId);

/**
 * The difference of the registers in the frames that end at the window's borders: for each meter that served in it, last less first.
 * Undefined when a border is not there.
 */
export function registersBetween(
  blocks: readonly OpenedFrame[],
  { from, to }: Span,
  calendar: Calendar,
): Totals | undefined {
  const { bands } = calendar;
  const inside = blocks.filter((block) => endOf(block) >= from && endOf(block) <= to);
  const runs = [...groupBy(inside, meterOf).values()]
    .map((run) => run.toSorted((a, b) => endOf(a) - endOf(b)))
    .flatMap((run) => {
      const [first, last] = [run[0], run.at(-1)];
      return first === undefined || last === undefined ? [] : [{ first, last }];
    })
    .toSorted((a, b) => endOf(a.first) - endOf(b.first));
  const exportAt = bands.length;
  const length = exportAt + (isCountedInMeter(calendar) ? 2 : 1);
  const differences = Array.from({ length }, () => 0n);
  let reached = from;
  for (const { first, last } of runs) {
    if (endOf(first) !== reached) return undefined;
    reached = endOf(last);
    for (const [index, sum] of differences.entries()) {
      const end = last.body.registersMilliwattHours[index] ?? 0n;
      differences[index] = sum + end - (first.body.registersMilliwattHours[index] ?? 0n);
    }
  }
  if (reached !== to || runs.length === 0) return undefined;
  const counted = differences[exportAt + 1];
  return {
    bands: differences.slice(0, exportAt),
    exported: differences[exportAt] ?? 0n,
    cost: counted === undefined ? undefined : wrapCost(counted),
  };
}

/** Within it a border may lie behind its grid instant (§7.3). */
const BORDER_SECONDS = 72 * 3600;

/** The window whose energies are `billed`, with its registers: the grid's, or one with a border up to 72 h late. */
export function windowBilled(
  blocks: readonly OpenedFrame[],
  window: Span,
  billed: Totals,
  calendar: Calendar,
): (Span & { readonly totals: Totals }) | undefined {
  const ends = [...new Set(blocks.map(endOf))].toSorted((a, b) => a - b);
  const bordersOf = (grid: number): number[] =>
    ends.filter((end) => end >= grid && end <= grid + BORDER_SECONDS);
  for (const from of bordersOf(window.from)) {
    for (const to of bordersOf(window.to)) {
      const totals = registersBetween(blocks, { from, to }, calendar);
      if (totals !== undefined && sameEnergy(totals, billed)) return { from, to, totals };
    }
  }
  return undefined;
}

export const sameEnergy = (a: Totals, b: Totals): boolean =>
  a.exported === b.exported && a.bands.every((value, index) => value === b.bands[index]);

/** No different ones: a cost that one side does not know or bill contradicts nothing. */
export const sameCost = (a: Totals, b: Totals): boolean =>
  a.cost === undefined || b.cost === undefined || a.cost === b.cost;

/** What a statement bills; no cost where none was released. */
export function billedBy(
  { registers_mWh: registers, export_mWh: exported, cost }: Statement,
  { bands }: Calendar,
): Totals {
  const counted = cost?.counted ?? undefined;
  return {
    bands: bands.map((band) => BigInt(registers[band] ?? "0")),
    exported: BigInt(exported),
    cost: counted === undefined ? undefined : BigInt(counted),
  };
}

/** What of the window no BLOCK covers, day by day of the zone, and its first border if no frame ends there. */
export function gapsOf(blocks: readonly OpenedFrame[], window: Span, zone: string): Gap[] {
  const spans = blocks.map((block) => spanOf(block.frame.header));
  const border: Gap[] = spans.some(({ to }) => to === window.from)
    ? []
    : [{ from: window.from, to: window.from, where: instantText(window.from) }];
  const gaps: Span[] = [];
  let reached = window.from;
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    if (from > reached && reached < window.to) {
      gaps.push({ from: reached, to: Math.min(from, window.to) });
    }
    reached = Math.max(reached, to);
  }
  if (reached < window.to) gaps.push({ from: reached, to: window.to });
  const days = gaps.flatMap((gap) => byDay(gap, zone));
  return [...border, ...days.map((gap) => ({ ...gap, where: placeOf(blocks, gap) }))];
}

/** A longer gap stays one: it is not for its length that it needs a line for each day. */
const DAYS_MAX = 1000;

/** One span if the zone is none: that is named where the statement is checked. */
function byDay({ from, to }: Span, zone: string): Span[] {
  if (to - from > DAYS_MAX * 86_400) return [{ from, to }];
  return tariffOrUndefined(() => calendarSpans("day", { from, to }, zone)) ?? [{ from, to }];
}

/** The time, and the counters that are not there between the frames around it. */
function placeOf(blocks: readonly OpenedFrame[], gap: Span): string {
  const time = `${instantText(gap.from)} to ${instantText(gap.to)}`;
  const headers = blocks.map(({ frame }) => frame.header);
  const before = headers
    .filter((header) => spanOf(header).to <= gap.from)
    .toSorted((a, b) => spanOf(b).to - spanOf(a).to)[0];
  const after = headers
    .filter((header) => spanOf(header).from >= gap.to)
    .toSorted((a, b) => spanOf(a).from - spanOf(b).from)[0];
  if (before === undefined || after?.keyEpoch !== before.keyEpoch) return time;
  const [first, last] = [before.counter + 1, after.counter - 1];
  if (first > last) return time;
  const counters = first === last ? `counter ${first}` : `counters ${first} to ${last}`;
  return `${time}, ${counters} of epoch ${before.keyEpoch}`;
}

const overlap = (a: Span, b: Span): boolean =>
  b.from === b.to ? a.to === b.to : a.from < b.to && b.from < a.to;

/**
 * The gaps that the frames which were left out do not explain. One whose header says a time that is missing explains that time; one whose
 * header is itself damaged says a time that others cover, or one beyond all of them, and explains one gap that nothing else does.
 */
export function unexplainedGaps(
  gaps: readonly Gap[],
  blocks: readonly OpenedFrame[],
  leftOut: readonly (FrameHeader | undefined)[],
): Gap[] {
  const good = blocks.map(({ frame }) => spanOf(frame.header));
  const extent = {
    from: Math.min(...good.map(({ from }) => from)),
    to: Math.max(...good.map(({ to }) => to)),
  };
  const claims = leftOut.map((header) => header && spanOf(header));
  const inPlace = claims.filter(
    (claim): claim is Span =>
      claim !== undefined &&
      (gaps.some((gap) => overlap(claim, gap)) ||
        (claim.from >= extent.from &&
          claim.to <= extent.to &&
          !good.some((span) => overlap(claim, span)))),
  );
  const open = gaps.filter((gap) => !inPlace.some((claim) => overlap(claim, gap)));
  return open.slice(claims.length - inPlace.length);
}
