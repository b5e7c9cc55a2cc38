// What is odd about a source, counted and located (file, line, column), so that no row is dropped
// in silence. Findings carry places and times, never readings.
import { ReadingsError } from "./readings-error.ts";

/**
 * - `malformed`: a row, cell, telegram or reading that cannot be read · `empty`: no value there
 * - `duplicate`: same time, same value · `conflict`: same time, other value (the first is kept)
 * - `unordered`: earlier than a row before it (sorted) · `off-grid`: not on the household's grid
 * - `negative`: below 0 (export in one signed column is not supported) · `absurd`: above the fuse
 * - `backwards`: a register below the one before it, or another meter's
 * - `gap`: a run of intervals without a row, at the row behind it
 * - `dst-missing`: a local time that the zone skips · `dst-repeated`: one that happens twice and
 *   stands there once (taken as the earlier of the two)
 * - `unit-overridden`: the header names another unit than the caller
 * - `byte-order-mark` (not needed in UTF-8) · `mixed-line-ends`: this line ends otherwise than the
 *   first · `cut-off`: the last line has no end, and cannot be read
 *
 * Counts are rows or cells; for `gap`, intervals.
 */
export type FindingKind =
  | "malformed"
  | "empty"
  | "duplicate"
  | "conflict"
  | "unordered"
  | "off-grid"
  | "negative"
  | "absurd"
  | "backwards"
  | "gap"
  | "dst-missing"
  | "dst-repeated"
  | "unit-overridden"
  | "byte-order-mark"
  | "mixed-line-ends"
  | "cut-off";

/**
 * One located oddity. `line` and `column` count from 1; a column is a cell of a table, else a
 * character.
 */
export interface Finding {
  readonly kind: FindingKind;
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly household?: string;
  readonly detail: string;
}

/** Rows that a strict reader does not accept; the other kinds are not faults of a row. */
const FAULTS: ReadonlySet<FindingKind> = new Set<FindingKind>([
  "malformed",
  "duplicate",
  "conflict",
  "unordered",
  "off-grid",
  "negative",
  "absurd",
  "backwards",
  "dst-missing",
]);

/** Where a finding is: `household.csv:12:3`. */
export function locationOf(finding: Finding): string {
  const parts: (string | number)[] = [finding.file];
  if (finding.line !== undefined) parts.push(finding.line);
  if (finding.column !== undefined) parts.push(finding.column);
  return parts.join(":");
}

/** Collects findings: counts all of them, keeps the first `perKindMax` of each kind. */
export class FindingLog {
  readonly counts: Partial<Record<FindingKind, number>> = {};
  readonly #kept: Finding[] = [];
  readonly #keptPerKind = new Map<FindingKind, number>();
  readonly #perKindMax: number;
  readonly #strict: boolean;
  #lastMalformed: Finding | undefined;

  constructor(options: { perKindMax: number; strict: boolean }) {
    this.#perKindMax = options.perKindMax;
    this.#strict = options.strict;
  }

  /** The kept findings, in the order in which they were found. */
  get kept(): readonly Finding[] {
    return this.#kept;
  }

  /** The newest `malformed`. */
  get lastMalformed(): Finding | undefined {
    return this.#lastMalformed;
  }

  /** Counts `finding` as `count` occurrences; throws READINGS_MALFORMED on a fault when strict. */
  add(finding: Finding, count = 1): void {
    if (this.#strict && FAULTS.has(finding.kind)) {
      const what = `${finding.kind}: ${finding.detail}`;
      throw new ReadingsError(
        "READINGS_MALFORMED",
        `${locationOf(finding)}: ${what}; correct the row or read without strict`,
      );
    }
    if (finding.kind === "malformed") this.#lastMalformed = finding;
    this.counts[finding.kind] = (this.counts[finding.kind] ?? 0) + count;
    const kept = this.#keptPerKind.get(finding.kind) ?? 0;
    if (kept >= this.#perKindMax) return;
    this.#keptPerKind.set(finding.kind, kept + 1);
    this.#kept.push(finding);
  }
}
