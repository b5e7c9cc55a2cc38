/**
 * Keys as JSON objects: fixed-width lower-case hex, a kind and a version. Parsing accepts exactly
 * what serialising produces, and re-computes everything that can be.
 */
import { hexFromBigint } from "./big-endian.ts";
import {
  invalidKey,
  modulusBitsMax,
  publicKeyOf,
  secretKeyOf,
  type PublicKey,
  type SecretKey,
} from "./keys.ts";

export type PublicKeyJson = {
  readonly kind: "paillier-public-key";
  readonly version: 1;
  readonly id: string;
  readonly n: string;
  readonly hs: string;
};

export type SecretKeyJson = {
  readonly kind: "paillier-secret-key";
  readonly version: 1;
  readonly id: string;
  readonly n: string;
  readonly hs: string;
  readonly p: string;
  readonly q: string;
};

export function serializePublicKey({ id, bits, n, hs }: PublicKey): PublicKeyJson {
  return {
    kind: "paillier-public-key",
    version: 1,
    id,
    n: hexFromBigint(n, bits / 8),
    hs: hexFromBigint(hs, bits / 4),
  };
}

/** The result is a secret in clear: seal it before it touches a disk. */
export function serializeSecretKey({ publicKey, p, q }: SecretKey): SecretKeyJson {
  const { id, n, hs } = serializePublicKey(publicKey);
  const primeBytes = publicKey.bits / 16;
  return {
    kind: "paillier-secret-key",
    version: 1,
    id,
    n,
    hs,
    p: hexFromBigint(p, primeBytes),
    q: hexFromBigint(q, primeBytes),
  };
}

/** PAILLIER_KEY_TOO_SHORT, PAILLIER_KEY_INVALID (a wrong `id` included). */
export async function parsePublicKey(json: unknown): Promise<PublicKey> {
  return await readPublicKey(fieldsOf(json, "paillier-public-key", ["id", "n", "hs"]));
}

/** PAILLIER_KEY_TOO_SHORT, PAILLIER_KEY_INVALID. About 0.1 s at 3072 bits: it tests the primes. */
export async function parseSecretKey(json: unknown): Promise<SecretKey> {
  const fields = fieldsOf(json, "paillier-secret-key", ["id", "n", "hs", "p", "q"]);
  const publicKey = await readPublicKey(fields);
  const primeBytes = publicKey.bits / 16;
  return await secretKeyOf(
    publicKey,
    numberFrom(fields.get("p"), primeBytes),
    numberFrom(fields.get("q"), primeBytes),
  );
}

async function readPublicKey(fields: ReadonlyMap<string, string>): Promise<PublicKey> {
  const nBytes = (fields.get("n") ?? "").length / 2;
  const n = numberFrom(fields.get("n"), nBytes);
  const key = await publicKeyOf(n, numberFrom(fields.get("hs"), 2 * nBytes));
  if (key.bits !== 8 * nBytes || key.id !== fields.get("id")) throw invalidKey();
  return key;
}

/** Exactly the named string fields beside kind and version: nothing missing, nothing else. */
function fieldsOf(json: unknown, kind: string, names: readonly string[]): Map<string, string> {
  if (typeof json !== "object" || json === null) throw invalidKey();
  const { kind: givenKind, version, ...rest } = json as Record<string, unknown>;
  if (givenKind !== kind || version !== 1) throw invalidKey();
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(rest)) {
    if (!names.includes(name) || typeof value !== "string") throw invalidKey();
    fields.set(name, value);
  }
  if (fields.size !== names.length) throw invalidKey();
  return fields;
}

/** Exactly `widthBytes` bytes of lower-case hex. PAILLIER_KEY_INVALID. */
export function numberFrom(hex: unknown, widthBytes: number): bigint {
  const isHex = typeof hex === "string" && /^[0-9a-f]+$/.test(hex);
  const fits = widthBytes > 0 && 4 * widthBytes <= modulusBitsMax;
  if (!isHex || !fits || hex.length !== 2 * widthBytes) throw invalidKey();
  return BigInt(`0x${hex}`);
}
