/**
 * The hash of the Fiat-Shamir transform: domain-separated, over length-prefixed fields, so that no two
 * lists of fields are the same bytes. Expansion is HKDF (RFC 5869) with SHA-512, for coefficients and
 * nonces that are longer than a digest.
 */
import { bytesFromBigint, concatBytes } from "../big-endian.ts";

/** SHA-256 of a domain and fields, each behind its length in 4 bytes. */
export async function hashFields(
  domain: string,
  fields: readonly Uint8Array[],
): Promise<Uint8Array> {
  const parts = [domainBytes(domain), ...fields].flatMap((field) => [
    bytesFromBigint(BigInt(field.length), 4),
    field,
  ]);
  return new Uint8Array(
    await globalThis.crypto.subtle.digest("SHA-256", new Uint8Array(concatBytes(parts))),
  );
}

/** Bytes that one expansion gives at most: 255 blocks of SHA-512. */
export const expandedBytesMax = 255 * 64;

/** `length` pseudo-random bytes that `secret` and `info` determine. */
export async function expand(
  domain: string,
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey("raw", secret.slice(), "HKDF", false, ["deriveBits"]);
  const algorithm = {
    name: "HKDF",
    hash: "SHA-512",
    salt: domainBytes(domain),
    info: info.slice(),
  };
  return new Uint8Array(await subtle.deriveBits(algorithm, key, 8 * length));
}

function domainBytes(domain: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`smarter-metering/threshold-${domain}/v1`);
}
