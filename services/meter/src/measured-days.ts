/**
 * The days of a meter's source, without what cannot be (docs/quality.md): what checks look back at
 * and gaps are searched in. Keeps a few days in memory, however long the meter runs. Plaintext.
 */
import { localDayStart } from "@smarter-metering/tariff";
import { checkReadings, HISTORY_DAYS, IMPOSSIBLE } from "./checks.ts";
import { checkLength } from "./frame-values.ts";
import { blockEndOf } from "./position.ts";
import type { Provisioning } from "./provisioning.ts";
import type { MeterSource, Readings } from "./source.ts";

export type SourceTerms = Pick<
  Provisioning,
  "zone" | "intervalSeconds" | "installedAt" | "servedUntil" | "calendar" | "powerWattsMax"
>;

/** What a check looks back at, and a few days around a gap. */
const DAYS_KEPT_MAX = HISTORY_DAYS + 4;

export class MeasuredDays {
  readonly source: MeterSource;
  readonly terms: SourceTerms;
  /** By the day's start, the one asked for last at the end. */
  readonly #kept = new Map<number, Readings>();

  constructor(source: MeterSource, terms: SourceTerms) {
    this.source = source;
    this.terms = terms;
  }

  startOf(atSeconds: number): number {
    return localDayStart(atSeconds, this.terms.zone);
  }

  /** As the source gives it. Throws METER_SOURCE for one of another length. */
  raw(blockStart: number): Readings | undefined {
    const blockEnd = blockEndOf(this.terms, blockStart);
    const readings = this.source.day(blockStart, blockEnd);
    if (readings !== undefined) {
      checkLength(readings, (blockEnd - blockStart) / this.terms.intervalSeconds);
    }
    return readings;
  }

  /** Without impossible values; undefined where the source has nothing, or before the meter was there. */
  at(blockStart: number): Readings | undefined {
    if (blockStart < this.startOf(this.terms.installedAt)) return undefined;
    const kept = this.#kept.get(blockStart);
    const raw = kept ?? this.raw(blockStart);
    if (raw === undefined) return undefined;
    const facts = { ...this.terms, readings: raw, history: [] };
    const readings = kept ?? checkReadings(facts, IMPOSSIBLE).readings;
    this.#kept.delete(blockStart);
    this.#kept.set(blockStart, readings);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > DAYS_KEPT_MAX) this.#kept.delete(oldest);
    return readings;
  }

  /** Those of the days before `blockStart` that are there, oldest first. */
  before(blockStart: number): Readings[] {
    const history: Readings[] = [];
    let day = blockStart;
    for (let days = 0; days < HISTORY_DAYS; days++) {
      day = this.startOf(day - 1);
      const readings = this.at(day);
      if (readings !== undefined) history.unshift(readings);
    }
    return history;
  }
}
