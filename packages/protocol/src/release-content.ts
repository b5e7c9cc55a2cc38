/**
 * What a release says (docs/protocol.md §8.5), and how a decrypted aggregate becomes it. Decoded where the plaintext first appears: by a
 * trustee that holds the whole key, or by the MDMS, which combines the shares of several.
 */
import { unpack, type PublicKey } from "@smarter-metering/paillier";
import { ADDITIONS_MAX, billPacking, loadPacking } from "./contribute.ts";
import { REGISTER_BITS, REGISTERS } from "./frame-body.ts";
import {
  eitherOf,
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  text,
  yes,
  type ShapeOf,
} from "./shape.ts";

export const NAME_BYTES_MAX = 64;

const decimal = text(/^(?:0|[1-9]\d*)$/);
const count = integer(0);
const seconds = integer(0);
const hex32 = text(/^[0-9a-f]{64}$/);

const block = {
  kind: oneOf("LOAD"),
  stream: oneOf("LOAD", "LOAD_EXPORT"),
  cohort: text(/^.{1,64}$/s),
  cohortVersion: integer(1),
  blockStart: seconds,
  intervalSeconds: integer(1),
  /** Service points in the sum, and how many of them have a value in each slot. */
  contributors: count,
  members: count,
  contributorsPerSlot: list(count),
};

const window = {
  kind: oneOf("BILL"),
  /** base64url; opens at the MDMS to its own pseudonym of the service point. */
  servicePointToken: text(/./),
  fromGrid: seconds,
  toGrid: seconds,
  fromBorder: seconds,
  toBorder: seconds,
  registerBank: text(/^[0-9a-f]{16}$/),
};

const request = {
  policyId: text(),
  registryEpoch: count,
  paillierKeyId: hex32,
  requestDigest: hex32,
};

/** A neighbourhood's load of one block: counts per slot, never who. */
const loadRelease = object({ ...block, energy_Wh: list(count), ...request });
/** A service point's registers over one billing window: last border minus first, per band, then export. */
const billRelease = object({
  ...window,
  registers_mWh: list(decimal, REGISTERS),
  /** What the cost register counted (§6.6), where it was released. */
  cost: optional(decimal),
  ...request,
});

export const releaseContent = eitherOf(loadRelease, billRelease);
export type LoadRelease = ShapeOf<typeof loadRelease>;
export type BillRelease = ShapeOf<typeof billRelease>;
export type ReleaseContent = LoadRelease | BillRelease;

const loadTerms = object({
  ...block,
  ...request,
  /** v of the packing (§5). */
  loadValueBits: integer(1, 48),
});
const billTerms = object({
  ...window,
  ...request,
  /** A second aggregate, of the cost, goes with it. */
  hasCost: flag,
  /** It is no difference of registers but a sum of steps at their prices (§6.6): nothing in it begins again at 2⁴⁸. */
  isCostWeighted: optional(yes),
});

export const aggregateTerms = eitherOf(loadTerms, billTerms);
/** All that a release says before anybody has decrypted it. */
export type LoadAggregateTerms = ShapeOf<typeof loadTerms>;
export type BillAggregateTerms = ShapeOf<typeof billTerms>;
export type AggregateTerms = LoadAggregateTerms | BillAggregateTerms;

/** What a release decrypted to, each in [0, n). */
export interface Plaintexts {
  readonly sum: bigint;
  /** Of a bill that has a cost. */
  readonly cost?: bigint;
}

/**
 * The release of an aggregate that decrypted to `plaintexts` under `key`. Undefined when that cannot be the sum or the difference that
 * the terms name: a slot above contributors · v_max, a register that ran backwards, anything above (§5), a cost that is missing or that
 * no register counts (§6.6).
 */
export function releaseOf(
  terms: AggregateTerms,
  key: Pick<PublicKey, "n" | "bits">,
  plaintexts: Plaintexts,
): ReleaseContent | undefined {
  return terms.kind === "LOAD"
    ? loadReleaseOf(terms, key.bits, plaintexts.sum)
    : billReleaseOf(terms, key, plaintexts);
}

function loadReleaseOf(
  { loadValueBits, ...named }: LoadAggregateTerms,
  modulusBits: number,
  plaintext: bigint,
): LoadRelease | undefined {
  const packing = loadPacking(loadValueBits, modulusBits);
  const { contributors, contributorsPerSlot } = named;
  const slots = contributorsPerSlot.length;
  if (slots > packing.slots || contributors > ADDITIONS_MAX) return undefined;
  const unpacked = unpack(packing, plaintext, { slots, count: contributors });
  if (!unpacked.ok) return undefined;
  const bounded = unpacked.values.every(
    (sum, slot) => sum <= BigInt(contributorsPerSlot[slot] ?? 0) * packing.valueMax,
  );
  return bounded ? { ...named, energy_Wh: unpacked.values.map(Number) } : undefined;
}

function billReleaseOf(
  { hasCost, isCostWeighted, ...named }: BillAggregateTerms,
  key: Pick<PublicKey, "n" | "bits">,
  plaintexts: Plaintexts,
): BillRelease | undefined {
  const packing = billPacking(key.bits);
  const unpacked = unpack(packing, plaintexts.sum, { slots: REGISTERS, count: 1 });
  if (!unpacked.ok) return undefined;
  const release = { ...named, registers_mWh: unpacked.values.map(String) };
  if (!hasCost) return release;
  const cost = isCostWeighted ? weightedCostOf(plaintexts.cost) : costOf(plaintexts.cost, key.n);
  return cost === undefined ? undefined : { ...release, cost: String(cost) };
}

/** Σ energy · (price − floor): R9 left no room for more than 48 bits. */
const weightedCostOf = (plaintext: bigint | undefined): bigint | undefined =>
  plaintext !== undefined && plaintext >= 0n && plaintext < 1n << BigInt(REGISTER_BITS)
    ? plaintext
    : undefined;

/** Every meter of a window may have passed its register's end once: there are 8 of them at most (§7.3). */
const COST_SPAN = 8n << BigInt(REGISTER_BITS);

/** The difference of registers that count modulo 2⁴⁸ (§6.6): below 0 where one began again. */
function costOf(plaintext: bigint | undefined, n: bigint): bigint | undefined {
  if (plaintext === undefined || plaintext < 0n || plaintext >= n) return undefined;
  const difference = plaintext > n / 2n ? plaintext - n : plaintext;
  const isPossible = difference < COST_SPAN && difference > -COST_SPAN;
  return isPossible ? BigInt.asUintN(REGISTER_BITS, difference) : undefined;
}
