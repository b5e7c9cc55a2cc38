/**
 * The opened frames of a household, in whatever order they come (docs/protocol.md §2.5, §2.7), as one series of readings. Pure; runs at the
 * customer, in a worker, and nowhere else. Nothing is copied: the series are views of the frames' bodies.
 */
import { toHex, type FrameBody, type FrameHeader } from "@smarter-metering/protocol";
import { frameNames } from "../frame-chain.ts";
import { runEndSeconds, sliceRun, type ReadingRun, type ReadingSeries } from "./reading-series.ts";

/** Five years of minutes: 24 MB. */
export const READINGS_MAX = 5 * 366 * 1440;
/** Two BLOCKs a day of five years, and a LIVE each minute of the weeks in which none of them came. */
export const FRAMES_MAX = 32_768;

/** What is needed of an `OpenedFrame`. */
export interface StoredFrame {
  readonly frame: { readonly header: FrameHeader };
  readonly hash: Uint8Array;
  readonly body: FrameBody;
}

export type StoreVerdict =
  | "added"
  /** The same frame as before: no effect. */
  | "duplicate"
  /** Another frame under the same counter, or a BLOCK in the same place: neither is used from now on. */
  | "equivocation"
  /** At the limit of frames or readings: it is not taken, and what is there stays. */
  | "full";

interface Held {
  readonly header: FrameHeader;
  readonly hash: string;
  readonly run: ReadingRun;
  isContradicted: boolean;
}

export class ReadingStore {
  readonly #byName = new Map<string, Held>();
  readonly #held = new Set<Held>();
  #readings = 0;
  #series: ReadingSeries | undefined;

  /** Of a frame whose signature has been verified. What the store gives does not depend on the order. */
  add({ frame: { header }, hash, body }: StoredFrame): StoreVerdict {
    const held: Held = {
      header,
      hash: toHex(hash),
      run: runOf(header, body),
      isContradicted: false,
    };
    const names = frameNames(header);
    const known = names.flatMap((name) => this.#byName.get(name) ?? []);
    if (known.some((other) => other.hash === held.hash)) return "duplicate";
    if (this.#held.size >= FRAMES_MAX || this.#readings + header.count > READINGS_MAX)
      return "full";
    for (const other of known) other.isContradicted = held.isContradicted = true;
    for (const name of names) this.#byName.set(name, held);
    this.#held.add(held);
    this.#readings += header.count;
    this.#series = undefined;
    return held.isContradicted ? "equivocation" : "added";
  }

  /**
   * Each instant at most once: BLOCK before LIVE, then the later frame by the meter's own count. An interval that a better frame covers
   * in part gives way as a whole.
   */
  get series(): ReadingSeries {
    return (this.#series ??= seriesOf(
      [...this.#held].filter(({ isContradicted }) => !isContradicted),
    ));
  }
}

const runOf = (header: FrameHeader, body: FrameBody): ReadingRun => ({
  startSeconds: header.blockStart + header.firstSlot * header.intervalSeconds,
  intervalSeconds: header.intervalSeconds,
  importMilliwattHours: body.importMilliwattHours,
  exportMilliwattHours: body.exportMilliwattHours,
  quality: body.quality,
});

function seriesOf(frames: readonly Held[]): ReadingRun[] {
  const ascending = frames
    .filter(({ header }) => header.count > 0)
    .sort((a, b) => a.run.startSeconds - b.run.startSeconds);
  // Frames that touch no other, which is nearly all, are taken as they are.
  const series: ReadingRun[] = [];
  let cluster: Held[] = [];
  let reached = -Infinity;
  for (const held of ascending) {
    if (held.run.startSeconds >= reached) {
      series.push(...disjointRuns(cluster));
      cluster = [];
    }
    cluster.push(held);
    reached = Math.max(reached, runEndSeconds(held.run));
  }
  series.push(...disjointRuns(cluster));
  return series;
}

/** The readings of frames that overlap one another, the best first. */
function disjointRuns(cluster: readonly Held[]): ReadingRun[] {
  if (cluster.length < 2) return cluster.map(({ run }) => run);
  const taken: ReadingRun[] = [];
  for (const { run } of cluster.toSorted(byRank)) {
    let parts = [run];
    for (const better of taken) {
      if (overlap(better, run)) parts = parts.flatMap((part) => outside(part, better));
    }
    taken.push(...parts);
  }
  return taken.sort((a, b) => a.startSeconds - b.startSeconds);
}

const overlap = (a: ReadingRun, b: ReadingRun): boolean =>
  a.startSeconds < runEndSeconds(b) && b.startSeconds < runEndSeconds(a);

/** What of a run ends before another begins, or begins after it ends. */
function outside(run: ReadingRun, other: ReadingRun): ReadingRun[] {
  const { startSeconds, intervalSeconds, quality } = run;
  const { length } = quality;
  const place = (slot: number): number => Math.min(Math.max(slot, 0), length);
  const before = place(Math.floor((other.startSeconds - startSeconds) / intervalSeconds));
  const after = place(Math.ceil((runEndSeconds(other) - startSeconds) / intervalSeconds));
  const parts = before < after ? [sliceRun(run, 0, before), sliceRun(run, after, length)] : [run];
  return parts.filter((part) => part.quality.length > 0);
}

/** A total order: two frames of one meter never share a counter, else they contradict each other. */
function byRank({ header: a }: Held, { header: b }: Held): number {
  if (a.kind !== b.kind) return a.kind === "BLOCK" ? -1 : 1;
  const later = b.keyEpoch - a.keyEpoch || b.counter - a.counter;
  return later || (toHex(a.meterId) < toHex(b.meterId) ? -1 : 1);
}
