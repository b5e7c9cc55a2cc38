// The release policy: the numbers that every release is judged by. docs/protocol.md: release
// policy. Signed by the registry; trustees are pinned to one id and enforce it, aggregators read it
// to ask for what will be granted. Holds no secret and no reading.

import type { BillGrid } from "@smarter-metering/tariff";
import { PolicyError } from "./error.ts";

export interface ReleasePolicy {
  readonly kind: "smarter-metering/policy";
  readonly id: string;
  /** R1: service points in every slot of a released load. */
  readonly contributorsMin: number;
  /** R1: the same where intervals are shorter than 900 s. */
  readonly contributorsMinFine: number;
  /** R2: largest share of one contributor, by fuse rating and by consumption class. */
  readonly dominanceMaxBasisPoints: number;
  /** R5 and the audit residual: fewest members behind what releases say together; 1 for no audit. */
  readonly auditMembersMin: number;
  /** R11: shortest interval of a released load. */
  readonly intervalSecondsMin: number;
  /** R7: share of a cohort's members that must have contributed. */
  readonly completenessMinBasisPoints: number;
  /** R6: members that come or go together, when any do. */
  readonly churnMin: number;
  /** R8: local days of a billing window. */
  readonly billWindowDaysMin: number;
  /** R8: where windows begin and end. */
  readonly billGrid: BillGrid;
  /** R9: intervals of 900 s, or of the meter's length if longer, in which a band holds. */
  readonly bandIntervalsMin: number;
  /** Registers of one bill, bands and export together. */
  readonly registersMax: number;
  /** An incomplete block waits that long after its end. */
  readonly loadCutoffSeconds: number;
  /** A border contribution may come that long after its grid instant. */
  readonly billCutoffSeconds: number;
}

const unsafePrefix = "UNSAFE-";
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const gridDaysMax = 366;

interface Limits {
  readonly min: number;
  readonly max: number;
  /** Hard floor: only a policy whose id says UNSAFE- goes below. */
  readonly floor: number;
  /** The same upwards, where more is less private. */
  readonly ceiling?: number;
}

/** Every number of a policy; where floor equals min the number is no matter of privacy. */
const limits = {
  contributorsMin: { min: 1, max: 1_000_000, floor: 20 },
  contributorsMinFine: { min: 1, max: 1_000_000, floor: 500 },
  dominanceMaxBasisPoints: { min: 1, max: 10_000, floor: 1, ceiling: 1500 },
  auditMembersMin: { min: 1, max: 1_000_000, floor: 5 },
  intervalSecondsMin: { min: 1, max: 86_400, floor: 60 },
  completenessMinBasisPoints: { min: 0, max: 10_000, floor: 9000 },
  churnMin: { min: 0, max: 1_000_000, floor: 5 },
  billWindowDaysMin: { min: 1, max: 366, floor: 28 },
  bandIntervalsMin: { min: 0, max: 35_136, floor: 60 },
  registersMax: { min: 1, max: 8, floor: 1 },
  loadCutoffSeconds: { min: 0, max: 604_800, floor: 0 },
  billCutoffSeconds: { min: 0, max: 604_800, floor: 0 },
} as const satisfies Readonly<Record<string, Limits>>;

type NumberField = keyof typeof limits;
const numberFields = Object.keys(limits) as NumberField[]; // safe: the keys of a literal
/** Rules that came later: a document that does not name their numbers has the standard ones. */
const laterFields: readonly string[] = [
  "dominanceMaxBasisPoints",
  "auditMembersMin",
  "bandIntervalsMin",
] satisfies readonly NumberField[];

const defaults = {
  kind: "smarter-metering/policy",
  contributorsMin: 100,
  contributorsMinFine: 500,
  dominanceMaxBasisPoints: 1500,
  auditMembersMin: 5,
  intervalSecondsMin: 900,
  completenessMinBasisPoints: 9000,
  churnMin: 5,
  billWindowDaysMin: 28,
  billGrid: { unit: "month" },
  bandIntervalsMin: 60,
  registersMax: 8,
  loadCutoffSeconds: 21_600,
  billCutoffSeconds: 259_200,
} as const satisfies Omit<ReleasePolicy, "id">;

function readObject(
  value: unknown,
  keys: readonly string[],
  field = "",
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new PolicyError("POLICY_MALFORMED", "expected an object", field);
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw new PolicyError("POLICY_MALFORMED", `unknown key ${JSON.stringify(unknown)}`, field);
  }
  const missing = keys.find((key) => !Object.hasOwn(value, key) && !optional.includes(key));
  if (missing !== undefined) {
    throw new PolicyError("POLICY_MALFORMED", `missing key "${missing}"`, field);
  }
  return { ...value };
}

function readInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new PolicyError("POLICY_MALFORMED", `expected an integer from ${min} to ${max}`, field);
  }
  return value;
}

function parseGrid(value: unknown): BillGrid {
  const isMonth =
    typeof value === "object" && value !== null && "unit" in value && value.unit === "month";
  const grid = readObject(value, isMonth ? ["unit"] : ["unit", "days"], "billGrid");
  if (isMonth) return { unit: "month" };
  if (grid["unit"] !== "day") {
    throw new PolicyError("POLICY_MALFORMED", 'expected unit "month" or "day"', "billGrid");
  }
  return { unit: "day", days: readInteger(grid["days"], "billGrid.days", 1, gridDaysMax) };
}

