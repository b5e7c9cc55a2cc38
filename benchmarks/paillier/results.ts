/** What a run of the benchmark found; `--json` prints it. */
import type { Kernel } from "@smarter-metering/paillier";
import type { Operation } from "./operations.ts";
import type { Effort, Rate } from "./rounds.ts";
import type { Peak } from "./limit.ts";
import type { TableCost } from "./tables.ts";

export type Measurement = Rate & {
  readonly bits: number;
  readonly operation: Operation;
  readonly contender: string;
};

/** Throughput of two threads over that of one, taken in turns. */
export type Scaling = {
  readonly bits: number;
  readonly operation: Operation;
  readonly contender: string;
  readonly ratio: number;
};

/** What one measuring process reports: on one core, or on all. */
export type Phase = {
  /** As the engines name themselves. */
  readonly engines: readonly string[];
  /** What the native engine can run here, fastest first. */
  readonly kernels: readonly Kernel[];
  /** Why there are no native rows. */
  readonly whyPortable: string | undefined;
  /** Of phe and gmpy2. */
  readonly python: string | undefined;
  readonly measurements: readonly Measurement[];
  readonly tables: readonly TableCost[];
  readonly scaling: readonly Scaling[];
};

export type Machine = {
  readonly processor: string;
  readonly cores: number;
  readonly features: readonly string[];
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  /** Of the minute before: near 0 on a machine that does nothing else. */
  readonly loadBefore: number;
};

export type LimitShare = {
  readonly bits: number;
  readonly operation: Operation;
  readonly wordProducts: number;
  readonly limitPerSecond: number;
  readonly reachedPerSecond: number;
};

export type Check = {
  readonly name: string;
  readonly bits: number;
  readonly value: number;
  readonly wanted: number;
  readonly holds: boolean;
};

export type Report = {
  readonly machine: Machine;
  readonly effort: Effort;
  /** The processor that the first phase was bound to; undefined where there is no taskset. */
  readonly pinnedTo: number | undefined;
  readonly oneCore: Phase;
  readonly allCores: Phase;
  readonly peak: Peak | undefined;
  readonly limits: readonly LimitShare[];
  readonly gates: readonly Check[];
  readonly targets: readonly Check[];
  readonly seconds: number;
};

/** Operations per second of a contender, or undefined where it has no such row. */
export function bestOf(
  phase: Phase,
  bits: number,
  operation: Operation,
  contender: string | undefined,
): number | undefined {
  return phase.measurements.find(
    (row) => row.bits === bits && row.operation === operation && row.contender === contender,
  )?.best;
}
