/**
 * The household's readings on this device (docs/protocol.md §2, §3): fetches sealed frames and envelopes, verifies and opens them, keeps what
 * is open in memory until the worker ends. New readings come by themselves.
 */
import {
  LoadPyramid,
  loadReadings,
  ReadingStore,
  runsIn,
  runEndSeconds,
  type HouseholdKeys,
  type LoadFindings,
  type PortalClient,
  type ReadingSeries,
} from "@smarter-metering/customer";
import { decodeFrame } from "@smarter-metering/protocol";
import type { Columns, DeviceEvent, FindingCode, Findings, Range, Register } from "./messages.ts";
import { missingOf, piecesOf, withSpan } from "./spans.ts";
import type { Task } from "./task.ts";

const DAY_SECONDS = 86_400;
/** About a month: soon there, and few enough requests for a year. */
const PIECE_SECONDS = 32 * DAY_SECONDS;
/** Beyond every frame. */
const FAR_FUTURE = 99_999_999_999;
/** How far back the newest reading is looked for, step by step. */
const LOOK_BACK_DAYS = [3, 40, 400, 40_000];
const RECONNECT_MS = 5_000;

const FOUND: readonly (readonly [keyof LoadFindings, FindingCode])[] = [
  ["malformed", "FRAMES_MALFORMED"],
  ["foreign", "FRAMES_FOREIGN"],
  ["badSignatures", "FRAMES_UNSIGNED"],
  ["equivocations", "FRAMES_CONTRADICT"],
  ["brokenLinks", "FRAMES_UNLINKED"],
  ["unopenable", "FRAMES_UNOPENABLE"],
];

export interface SealedPart {
  readonly envelopes: readonly Uint8Array[];
  readonly frames: readonly Uint8Array[];
}

export class HouseholdReadings {
  readonly #client: PortalClient;
  readonly #say: (event: DeviceEvent) => void;
  readonly #keys: HouseholdKeys;
  readonly #store = new ReadingStore();
  readonly #ended = new AbortController();
  readonly #found = new Map<FindingCode, number>();
  readonly #pyramids = new Map<Register, LoadPyramid>();
  #loaded: readonly Range[] = [];
  #envelopes: readonly Uint8Array[] | undefined;
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(client: PortalClient, keys: HouseholdKeys, say: (event: DeviceEvent) => void) {
    this.#client = client;
    this.#keys = keys;
    this.#say = say;
  }

  get series(): ReadingSeries {
    return this.#store.series;
  }

  get findings(): Findings {
    return [...this.#found].map(([code, count]) => ({ code, count }));
  }

  /** End of the newest reading in memory. */
  get newest(): number | undefined {
    const last = this.series.at(-1);
    return last && runEndSeconds(last);
  }

  get extent(): Range {
    const { series } = this;
    return { from: series[0]?.startSeconds ?? 0, to: this.newest ?? 0 };
  }

  /** Looks for the newest reading, wherever it is, and listens for newer ones from then on. */
  async begin(nowSeconds: number): Promise<void> {
    for (const days of LOOK_BACK_DAYS) {
      await this.load({ from: Math.max(0, nowSeconds - days * DAY_SECONDS), to: FAR_FUTURE });
      if (this.newest !== undefined) break;
    }
    void this.#listen();
  }

  /** Fetches and opens what is missing of a range; one after the other, the newest first. */
  async load(range: Range, task?: Task): Promise<void> {
    const step = this.#fetching.then(
      () => this.#load(range, task),
      () => this.#load(range, task),
    );
    this.#fetching = step.catch(() => undefined);
    await step;
  }

  columns({ from, to }: Range, wanted: { register: Register; count: number }): Columns {
    const columns = this.#pyramidOf(wanted.register).columns({ from, to }, wanted.count);
    const { fromSeconds, minWatts, maxWatts, meanWatts } = columns;
    return { from, to, x: fromSeconds, min: minWatts, max: maxWatts, mean: meanWatts };
  }