function checkFloors(policy: ReleasePolicy): void {
  if (isUnsafe(policy)) return;
  for (const field of numberFields) {
    const { floor, ceiling = Infinity }: Limits = limits[field];
    if (policy[field] < floor || policy[field] > ceiling) {
      const bound =
        policy[field] < floor ? `below the floor of ${floor}` : `above the ceiling of ${ceiling}`;
      const message = `${policy[field]} is ${bound}; a demonstration that needs it runs with \
--unsafe-policy, and its policy id begins with ${unsafePrefix}`;
      throw new PolicyError("POLICY_BELOW_FLOOR", message, field);
    }
  }
}

/**
 * Reads a policy from JSON, strictly. Throws PolicyError: POLICY_MALFORMED for wrong types, ranges,
 * unknown or missing keys; POLICY_BELOW_FLOOR when a policy not named UNSAFE- goes past a floor or
 * ceiling.
 */
export function parsePolicy(value: unknown): ReleasePolicy {
  const keys = ["kind", "id", "billGrid", ...numberFields];
  const document = readObject(value, keys, "", laterFields);
  if (document["kind"] !== defaults.kind) {
    throw new PolicyError("POLICY_MALFORMED", `expected "${defaults.kind}"`, "kind");
  }
  const id = document["id"];
  if (typeof id !== "string" || !idPattern.test(id)) {
    throw new PolicyError("POLICY_MALFORMED", `expected an id like ${idPattern.source}`, "id");
  }
  const number = (field: NumberField): number =>
    readInteger(document[field] ?? defaults[field], field, limits[field].min, limits[field].max);
  const policy: ReleasePolicy = {
    kind: defaults.kind,
    id,
    contributorsMin: number("contributorsMin"),
    contributorsMinFine: number("contributorsMinFine"),
    dominanceMaxBasisPoints: number("dominanceMaxBasisPoints"),
    auditMembersMin: number("auditMembersMin"),
    intervalSecondsMin: number("intervalSecondsMin"),
    completenessMinBasisPoints: number("completenessMinBasisPoints"),
    churnMin: number("churnMin"),
    billWindowDaysMin: number("billWindowDaysMin"),
    billGrid: parseGrid(document["billGrid"]),
    bandIntervalsMin: number("bandIntervalsMin"),
    registersMax: number("registersMax"),
    loadCutoffSeconds: number("loadCutoffSeconds"),
    billCutoffSeconds: number("billCutoffSeconds"),
  };
  checkFloors(policy);
  return policy;
}

/** A number of a policy beside what no policy but an unsafe one may have. */
export interface PolicyFloor {
  readonly field: string;
  readonly value: number;
  readonly floor: number;
  readonly ceiling: number | null;
}

/** Those that are a matter of privacy, in the order of the document. */
export function floorsOf(policy: ReleasePolicy): PolicyFloor[] {
  return numberFields.flatMap((field) => {
    const { floor, min, ceiling }: Limits = limits[field];
    const isOfPrivacy = floor > min || ceiling !== undefined;
    return isOfPrivacy ? [{ field, value: policy[field], floor, ceiling: ceiling ?? null }] : [];
  });
}

/** Whether the policy's id says that it may be below the hard floors. */
export function isUnsafe(policy: Pick<ReleasePolicy, "id">): boolean {
  return policy.id.startsWith(unsafePrefix);
}

/** The standard policy, with another k where asked. Throws POLICY_BELOW_FLOOR below 20. */
export function defaultPolicy(options: { readonly contributorsMin?: number } = {}): ReleasePolicy {
  const { contributorsMin = defaults.contributorsMin } = options;
  return parsePolicy({ ...defaults, id: `standard-k${contributorsMin}`, contributorsMin });
}

/** A policy for demonstrations, `UNSAFE-` before its name: no floors. Throws POLICY_MALFORMED. */
export function unsafePolicy(
  changes: Partial<Omit<ReleasePolicy, "kind" | "id">> & { readonly name?: string },
): ReleasePolicy {
  const { name = "demo", ...numbers } = changes;
  return parsePolicy({ ...defaults, ...numbers, id: unsafePrefix + name });
}

/** The policy in plain words, one sentence an entry; an unsafe one says so first. */
export function describePolicy(policy: ReleasePolicy): string[] {
  const grid =
    policy.billGrid.unit === "month"
      ? "local months"
      : `every ${policy.billGrid.days} local days from the contract's start`;
  const warning = `UNSAFE policy ${policy.id}: it may go below the hard floors; no household is \
protected by what follows.`;
  const fine = Math.max(policy.contributorsMin, policy.contributorsMinFine);
  return [
    isUnsafe(policy) ? warning : `Policy ${policy.id}.`,
    `A load curve is the sum of at least ${policy.contributorsMin} service points in every slot, \
${fine} where intervals are shorter than 15 minutes.`,
    `Its intervals are at least ${policy.intervalSecondsMin} s long, those registered for the cohort.`,
    `At least ${policy.completenessMinBasisPoints / 100} % of the cohort's members contributed.`,
    `No contributor is more than ${policy.dominanceMaxBasisPoints / 100} % of it by fuse rating or by \
consumption class.`,
    `Each interval of a neighbourhood is released at most once.`,
    policy.auditMembersMin > 1
      ? `All load curves and bills together say of fewer than ${policy.auditMembersMin} members \
nothing finer than a bill.`
      : "What load curves and bills say together is not audited.",
    `When members of a cohort change, at least ${policy.churnMin} come and at least \
${policy.churnMin} go, or none.`,
    `An incomplete block waits ${policy.loadCutoffSeconds} s after its end, an incomplete bill \
${policy.billCutoffSeconds} s.`,
    `A bill covers at least ${policy.billWindowDaysMin} local days between instants of its grid \
(${grid}), never a day twice, in at most ${policy.registersMax} registers; a band holds for at least \
${policy.bandIntervalsMin} intervals of it.`,
  ];
}
