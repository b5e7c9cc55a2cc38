/**
 * From sealed frames and key envelopes to the customer's own readings (docs/protocol.md §2, §3), on his device. Only he and, for moments,
 * the opener ever hold these values.
 */
import {
  decodeEnvelope,
  openEnvelope,
  openFrame,
  toHex,
  verifyEnvelope,
  type FrameBody,
  type RecipientSecret,
  type SealedFrame,
} from "@smarter-metering/protocol";
import type { PinnedMeter } from "./pinned-meters.ts";
import { checkedFrames, findMeter, type ChainFindings } from "./frame-chain.ts";

/** By code (docs/protocol.md §1.4). */
const QUALITIES = ["valid", "missing", "estimated", "edited", "questionable"] as const;
export type Quality = (typeof QUALITIES)[number];

/** One interval [startSeconds, startSeconds + intervalSeconds), epoch seconds. */
export interface Reading {
  readonly startSeconds: number;
  readonly intervalSeconds: number;
  readonly importMilliwattHours: number;
  readonly exportMilliwattHours: number;
  readonly quality: Quality;
}

/** Counts of what did not pass; all 0 but `holes` when everyone is honest and nothing was lost. */
export interface Findings extends Readonly<ChainFindings> {
  /** Envelopes that are malformed, foreign, badly signed, for someone else or for another key than they say. */
  readonly badEnvelopes: number;
  /** Well-signed frames without a key that opens them. */
  readonly unopenable: number;
}

type Counts = { -readonly [Name in keyof Findings]: Findings[Name] };

/**
 * Verifies and opens everything and sorts the readings by time, each interval once; a LIVE reading gives way to the BLOCK that covers it.
 * Never throws for what a peer sent: it counts.
 */
export async function openReadings(
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  sealed: { readonly envelopes: readonly Uint8Array[]; readonly frames: readonly Uint8Array[] },
): Promise<{ readings: Reading[]; findings: Findings }> {
  const findings: Counts = {
    malformed: 0,
    foreign: 0,
    badSignatures: 0,
    equivocations: 0,
    brokenLinks: 0,
    holes: 0,
    badEnvelopes: 0,
    unopenable: 0,
  };
  const keys = await openKeys(meters, secret, sealed.envelopes, findings);
  const frames = await checkedFrames(meters, sealed.frames, findings);
  const opened: { frame: SealedFrame; body: FrameBody }[] = [];
  for (const frame of frames) {
    const body = await openedBody(frame, keys);
    if (body === undefined) findings.unopenable++;
    else opened.push({ frame, body });
  }
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
  const readings = [...byStart.values()].sort((a, b) => a.startSeconds - b.startSeconds);
  return { readings, findings };
}

/** Data keys by their commitment, which names meter, epoch and key at once (§2.4). */
async function openKeys(
  meters: readonly PinnedMeter[],
  secret: RecipientSecret,
  envelopes: readonly Uint8Array[],
  findings: Counts,
): Promise<Map<string, Uint8Array>> {
  const keys = new Map<string, Uint8Array>();
  for (const bytes of envelopes) {
    try {
      const envelope = decodeEnvelope(bytes);
      const meter = findMeter(meters, envelope);
      if (meter === undefined) {
        findings.badEnvelopes++;
        continue;
      }
      await verifyEnvelope(envelope, meter.meterKey);
      keys.set(toHex(envelope.keyCommitment), await openEnvelope(envelope, secret));
    } catch {
      findings.badEnvelopes++;
    }
  }
  return keys;
}

async function openedBody(
  frame: SealedFrame,
  keys: ReadonlyMap<string, Uint8Array>,
): Promise<FrameBody | undefined> {
  const key = keys.get(toHex(frame.header.keyCommitment));
  if (key === undefined) return undefined;
  try {
    return await openFrame(frame, key);
  } catch {
    return undefined; // Counted by the caller.
  }
}

function* readingsOf({ header }: SealedFrame, body: FrameBody): Generator<Reading> {
  const { blockStart, firstSlot, count, intervalSeconds } = header;
  for (let i = 0; i < count; i++) {
    yield {
      startSeconds: blockStart + (firstSlot + i) * intervalSeconds,
      intervalSeconds,
      importMilliwattHours: body.importMilliwattHours[i] ?? 0,
      exportMilliwattHours: body.exportMilliwattHours[i] ?? 0,
      quality: QUALITIES[body.quality[i] ?? 1] ?? "missing",
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

/** `start` is ISO 8601 UTC; energy in mWh. */
export function toCsv(readings: readonly Reading[]): string {
  const rows = readings.map((reading) => {
    const start = new Date(1000 * reading.startSeconds).toISOString().replace(".000Z", "Z");
    const { intervalSeconds, importMilliwattHours, exportMilliwattHours, quality } = reading;
    return `${start},${intervalSeconds},${importMilliwattHours},${exportMilliwattHours},${quality}\n`;
  });
  return `start,seconds,import_mWh,export_mWh,quality\n${rows.join("")}`;
}
