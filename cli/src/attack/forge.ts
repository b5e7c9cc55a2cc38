/** Requests and contributions as a dishonest aggregator or opener makes them: of any content, under the keys that he holds. */
import assert from "node:assert/strict";
import { encryptBatch, pack } from "@smarter-metering/paillier";
import {
  billPacking,
  encodeContribution,
  encodeContributionHeader,
  fromHex,
  loadPacking,
  signContribution,
  signRequest,
  toHex,
  type BillRequest,
  type Contribution,
  type ContributionHeader,
  type LoadRequest,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { numberOf } from "./prototype.ts";
import type { Stage } from "./stage.ts";
import { instantOfDay, SLOT_SECONDS, SLOTS } from "./town-homes.ts";

export const COHORT = "north";

/** The request that an honest aggregator would make of these contributions, but for the `changes`. */
export function loadRequest(
  { publicKey, aggregator, view, epoch }: Stage,
  day: number,
  contributions: readonly Contribution[],
  changes: Partial<Omit<LoadRequest, "kind">> = {},
): Promise<SignedRequest> {
  const { n2, id, bits } = publicKey;
  const names = new Set(contributions.map(({ header }) => toHex(header.networkPseudonym)));
  const all = view.cohort(COHORT, 1)?.members ?? [];
  const members = new Uint8Array(Math.ceil(all.length / 8));
  for (const [index, member] of all.entries()) {
    if (names.has(member)) members[index >> 3] = (members[index >> 3] ?? 0) | (1 << (index & 7));
  }
  const product = contributions.reduce((sum, each) => (sum * numberOf(each.ciphertext)) % n2, 1n);
  const terms: LoadRequest = {
    kind: "LOAD",
    stream: "LOAD",
    registryEpoch: epoch,
    cohort: COHORT,
    cohortVersion: 1,
    blockStart: instantOfDay(day),
    intervalSeconds: SLOT_SECONDS,
    slotCount: SLOTS,
    members,
    paillierKeyId: fromHex(id),
    product: bytesOf(product, bits),
    ...changes,
  };
  return signRequest({ terms, contributions: contributions.map(encodeContribution) }, aggregator);
}

/** The bill of the window [fromDay, toDay) between two borders. */
export function billRequest(
  { publicKey, aggregator, epoch }: Stage,
  [from, to]: readonly [Contribution, Contribution],
  [fromDay, toDay]: readonly [number, number],
  changes: Partial<Omit<BillRequest, "kind">> = {},
): Promise<SignedRequest> {
  const { n2, id, bits } = publicKey;
  const product = (numberOf(to.ciphertext) * inverse(numberOf(from.ciphertext), n2)) % n2;
  const terms: BillRequest = {
    kind: "BILL",
    registryEpoch: epoch,
    networkPseudonym: from.header.networkPseudonym,
    fromGrid: instantOfDay(fromDay),
    toGrid: instantOfDay(toDay),
    paillierKeyId: fromHex(id),
    product: bytesOf(product, bits),
    ...changes,
  };
  return signRequest({ terms, contributions: [from, to].map(encodeContribution) }, aggregator);
}

/** A contribution of any content, signed by the opener unless it is somebody else's. */
export async function forge(
  { engine, publicKey, opener }: Stage,
  header: ContributionHeader,
  values: readonly bigint[],
  signer: Signer = opener,
): Promise<Contribution> {
  const { bits } = publicKey;
  const packing =
    header.stream === "BILL" ? billPacking(bits) : loadPacking(header.valueBits, bits);
  const [ciphertext] = await encryptBatch(engine, publicKey, [pack(packing, values)]);
  assert(ciphertext !== undefined, "one for one");
  return signContribution(encodeContributionHeader(header), header, ciphertext.bytes, signer);
}

export const bytesOf = (value: bigint, modulusBits: number): Uint8Array =>
  fromHex(value.toString(16).padStart(modulusBits / 2, "0"));

/** Extended Euclid. */
export function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [value, modulus];
  let [x, y] = [1n, 0n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}
