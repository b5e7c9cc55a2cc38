/** Releases, trustee → MDMS, and refusals, trustee → aggregator (docs/protocol.md §8.5). */
import { concatBytes, fromUtf8, toHex, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { parseJson } from "./jws.ts";
import { NAME_BYTES_MAX, releaseContent, type ReleaseContent } from "./release-content.ts";
import { readShape } from "./shape.ts";
import { openSealed, sealTo, type Recipient, type RecipientSecret } from "./sealing.ts";
import { checkSignature, SIGNATURE_BYTES, signedBytes, type Signer } from "./signature.ts";

const RELEASE_VERSION = 1;
const REASON_BYTES_MAX = 500;
const JWE_BYTES_MAX = 1024 * 1024;

export interface SealedRelease {
  readonly kind: "LOAD" | "BILL";
  readonly requestDigest: Uint8Array;
  readonly policyId: string;
  /** The trustee's own count of its releases, from 0: shows a ledger that was rolled back (§8.4). */
  readonly sequence: number;
  readonly jwe: Uint8Array;
  readonly signature: Uint8Array;
}

function encodeHeader(release: Omit<SealedRelease, "jwe" | "signature">): Uint8Array {
  return new Writer()
    .u8(RELEASE_VERSION)
    .u8(release.kind === "LOAD" ? 1 : 2)
    .fixed(release.requestDigest, 32)
    .vector(utf8(release.policyId), NAME_BYTES_MAX)
    .u64(release.sequence)
    .finish();
}

const releaseSignedBytes = (release: Omit<SealedRelease, "signature">): Promise<Uint8Array> =>
  signedBytes("smarter-metering/release/v1", encodeHeader(release), release.jwe);

export async function sealRelease(
  content: ReleaseContent,
  sequence: number,
  requestDigest: Uint8Array,
  mdms: Recipient,
  trustee: Signer,
): Promise<SealedRelease> {
  const plaintext = utf8(JSON.stringify(readShape(releaseContent, content, "a release")));
  const jwe = await sealTo(mdms, "smarter-metering/release", plaintext);
  const { kind, policyId } = content;
  wellFormed(
    agrees(content, { kind, policyId, requestDigest }),
    "content of a release names another request",
  );
  const unsigned = { kind, policyId, requestDigest, sequence, jwe };
  return { ...unsigned, signature: await trustee.sign(await releaseSignedBytes(unsigned)) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyRelease(release: SealedRelease, trusteeKey: Uint8Array): Promise<void> {
  await checkSignature(trusteeKey, release.signature, await releaseSignedBytes(release));
}

/** Opens a verified release at the MDMS. Throws RELEASE_UNOPENABLE for every cause. */
export async function openRelease(
  release: SealedRelease,
  mdms: RecipientSecret,
): Promise<ReleaseContent> {
  const plaintext = await openSealed(mdms, "smarter-metering/release", release.jwe);
  const content = plaintext && contentOf(plaintext);
  if (content === undefined || !agrees(content, release)) {
    throw new ProtocolError("RELEASE_UNOPENABLE", "cannot open release");
  }
  return content;
}

function contentOf(plaintext: Uint8Array): ReleaseContent | undefined {
  try {
    return readShape(releaseContent, parseJson(fromUtf8(plaintext)), "a release");
  } catch {
    return undefined; // Not UTF-8, not JSON, not a release: as unopenable as any other.
  }
}

/** Header and sealed content name the same thing: a JWE lifted under another signed header is refused. */
function agrees(
  content: ReleaseContent,
  header: Pick<SealedRelease, "kind" | "policyId" | "requestDigest">,
): boolean {
  return (
    content.kind === header.kind &&
    content.policyId === header.policyId &&
    content.requestDigest === toHex(header.requestDigest)
  );
}

export function encodeRelease(release: SealedRelease): Uint8Array {
  const tail = new Writer()
    .vector(release.jwe, JWE_BYTES_MAX, 1)
    .fixed(release.signature, SIGNATURE_BYTES)
    .finish();
  return concatBytes(encodeHeader(release), tail);
}

export function decodeRelease(bytes: Uint8Array): SealedRelease {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === RELEASE_VERSION, "unknown release version");
  const kind = reader.u8();
  wellFormed(kind === 1 || kind === 2, "unknown kind of release");
  const release: SealedRelease = {
    kind: kind === 1 ? "LOAD" : "BILL",
    requestDigest: reader.fixed(32),
    policyId: fromUtf8(reader.vector(NAME_BYTES_MAX)),
    sequence: reader.safeU64(),
    jwe: reader.vector(JWE_BYTES_MAX, 1),
    signature: reader.fixed(SIGNATURE_BYTES),
  };
  reader.end();
  return release;
}

/** Why a request was refused: rule codes with reasons that carry counts and times, no pseudonyms. */
export interface Refusal {
  readonly requestDigest: Uint8Array;
  readonly reasons: readonly { readonly code: string; readonly reason: string }[];
  readonly signature: Uint8Array;
}

function encodeRefusalTerms(refusal: Omit<Refusal, "signature">): Uint8Array {
  const writer = new Writer().u8(RELEASE_VERSION).fixed(refusal.requestDigest, 32);
  writer.u8(refusal.reasons.length);
  for (const { code, reason } of refusal.reasons) {
    writer.vector(utf8(code), NAME_BYTES_MAX).vector(utf8(reason), REASON_BYTES_MAX);
  }
  return writer.finish();
}

export async function signRefusal(
  refusal: Omit<Refusal, "signature">,
  trustee: Signer,
): Promise<Refusal> {
  const data = await signedBytes("smarter-metering/refusal/v1", encodeRefusalTerms(refusal));
  return { ...refusal, signature: await trustee.sign(data) };
}

/** Throws PROTOCOL_BAD_SIGNATURE. */
export async function verifyRefusal(refusal: Refusal, trusteeKey: Uint8Array): Promise<void> {
  const data = await signedBytes("smarter-metering/refusal/v1", encodeRefusalTerms(refusal));
  await checkSignature(trusteeKey, refusal.signature, data);
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  return concatBytes(encodeRefusalTerms(refusal), refusal.signature);
}

export function decodeRefusal(bytes: Uint8Array): Refusal {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === RELEASE_VERSION, "unknown refusal version");
  const requestDigest = reader.fixed(32);
  const reasons = Array.from({ length: reader.u8() }, () => ({
    code: fromUtf8(reader.vector(NAME_BYTES_MAX)),
    reason: fromUtf8(reader.vector(REASON_BYTES_MAX)),
  }));
  const signature = reader.fixed(SIGNATURE_BYTES);
  reader.end();
  return { requestDigest, reasons, signature };
}
