/**
 * Partial releases, trustee → MDMS (docs/protocol.md §8.6): what a trustee with a share of the key answers in place of a release. Anyone
 * may read the header; the content is sealed to the MDMS, for whoever has enough of them has the sum.
 */
import { primitives } from "#primitives";
import { concatBytes, fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { fromBase64Url, parseJson, toBase64Url } from "./jws.ts";
import { aggregateTerms, NAME_BYTES_MAX, type AggregateTerms } from "./release-content.ts";
import { object, optional, readShape, text } from "./shape.ts";
import { openSealed, sealTo, type Recipient, type RecipientSecret } from "./sealing.ts";
import { checkSignature, SIGNATURE_BYTES, signedBytes, type Signer } from "./signature.ts";

const PARTIAL_RELEASE_VERSION = 1;
const JWE_BYTES_MAX = 1024 * 1024;

const base64url = text(/^[A-Za-z0-9_-]+$/);
const sealedContent = object({
  terms: aggregateTerms,
  product: base64url,
  costProduct: optional(base64url),
  partial: base64url,
});

export interface PartialContent {
  readonly terms: AggregateTerms;
  /** The ciphertext that this trustee computed itself, bits/4 bytes. */
  readonly product: Uint8Array;
  /** The same of the cost, of a bill that has one. */
  readonly costProduct?: Uint8Array;
  /** The partial decryption of one product, or of both, in `partialContext`: powers and proof, as packages/paillier makes them. */
  readonly partial: Uint8Array;
}

export interface PartialRelease {
  readonly kind: "LOAD" | "BILL";
  readonly requestDigest: Uint8Array;
  readonly policyId: string;
  /** The trustee's own count of its answers, from 0 (§8.4). */
  readonly sequence: number;
  /** Its number in the key ceremony, from 1. */
  readonly trustee: number;
  readonly jwe: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a partial decryption and its proof are bound to: the request, and the policy it was granted under. */
export const partialContext = (requestDigest: Uint8Array, policyId: string): Uint8Array =>
  concatBytes(requestDigest, utf8(policyId));

/**
 * SHA-256 of what answers to one request must share to be combined: everything but the partial itself and the registry epoch, for one
 * trustee may have seen a newer one than another.
 */
export async function agreementOf(content: PartialContent): Promise<Uint8Array> {
  const terms = readShape(aggregateTerms, content.terms, "an aggregate's terms");
  const { registryEpoch: _, ...shared } = terms; // In the order of the shape.
  const text = utf8(JSON.stringify(shared));
  return primitives.sha256(concatBytes(text, Uint8Array.of(0), ...productsOf(content)));
}

/** What is opened: the sum, and the cost where there is one. */
export const productsOf = ({ product, costProduct }: PartialContent): readonly Uint8Array[] =>
  costProduct === undefined ? [product] : [product, costProduct];

function encodeHeader(partial: Omit<PartialRelease, "jwe" | "signature">): Uint8Array {
  return new Writer()
    .u8(PARTIAL_RELEASE_VERSION)
    .u8(partial.kind === "LOAD" ? 1 : 2)
    .fixed(partial.requestDigest, 32)
    .vector(utf8(partial.policyId), NAME_BYTES_MAX)
    .u64(partial.sequence)
    .u8(partial.trustee)
    .finish();
}

const partialSignedBytes = (partial: Omit<PartialRelease, "signature">): Promise<Uint8Array> =>
  signedBytes("smarter-metering/partial-release/v1", encodeHeader(partial), partial.jwe);

export async function sealPartialRelease(
  content: PartialContent,
  { sequence, trustee }: Pick<PartialRelease, "sequence" | "trustee">,
  mdms: Recipient,
  signer: Signer,
): Promise<PartialRelease> {
  const { terms, product, costProduct, partial } = content;
  const text = JSON.stringify({
    terms: readShape(aggregateTerms, terms, "an aggregate's terms"),
    product: toBase64Url(product),
    ...(costProduct && { costProduct: toBase64Url(costProduct) }),
    partial: toBase64Url(partial),
  });
  const jwe = await sealTo(mdms, "smarter-metering/partial-release", utf8(text));
  const { kind, policyId } = terms;
  const requestDigest = fromHex(terms.requestDigest, 32);
  const unsigned = { kind, requestDigest, policyId, sequence, trustee, jwe };
  return { ...unsigned, signature: await signer.sign(await partialSignedBytes(unsigned)) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyPartialRelease(
  partial: PartialRelease,
  trusteeKey: Uint8Array,
): Promise<void> {
  await checkSignature(trusteeKey, partial.signature, await partialSignedBytes(partial));
}

/** Opens a verified partial release at the MDMS. Throws RELEASE_UNOPENABLE for every cause. */
export async function openPartialRelease(
  partial: PartialRelease,
  mdms: RecipientSecret,
): Promise<PartialContent> {
  const plaintext = await openSealed(mdms, "smarter-metering/partial-release", partial.jwe);
  const content = plaintext && contentOf(plaintext);
  if (content === undefined || !agrees(content.terms, partial)) {
    throw new ProtocolError("RELEASE_UNOPENABLE", "cannot open partial release");
  }
  return content;
}

function contentOf(plaintext: Uint8Array): PartialContent | undefined {
  try {
    const { terms, product, costProduct, partial } = readShape(
      sealedContent,
      parseJson(fromUtf8(plaintext)),
      "a partial release",
    );
    const hasCost = terms.kind === "BILL" && terms.hasCost;
    if ((costProduct !== undefined) !== hasCost) return undefined;
    return {
      terms,
      product: fromBase64Url(product),
      ...(costProduct !== undefined && { costProduct: fromBase64Url(costProduct) }),
      partial: fromBase64Url(partial),
    };
  } catch {
    return undefined; // Whatever is wrong with it, it is as unopenable as any other.
  }
}

/** A JWE lifted under another signed header is refused. */
function agrees(terms: AggregateTerms, header: PartialRelease): boolean {
  return (
    terms.kind === header.kind &&
    terms.policyId === header.policyId &&
    terms.requestDigest === toHex(header.requestDigest)
  );
}

export function encodePartialRelease(partial: PartialRelease): Uint8Array {
  const tail = new Writer()
    .vector(partial.jwe, JWE_BYTES_MAX, 1)
    .fixed(partial.signature, SIGNATURE_BYTES)
    .finish();
  return concatBytes(encodeHeader(partial), tail);
}

export function decodePartialRelease(bytes: Uint8Array): PartialRelease {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === PARTIAL_RELEASE_VERSION, "unknown partial release version");
  const kind = reader.u8();
  wellFormed(kind === 1 || kind === 2, "unknown kind of partial release");
  const partial: PartialRelease = {
    kind: kind === 1 ? "LOAD" : "BILL",
    requestDigest: reader.fixed(32),
    policyId: fromUtf8(reader.vector(NAME_BYTES_MAX)),
    sequence: reader.safeU64(),
    trustee: reader.u8(),
    jwe: reader.vector(JWE_BYTES_MAX, 1),
    signature: reader.fixed(SIGNATURE_BYTES),
  };
  reader.end();
  wellFormed(partial.trustee > 0, "trustees are numbered from 1");
  return partial;
}
