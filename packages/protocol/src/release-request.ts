/**
 * Release requests, aggregator → trustee (docs/protocol.md §8.1). Two shapes and no third: a LOAD request names a cohort and one
 * block, a BILL request one service point and two borders. A customer's LOAD blocks cannot be asked for.
 *
 * What is signed are the terms and the Merkle root over the contributions. These signed terms alone stand in the log, where all trustees
 * read them in one order; they say all that the rules ask about, and the contributions must bear them out.
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
/** Slots of one ciphertext, and more. */
const RUNS_MAX = 256;
const HEAD_BYTES_MAX = 65_535;

/** Consecutive slots with a value from the same members. */
export interface MemberRun {
  readonly slotCount: number;
  /** Bit i: member i has a value in these slots. As long as the bitmap of the request's members. */
  readonly members: Uint8Array;
}

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
  /** Over all slots in order; neighbours differ. */
  readonly runs: readonly MemberRun[];
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
  /** The instants of the borders' registers, epoch seconds. */
  readonly fromBorder: number;
  readonly toBorder: number;
  /** Of both borders. */
  readonly registerBank: Uint8Array;
  readonly paillierKeyId: Uint8Array;
  /** `c_b · c_a⁻¹ mod n²` of the two borders. */
  readonly product: Uint8Array;
  /** The same of the COST contributions of the same frames (§6.6), where the cost may be released; empty where not. */
  readonly costProduct: Uint8Array;
}

export type RequestTerms = LoadRequest | BillRequest;

/** For BILL: the border at `from`, then the border at `to`, of each meter; with a cost, then those of COST in the same order. */
export interface ReleaseRequest {
  readonly terms: RequestTerms;
  readonly contributions: readonly Uint8Array[];
}

export interface SignedRequest extends ReleaseRequest {
  readonly signature: Uint8Array;
}

/** A request without its contributions, as the log has it. */
export interface SignedTerms {
  readonly terms: RequestTerms;
  readonly contributionCount: number;
  /** RFC 6962 §2.1, over the encoded contributions. */
  readonly contributionsRoot: Uint8Array;
  readonly signature: Uint8Array;
}

/** A request as trustees are asked it: with a head under which they find its terms in the log. */
export interface AskedRequest {
  /** A note, of the quorum (§13.4). */
  readonly head: string;
  readonly request: SignedRequest;
}

function encodeTerms(terms: RequestTerms): Uint8Array {
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
      .vector(terms.members, BITMAP_BYTES_MAX)
      .u16(terms.runs.length);
    for (const { slotCount, members } of terms.runs) {
      writer.u16(slotCount).fixed(members, terms.members.length);
    }
  } else {
    writer
      .u8(2)
      .u32(terms.registryEpoch)
      .fixed(terms.networkPseudonym, 16)
      .u64(terms.fromGrid)
      .u64(terms.toGrid)
      .u64(terms.fromBorder)
      .u64(terms.toBorder)
      .fixed(terms.registerBank, 8);
  }
  writer.fixed(terms.paillierKeyId, 32).vector(terms.product, PRODUCT_BYTES_MAX);
  if (terms.kind === "BILL") writer.vector(terms.costProduct, PRODUCT_BYTES_MAX);
  return writer.finish();
}

function readTerms(reader: Reader): RequestTerms {
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
      fromBorder: reader.safeU64(),
      toBorder: reader.safeU64(),
      registerBank: reader.fixed(8),
      paillierKeyId: reader.fixed(32),
      product: reader.vector(PRODUCT_BYTES_MAX),
      costProduct: reader.vector(PRODUCT_BYTES_MAX),
    };
  }
  const block = {
    cohort: fromUtf8(reader.vector(NAME_BYTES_MAX)),
    cohortVersion: reader.u32(),
    blockStart: reader.safeU64(),
    intervalSeconds: reader.u32(),
    slotCount: reader.u16(),
    members: reader.vector(BITMAP_BYTES_MAX),
  };
  return {
    kind: "LOAD",
    stream: code === 1 ? "LOAD" : "LOAD_EXPORT",
    registryEpoch,
    ...block,
    runs: readRuns(reader, block.members.length),
    paillierKeyId: reader.fixed(32),
    product: reader.vector(PRODUCT_BYTES_MAX),
  };
}

