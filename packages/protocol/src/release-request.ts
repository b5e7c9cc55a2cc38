/**
 * Release requests, aggregator → trustee (docs/protocol.md §8.1). Two shapes and no third: a LOAD request names a cohort and one
 * block, a BILL request one service point and two borders. A customer's LOAD blocks cannot be asked for.
 */
import { primitives } from "#primitives";
import { concatBytes, fromUtf8, utf8 } from "./bytes.ts";
import { contributionLeaf, decodeContribution, type Contribution } from "./contribution.ts";
import { Reader, Writer } from "./encoding.ts";
import { wellFormed } from "./error.ts";
import { merkleRoot } from "./merkle.ts";
import { checkSignature, SIGNATURE_BYTES, signedBytes, type Signer } from "./signature.ts";

const REQUEST_VERSION = 1;
const NAME_BYTES_MAX = 64;
const PRODUCT_BYTES_MAX = 65_535;
const BITMAP_BYTES_MAX = 8192;
const CONTRIBUTION_BYTES_MAX = 65_535;
/** Parts of one block times the largest cohort (A_max = 1024 service points). */
const CONTRIBUTIONS_MAX = 8192;

export interface LoadRequest {
  readonly kind: "LOAD";
  readonly stream: "LOAD" | "LOAD_EXPORT";
  readonly registryEpoch: number;
  readonly cohort: string;
  readonly cohortVersion: number;
  readonly blockStart: number;
  readonly intervalSeconds: number;
  readonly slotCount: number;
  /** Bit i: member i of the cohort (in the registry's order) contributes. */
  readonly members: Uint8Array;
  readonly paillierKeyId: Uint8Array;
  readonly product: Uint8Array;
}

export interface BillRequest {
  readonly kind: "BILL";
  readonly registryEpoch: number;
  readonly networkPseudonym: Uint8Array;
  /** The window on the billing grid, epoch seconds. */
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly paillierKeyId: Uint8Array;
  /** `c_b · c_a⁻¹ mod n²` of the two borders. */
  readonly product: Uint8Array;
}

/** For BILL: exactly two contributions, the border at `from`, then the border at `to`. */
export interface ReleaseRequest {
  readonly terms: LoadRequest | BillRequest;
  readonly contributions: readonly Uint8Array[];
}

export interface SignedRequest extends ReleaseRequest {
  readonly signature: Uint8Array;
}

function encodeTerms(terms: LoadRequest | BillRequest): Uint8Array {
  const writer = new Writer().u8(REQUEST_VERSION);
  if (terms.kind === "LOAD") {
    writer
      .u8(terms.stream === "LOAD" ? 1 : 3)
      .u32(terms.registryEpoch)
      .vector(utf8(terms.cohort), NAME_BYTES_MAX)
      .u32(terms.cohortVersion)
      .u64(terms.blockStart)
      .u32(terms.intervalSeconds)
      .u16(terms.slotCount)
      .vector(terms.members, BITMAP_BYTES_MAX);
  } else {
    writer
      .u8(2)
      .u32(terms.registryEpoch)
      .fixed(terms.networkPseudonym, 16)
      .u64(terms.fromGrid)
      .u64(terms.toGrid);
  }
  return writer.fixed(terms.paillierKeyId, 32).vector(terms.product, PRODUCT_BYTES_MAX).finish();
}

function readTerms(reader: Reader): LoadRequest | BillRequest {
  wellFormed(reader.u8() === REQUEST_VERSION, "unknown request version");
  const code = reader.u8();
  wellFormed(code >= 1 && code <= 3, "unknown kind of request");
  const registryEpoch = reader.u32();
  if (code === 2) {
    return {
      kind: "BILL",
      registryEpoch,
      networkPseudonym: reader.fixed(16),
      fromGrid: reader.safeU64(),
      toGrid: reader.safeU64(),
      paillierKeyId: reader.fixed(32),
      product: reader.vector(PRODUCT_BYTES_MAX),
    };
  }
  return {
    kind: "LOAD",
    stream: code === 1 ? "LOAD" : "LOAD_EXPORT",
    registryEpoch,
    cohort: fromUtf8(reader.vector(NAME_BYTES_MAX)),
    cohortVersion: reader.u32(),
    blockStart: reader.safeU64(),
    intervalSeconds: reader.u32(),
    slotCount: reader.u16(),
    members: reader.vector(BITMAP_BYTES_MAX),
    paillierKeyId: reader.fixed(32),
    product: reader.vector(PRODUCT_BYTES_MAX),
  };
}

/** Terms ‖ number of contributions ‖ Merkle root over them: what is signed, and what the request digest names. */
async function requestSignedBytes(request: ReleaseRequest): Promise<Uint8Array> {
  const leaves = await Promise.all(request.contributions.map(contributionLeaf));
  const root = new Writer()
    .u32(leaves.length)
    .fixed(await merkleRoot(leaves), 32)
    .finish();
  return signedBytes("smarter-metering/release-request/v1", encodeTerms(request.terms), root);
}

/** SHA-256 of the signed bytes: the name of a request, its answer and its ledger entry. */
export async function requestDigest(request: ReleaseRequest): Promise<Uint8Array> {
  return primitives.sha256(await requestSignedBytes(request));
}

export async function signRequest(
  request: ReleaseRequest,
  aggregator: Signer,
): Promise<SignedRequest> {
  return { ...request, signature: await aggregator.sign(await requestSignedBytes(request)) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyRequest(
  request: SignedRequest,
  aggregatorKey: Uint8Array,
): Promise<void> {
  await checkSignature(aggregatorKey, request.signature, await requestSignedBytes(request));
}

export function encodeRequest(request: SignedRequest): Uint8Array {
  wellFormed(request.contributions.length <= CONTRIBUTIONS_MAX, "too many contributions");
  const writer = new Writer().fixed(request.signature, SIGNATURE_BYTES);
  writer.u16(request.contributions.length);
  for (const encoded of request.contributions) writer.vector(encoded, CONTRIBUTION_BYTES_MAX);
  return concatBytes(encodeTerms(request.terms), writer.finish());
}

export function decodeRequest(bytes: Uint8Array): SignedRequest {
  const reader = new Reader(bytes);
  const terms = readTerms(reader);
  const signature = reader.fixed(SIGNATURE_BYTES);
  const count = reader.u16();
  wellFormed(count <= CONTRIBUTIONS_MAX, "too many contributions");
  const contributions: Uint8Array[] = [];
  for (let i = 0; i < count; i++) contributions.push(reader.vector(CONTRIBUTION_BYTES_MAX));
  reader.end();
  return { terms, contributions, signature };
}

/** Decodes every contribution of a request; throws PROTOCOL_MALFORMED at the first that is not one. */
export function contributionsOf(request: ReleaseRequest): Contribution[] {
  return request.contributions.map(decodeContribution);
}
