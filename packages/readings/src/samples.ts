// Samples as they stand in a source, before unit, zone and grid are settled: growing columns of
// plain arrays, about 40 bytes a sample, so that a year of minutes is held in 20 MB.
import type { Decimal } from "./decimal.ts";
import { ReadingsError } from "./readings-error.ts";
import { VALID } from "./series.ts";
import type { Timestamp } from "./timestamp.ts";
import type { Unit } from "./unit.ts";

/** One value of one household at one time, and where it stood. */
export interface Sample {
  readonly time: Timestamp;
  /** Undefined: the cell is there and empty. */
  readonly value: Decimal | undefined;
  /** Exported, in the unit and at the scale of `value`; 0 where a source has import alone. */
  readonly exported?: bigint;
  readonly quality?: number;
  readonly line: number;
  /** Counts from 1. */
  readonly column: number;
}

const CAPACITY_FIRST = 1024;

function columns(capacity: number) {
  return {
    seconds: new Float64Array(capacity),
    isWall: new Uint8Array(capacity),
    isEmpty: new Uint8Array(capacity),
    mantissa: new BigInt64Array(capacity),
    scale: new Uint8Array(capacity),
    exported: new BigInt64Array(capacity),
    quality: new Uint8Array(capacity),
    line: new Uint32Array(capacity),
    column: new Uint16Array(capacity),
  };
}

/** The samples of one household of one file, in the order of the rows. */
export class HouseholdSamples {
  readonly label: string;
  readonly file: string;
  /** Set when the rows themselves say how long their intervals are. */
  declaredIntervalSeconds: number | undefined = undefined;
  /** Set when every value came with its unit: neither header nor caller is asked. */
  declaredUnit: Unit | undefined = undefined;
  /** False where the order of a source says nothing: an earlier time is then not `unordered`. */
  hasOrder = true;
  /** The arrays are longer than `count`. */
  columns = columns(CAPACITY_FIRST);
  count = 0;

  constructor(label: string, file: string) {
    this.label = label;
    this.file = file;
  }

  push(sample: Sample): void {
    const index = this.count;
    if (index === this.columns.seconds.length) this.#grow();
    const to = this.columns;
    to.seconds[index] = sample.time.seconds;
    to.isWall[index] = sample.time.kind === "wall" ? 1 : 0;
    to.isEmpty[index] = sample.value === undefined ? 1 : 0;
    to.mantissa[index] = sample.value?.mantissa ?? 0n;
    to.scale[index] = sample.value?.scale ?? 0;
    to.exported[index] = sample.exported ?? 0n;
    to.quality[index] = sample.quality ?? VALID;
    to.line[index] = sample.line;
    to.column[index] = sample.column;
    this.count = index + 1;
  }

  #grow(): void {
    const from = this.columns;
    const to = columns(2 * this.count);
    to.seconds.set(from.seconds);
    to.isWall.set(from.isWall);
    to.isEmpty.set(from.isEmpty);
    to.mantissa.set(from.mantissa);
    to.scale.set(from.scale);
    to.exported.set(from.exported);
    to.quality.set(from.quality);
    to.line.set(from.line);
    to.column.set(from.column);
    this.columns = to;
  }
}

/** The households of all files of one source. */
export class SampleTable {
  readonly #households = new Map<string, HouseholdSamples>();
  readonly #householdsMax: number;

  constructor(householdsMax: number) {
    this.#householdsMax = householdsMax;
  }

  /** Households in the order of their first row. */
  households(): HouseholdSamples[] {
    return [...this.#households.values()];
  }

  /**
   * The samples of `label`, begun if need be. READINGS_LABEL_CLASH when another file holds them.
   */
  of(label: string, file: string): HouseholdSamples {
    const known = this.#households.get(label);
    if (known?.file === file) return known;
    if (known !== undefined) {
      throw new ReadingsError(
        "READINGS_LABEL_CLASH",
        `household ${label} stands in ${known.file} and in ${file}; put its rows into one file`,
      );
    }
    if (this.#households.size >= this.#householdsMax) {
      throw new ReadingsError(
        "READINGS_TOO_LARGE",
        `${file}: more than ${this.#householdsMax} households; raise limits.households`,
      );
    }
    const begun = new HouseholdSamples(label, file);
    this.#households.set(label, begun);
    return begun;
  }
}
