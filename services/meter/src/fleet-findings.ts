/** What validation found in the readings of a fleet's meters, in this run: codes and counts, no readings (docs/quality.md). */
import type { Counter } from "@smarter-metering/runtime";
import type { FindingCode } from "./validated-source.ts";

export class FleetFindings {
  readonly #counter: Counter;
  readonly #byMeter = new Map<string, Map<FindingCode, number>>();

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  add(meterName: string, code: FindingCode, intervals: number): void {
    this.#counter.add(intervals, { code });
    const counts = this.#byMeter.get(meterName) ?? new Map<FindingCode, number>();
    counts.set(code, (counts.get(code) ?? 0) + intervals);
    this.#byMeter.set(meterName, counts);
  }

  of(meterName: string): ReadonlyMap<FindingCode, number> {
    return new Map(this.#byMeter.get(meterName));
  }
}
