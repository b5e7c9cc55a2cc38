/** Requests and contributions as a dishonest aggregator or opener makes them: of any content, under the keys that he holds. */
import assert from "node:assert/strict";
import { encryptBatch, engineKeyOf, pack } from "@smarter-metering/paillier";
import {
  billPacking,
  concatBytes,
  encodeContribution,
  encodeContributionHeader,
  fromHex,
  instantOf,
  loadPacking,
  signContribution,
  signRequest,
  type BillRequest,
  type Contribution,
  type ContributionHeader,
  type LoadRequest,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { presenceOf } from "../audit/presence.ts";
import type { Stage } from "./stage.ts";
import { instantOfDay, SLOT_SECONDS, SLOTS } from "./town-homes.ts";

export const COHORT = "north";

/** The request that an honest aggregator would make of these contributions, but for the `changes`. */
export async function loadRequest(
  stage: Stage,
  day: number,
  contributions: readonly Contribution[],
  changes: Partial<Omit<LoadRequest, "kind">> = {},
): Promise<SignedRequest> {
  const { publicKey, aggregator, epoch } = stage;
  const { slotCount = SLOTS } = changes;
  const terms: LoadRequest = {
    kind: "LOAD",
    stream: "LOAD",
    registryEpoch: epoch,
    cohort: COHORT,
    cohortVersion: 1,
    blockStart: instantOfDay(day),
    intervalSeconds: SLOT_SECONDS,
    slotCount,
    ...presenceIn(stage, contributions, slotCount),
    paillierKeyId: fromHex(publicKey.id),
    product: await productOf(
      stage,
      contributions.map(({ ciphertext }) => ciphertext),
    ),
    ...changes,
  };
  return signRequest({ terms, contributions: contributions.map(encodeContribution) }, aggregator);
}

/** What terms say of who is in a sum: of these contributions, or claimed of others. */
export const presenceIn = (
  { view }: Stage,
  contributions: readonly Contribution[],
  slotCount = SLOTS,
): Pick<LoadRequest, "members" | "runs"> => {
  const headers = contributions.map(({ header }) => header);
  return presenceOf(headers, view.cohort(COHORT, 1)?.members ?? [], slotCount);
};

/** The bill of the window [fromDay, toDay) between two borders. */
export async function billRequest(
  stage: Stage,
  [from, to]: readonly [Contribution, Contribution],
  [fromDay, toDay]: readonly [number, number],
  changes: Partial<Omit<BillRequest, "kind">> = {},
): Promise<SignedRequest> {
  const { publicKey, aggregator, epoch } = stage;
  const terms: BillRequest = {
    kind: "BILL",
    registryEpoch: epoch,
    networkPseudonym: from.header.networkPseudonym,
    fromGrid: instantOfDay(fromDay),
    toGrid: instantOfDay(toDay),
    fromBorder: instantOf(from.header),
    toBorder: instantOf(to.header),
    registerBank: from.header.registerBank,
    paillierKeyId: fromHex(publicKey.id),
    product: await quotientOf(stage, to.ciphertext, from.ciphertext),
    costProduct: new Uint8Array(0),
    ...changes,
  };
  return signRequest({ terms, contributions: [from, to].map(encodeContribution) }, aggregator);
}

/** Of any ciphertexts: what homomorphic encryption allows to anybody. */
export const productOf = (
  { engine, publicKey }: Stage,
  ciphertexts: readonly Uint8Array[],
): Promise<Uint8Array> =>
  engine.product(engineKeyOf(publicKey), concatBytes(...ciphertexts), [ciphertexts.length]);

export const quotientOf = (
  { engine, publicKey }: Stage,
  later: Uint8Array,
  earlier: Uint8Array,
): Promise<Uint8Array> => engine.subtract(engineKeyOf(publicKey), later, earlier);

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
