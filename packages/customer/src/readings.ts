/**
 * From sealed frames and key envelopes to the customer's own readings (docs/protocol.md §2, §3), on his device. Only he and, for moments,
 * the opener ever hold these values.
 */
import type { FrameBody, RecipientSecret, SealedFrame } from "@smarter-metering/protocol";
import type { FrameFault } from "./frame-chain.ts";
import { openFrames, type OpenedFrames, type Sealed } from "./open-frames.ts";
import type { PinnedMeter } from "./pinned-meters.ts";

/** By code (docs/protocol.md §1.4). */
export const QUALITIES = ["valid", "missing", "estimated", "edited", "questionable"] as const;
export type Quality = (typeof QUALITIES)[number];

/** What is not there, or no quality, counts as missing. */
export const qualityOf = (code: number | undefined): Quality => QUALITIES[code ?? 1] ?? "missing";

/** One interval [startSeconds, startSeconds + intervalSeconds), epoch seconds. */
export interface Reading {
  readonly startSeconds: number;
  readonly intervalSeconds: number;
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
  readonly quality: Quality;
}

/** Counts of what did not pass; all 0 but `holes` when everyone is honest and nothing was lost. */
export interface Findings extends Readonly<Record<FrameFault["kind"], number>> {
  /** Counters between the first and last frame of an epoch that are not there: live frames that were dropped, or losses. */
  readonly holes: number;
  /** Envelopes that are malformed, foreign, badly signed, for someone else or for another key than they say. */
  readonly badEnvelopes: number;
  /** Well-signed frames without a key that opens them. */
  readonly unopenable: number;
}

/**
 * Verifies and opens everything and sorts the readings by time, each interval once; a LIVE reading gives way to the BLOCK that covers it.
 * Never throws for what a peer sent: it counts.
 */
export async function openReadings(
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  sealed: Sealed,
): Promise<{ readings: Reading[]; findings: Findings }> {
  const opened = await openFrames(meters, secret, sealed);
  return { readings: sortedReadings(opened.opened), findings: findingsOf(opened) };
}

/** Counts of what is wrong. */
export function findingsOf({ faults, holes, envelopeFaults, closed }: OpenedFrames): Findings {
  // A frame that contradicts several others is still one frame.
  const count = (kind: FrameFault["kind"]): number =>
    new Set(faults.filter((fault) => fault.kind === kind).flatMap(({ positions }) => positions))
      .size;
  return {
    malformed: count("malformed"),
    foreign: count("foreign"),
    badSignatures: count("badSignatures"),
    equivocations: count("equivocations"),
    brokenLinks: count("brokenLinks"),
    holes,
    badEnvelopes: envelopeFaults.length,
    unopenable: closed.length,
  };
}

/** The readings of opened frames by time, each interval once. */
export function sortedReadings(opened: OpenedFrames["opened"]): Reading[] {
  const blocks = opened.filter(({ frame }) => frame.header.kind === "BLOCK");
  const spans = mergedSpans(blocks.map(({ frame }) => frame));
  const byStart = new Map<number, Reading>();
  for (const { frame, body } of opened) {
    const isBlock = frame.header.kind === "BLOCK";
    for (const reading of readingsOf(frame, body)) {
      if (isBlock || !covered(spans, reading.startSeconds)) {
        byStart.set(reading.startSeconds, reading);
      }
    }
  }
  return [...byStart.values()].sort((a, b) => a.startSeconds - b.startSeconds);
}

function* readingsOf({ header }: SealedFrame, body: FrameBody): Generator<Reading> {
  const { blockStart, firstSlot, count, intervalSeconds } = header;
  for (let i = 0; i < count; i++) {
    yield {
      startSeconds: blockStart + (firstSlot + i) * intervalSeconds,
      intervalSeconds,
      importMilliwattHours: body.importMilliwattHours[i] ?? 0,
      exportMilliwattHours: body.exportMilliwattHours[i] ?? 0,
      quality: qualityOf(body.quality[i]),
    };
  }
}

interface Span {
  readonly from: number;
  to: number;
}

/** What the frames cover, as disjoint spans in ascending order. */
function mergedSpans(frames: readonly SealedFrame[]): Span[] {
  const spans = frames.map(({ header }) => {
    const from = header.blockStart + header.firstSlot * header.intervalSeconds;
    return { from, to: from + header.count * header.intervalSeconds };
  });
  const merged: Span[] = [];
  for (const span of spans.sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else merged.push(span);
  }
  return merged;
}

function covered(spans: readonly Span[], instant: number): boolean {
  const span = spans.findLast(({ from }) => from <= instant);
  return span !== undefined && instant < span.to;
}
