/** When contributions and releases arrive, by what aggregators and MDMS count in their metrics. */
import type { Door } from "../../cli/src/serve/door.ts";
import { readMetric } from "./metrics-reader.ts";

const LOOK_MS = 50;
const LOOK_SLOWLY_MS = 500;
/** Nothing arrived for so long: something is wrong, and waiting does not mend it. */
const STUCK_MS = 120_000;

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Arrivals {
  readonly #aggregators: readonly Door[];
  readonly #mdms: Door;
  /** When the frame of each place left, of `performance.now`. */
  readonly #sentMs: number[] = [];

  constructor(aggregators: readonly Door[], mdms: Door) {
    this.#aggregators = aggregators;
    this.#mdms = mdms;
  }

  sent(first: number, count: number): void {
    const nowMs = performance.now();
    for (let place = first; place < first + count; place++) this.#sentMs[place] = nowMs;
  }

  /** Resolves when so many contributions of the stream were accepted. */
  async untilRecorded(stream: string, count: number): Promise<void> {
    await this.#count(stream, count, LOOK_SLOWLY_MS, () => undefined);
  }

  /** Follows `count` more contributions of the stream; the nth to arrive answers for the nth that was sent. */
  async watch(stream: string, count: number): Promise<Latencies> {
    const before = await this.#recorded(stream);
    const latencies: number[] = [];
    await this.#count(stream, before + count, LOOK_MS, (recorded) => {
      const nowMs = performance.now();
      while (latencies.length < Math.min(recorded - before, this.#sentMs.length)) {
        latencies.push(nowMs - (this.#sentMs[latencies.length] ?? nowMs));
      }
    });
    latencies.sort((a, b) => a - b);
    const at = (share: number): number =>
      latencies[Math.floor(share * (latencies.length - 1))] ?? 0;
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }

  /** Releases at the MDMS once no more come for a while, or after `msMax`. */
  async untilReleased(msMax: number): Promise<number> {
    const endMs = performance.now() + msMax;
    let last = -1;
    for (let quiet = 0; quiet < 10 && performance.now() < endMs; quiet++) {
      const now = await readMetric(this.#mdms, "mdms_releases_total", { outcome: "stored" });
      if (now !== last) quiet = 0;
      last = now;
      await pause(LOOK_SLOWLY_MS);
    }
    return last;
  }

  async #recorded(stream: string): Promise<number> {
    const labels = { stream, outcome: "accepted" };
    const each = this.#aggregators.map((door) =>
      readMetric(door, "aggregator_contributions_total", labels),
    );
    return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
  }

  async #count(
    stream: string,
    until: number,
    everyMs: number,
    seen: (recorded: number) => void,
  ): Promise<void> {
    let [last, lastMs] = [-1, performance.now()];
    for (;;) {
      const recorded = await this.#recorded(stream);
      seen(recorded);
      if (recorded >= until) return;
      if (recorded !== last) [last, lastMs] = [recorded, performance.now()];
      else if (performance.now() - lastMs > STUCK_MS) {
        throw new Error(`${recorded} of ${until} contributions to ${stream}, and no more come`);
      }
      await pause(everyMs);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