function readRuns(reader: Reader, bitmapBytes: number): MemberRun[] {
  const count = reader.u16();
  wellFormed(count <= RUNS_MAX, "too many runs");
  return Array.from({ length: count }, () => {
    return { slotCount: reader.u16(), members: reader.fixed(bitmapBytes) };
  });
}

type Unsigned = Omit<SignedTerms, "signature">;

async function unsigned({ terms, contributions }: ReleaseRequest): Promise<Unsigned> {
  const leaves = await Promise.all(contributions.map(contributionLeaf));
  const contributionsRoot = await merkleRoot(leaves);
  return { terms, contributionCount: contributions.length, contributionsRoot };
}

/** Terms ‖ number of contributions ‖ Merkle root over them: what is signed, and what the request digest names. */
function bytesOf({ terms, contributionCount, contributionsRoot }: Unsigned): Promise<Uint8Array> {
  const tail = new Writer().u32(contributionCount).fixed(contributionsRoot, 32).finish();
  return signedBytes("smarter-metering/release-request/v1", encodeTerms(terms), tail);
}

/** SHA-256 of the signed bytes: the name of a request, its answer and its ledger entry. */
export async function requestDigest(request: ReleaseRequest): Promise<Uint8Array> {
  return primitives.sha256(await bytesOf(await unsigned(request)));
}

/** The digest of the request that has these terms. */
export async function termsDigest(terms: SignedTerms): Promise<Uint8Array> {
  return primitives.sha256(await bytesOf(terms));
}

export async function signRequest(
  request: ReleaseRequest,
  aggregator: Signer,
): Promise<SignedRequest> {
  const signature = await aggregator.sign(await bytesOf(await unsigned(request)));
  return { ...request, signature };
}

/** What is logged of a request. */
export async function signedTermsOf(request: SignedRequest): Promise<SignedTerms> {
  return { ...(await unsigned(request)), signature: request.signature };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifySignedTerms(
  signed: SignedTerms,
  aggregatorKey: Uint8Array,
): Promise<void> {
  await checkSignature(aggregatorKey, signed.signature, await bytesOf(signed));
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyRequest(
  request: SignedRequest,
  aggregatorKey: Uint8Array,
): Promise<void> {
  await verifySignedTerms(await signedTermsOf(request), aggregatorKey);
}

export function encodeSignedTerms(signed: SignedTerms): Uint8Array {
  const { terms, contributionCount, contributionsRoot, signature } = signed;
  const tail = new Writer()
    .u32(contributionCount)
    .fixed(contributionsRoot, 32)
    .fixed(signature, SIGNATURE_BYTES)
    .finish();
  return concatBytes(encodeTerms(terms), tail);
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeSignedTerms(bytes: Uint8Array): SignedTerms {
  const reader = new Reader(bytes);
  const terms = readTerms(reader);
  const contributionCount = reader.u32();
  const contributionsRoot = reader.fixed(32);
  const signature = reader.fixed(SIGNATURE_BYTES);
  reader.end();
  return { terms, contributionCount, contributionsRoot, signature };
}

/** `request` is encoded already: stored so, it is asked under one head after the other. */
export function encodeAskedRequest(head: string, request: Uint8Array): Uint8Array {
  return concatBytes(new Writer().vector(utf8(head), HEAD_BYTES_MAX).finish(), request);
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeAskedRequest(bytes: Uint8Array): AskedRequest {
  const reader = new Reader(bytes);
  const head = fromUtf8(reader.vector(HEAD_BYTES_MAX));
  return { head, request: decodeRequest(bytes.subarray(reader.offset)) };
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