  #pyramidOf(register: Register): LoadPyramid {
    const known = this.#pyramids.get(register) ?? new LoadPyramid(this.series, register);
    this.#pyramids.set(register, known);
    return known;
  }

  /** As the portal gives them, for what checks or discloses single readings. */
  async sealed({ from, to }: Range): Promise<SealedPart> {
    const frames: Uint8Array[] = [];
    for await (const page of this.#client.frames(from, to)) frames.push(...page);
    return { envelopes: await this.#client.envelopes(), frames };
  }

  end(): void {
    this.#ended.abort();
  }

  async #load(range: Range, task: Task | undefined): Promise<void> {
    const pieces = missingOf(this.#loaded, range).flatMap((part) =>
      // In one go where nobody watches: the portal gives it in pages anyway.
      task === undefined ? [part] : piecesOf(part, PIECE_SECONDS),
    );
    for (const [index, piece] of pieces.entries()) {
      task?.signal.throwIfAborted();
      task?.advance(index, pieces.length);
      for await (const frames of this.#client.frames(piece.from, piece.to)) await this.#add(frames);
      this.#loaded = withSpan(this.#loaded, piece);
      this.#refresh(piece);
    }
    task?.advance(pieces.length, pieces.length);
  }

  /** A frame that cannot be opened may be of an epoch whose envelope has come since: one more look. */
  async #add(frames: readonly Uint8Array[]): Promise<void> {
    if (frames.length === 0) return;
    this.#envelopes ??= await this.#client.envelopes();
    let findings = await this.#open(frames);
    if (findings.unopenable > 0) {
      this.#envelopes = await this.#client.envelopes();
      findings = await this.#open(frames);
    }
    for (const [kind, code] of FOUND) this.#note(code, findings[kind]);
    if (findings.badEnvelopes > 0) this.#found.set("ENVELOPES_INVALID", findings.badEnvelopes);
  }

  #open(frames: readonly Uint8Array[]): Promise<LoadFindings> {
    const { meters, recipientSecret } = this.#keys;
    const sealed = { envelopes: this.#envelopes ?? [], frames };
    return loadReadings(this.#store, meters, recipientSecret, sealed);
  }

  #note(code: FindingCode, count: number): void {
    if (count > 0) this.#found.set(code, count + (this.#found.get(code) ?? 0));
  }

  #refresh(range: Range): void {
    if (this.#pyramids.size === 0) return;
    for (const run of runsIn(this.series, range)) {
      for (const pyramid of this.#pyramids.values()) pyramid.add(run);
    }
  }

  async #listen(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        this.#say({ event: "connection", isLive: true });
        let isFirst = true;
        for await (const frame of this.#client.live(signal)) {
          // What came while the stream was being opened is in neither: its first frame says that it is open now.
          if (isFirst) await this.#catchUp();
          isFirst = false;
          await this.#live(frame);
        }
      } catch {
        // The portal went away or closed the stream: what came in between is fetched before the next one.
      }
      if (signal.aborted) return;
      this.#say({ event: "connection", isLive: false });
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      await this.#catchUp().catch(() => undefined); // The next attempt will tell.
    }
  }

  async #catchUp(): Promise<void> {
    const from = (this.newest ?? DAY_SECONDS) - DAY_SECONDS;
    for await (const frames of this.#client.frames(from, FAR_FUTURE)) await this.#add(frames);
    this.#refresh({ from, to: FAR_FUTURE });
  }

  async #live(frame: Uint8Array): Promise<void> {
    await this.#add([frame]);
    const span = spanOf(frame);
    if (span === undefined) return;
    this.#refresh(span);
    const last = runsIn(this.series, span).at(-1);
    if (last === undefined) return;
    const energy = last.importMilliwattHours.at(-1) ?? 0;
    const { intervalSeconds } = last;
    const watts = (energy * 3.6) / intervalSeconds;
    this.#say({ event: "live", at: runEndSeconds(last), watts, seconds: intervalSeconds });
  }
}

/** What a frame covers, from its clear header; undefined for what is no frame. */
function spanOf(bytes: Uint8Array): Range | undefined {
  try {
    const { blockStart, firstSlot, count, intervalSeconds } = decodeFrame(bytes).header;
    const from = blockStart + firstSlot * intervalSeconds;
    return { from, to: from + count * intervalSeconds };
  } catch {
    return undefined; // It was counted when it was opened.
  }
}
