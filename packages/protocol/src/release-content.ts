/**
 * What a release says (docs/protocol.md §8.5), and how a decrypted aggregate becomes it. Decoded where the plaintext first appears: by a
 * trustee that holds the whole key, or by the MDMS, which combines the shares of several.
 */
import { unpack } from "@smarter-metering/paillier";
import { z } from "zod";
import { ADDITIONS_MAX, billPacking, loadPacking } from "./contribute.ts";
import { REGISTERS } from "./frame-body.ts";

export const NAME_BYTES_MAX = 64;

const decimal = z.string().regex(/^(?:0|[1-9]\d*)$/);
const count = z.number().int().nonnegative();
const seconds = z.number().int().nonnegative();
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);

/** A neighbourhood's load of one block: counts per slot, never who. */
const loadRelease = z.strictObject({
  kind: z.literal("LOAD"),
  stream: z.enum(["LOAD", "LOAD_EXPORT"]),
  cohort: z.string().min(1).max(NAME_BYTES_MAX),
  cohortVersion: z.number().int().positive(),
  blockStart: seconds,
  intervalSeconds: z.number().int().positive(),
  /** Service points in the sum, and how many of them have a value in each slot. */
  contributors: count,
  members: count,
  contributorsPerSlot: z.array(count),
  energy_Wh: z.array(count),
  policyId: z.string(),
  registryEpoch: count,
  paillierKeyId: hex32,
  requestDigest: hex32,
});

/** A service point's registers over one billing window: last border minus first, per band, then export. */
const billRelease = z.strictObject({
  kind: z.literal("BILL"),
  /** base64url; opens at the MDMS to its own pseudonym of the service point. */
  servicePointToken: z.string().min(1),
  fromGrid: seconds,
  toGrid: seconds,
  fromBorder: seconds,
  toBorder: seconds,
  registerBank: z.string().regex(/^[0-9a-f]{16}$/),
  registers_mWh: z.array(decimal).length(REGISTERS),
  policyId: z.string(),
  registryEpoch: count,
  paillierKeyId: hex32,
  requestDigest: hex32,
});

export const releaseContent = z.discriminatedUnion("kind", [loadRelease, billRelease]);
export type LoadRelease = z.infer<typeof loadRelease>;
export type BillRelease = z.infer<typeof billRelease>;
export type ReleaseContent = LoadRelease | BillRelease;

const loadTerms = loadRelease.omit({ energy_Wh: true }).extend({
  /** v of the packing (§5). */
  loadValueBits: z.number().int().min(1).max(48),
});
const billTerms = billRelease.omit({ registers_mWh: true });

export const aggregateTerms = z.discriminatedUnion("kind", [loadTerms, billTerms]);
/** All that a release says before anybody has decrypted it. */
export type LoadAggregateTerms = z.infer<typeof loadTerms>;
export type BillAggregateTerms = z.infer<typeof billTerms>;
export type AggregateTerms = LoadAggregateTerms | BillAggregateTerms;

/**
 * The release of an aggregate that decrypted to `plaintext`, in [0, n), |n| = `modulusBits`. Undefined when that cannot be the sum or the
 * difference that the terms name: a slot above contributors · v_max, a register that ran backwards, anything above (§5).
 */
export function releaseOf(
  terms: AggregateTerms,
  modulusBits: number,
  plaintext: bigint,
): ReleaseContent | undefined {
  return terms.kind === "LOAD"
    ? loadReleaseOf(terms, modulusBits, plaintext)
    : billReleaseOf(terms, modulusBits, plaintext);
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
  terms: BillAggregateTerms,
  modulusBits: number,
  plaintext: bigint,
): BillRelease | undefined {
  const unpacked = unpack(billPacking(modulusBits), plaintext, { slots: REGISTERS, count: 1 });
  return unpacked.ok ? { ...terms, registers_mWh: unpacked.values.map(String) } : undefined;
}
