/**
 * What everybody knows of a threshold key: the Paillier key, how many trustees it takes, and a
 * commitment v_i = v^(Δ·s_i) to each one's share, against which partial decryptions are checked
 * (Damgård, Jurik, Nielsen 2010, section 4.1; the proof is Shoup's). It is the public transcript of
 * the ceremony; take it from a signed source, like every public key.
 */
import { hexFromBigint } from "../big-endian.ts";
import {
  numberFrom,
  parsePublicKey,
  serializePublicKey,
  type PublicKeyJson,
} from "../key-format.ts";
import { invalidKey, type PublicKey } from "../keys.ts";
import { gcd, inverse, power } from "../modular.ts";
import { clearingFactor, interpolationWeights, trusteesMax } from "./interpolation.ts";

/** Above, safe primes take minutes, and the proof's exponents near the engine's limit. */
export const thresholdModulusBitsMax = 4096;

/** Made by `dealThresholdKey` and `parseVerificationKey` only. Trustees are numbered from 1. */
export type VerificationKey = {
  readonly publicKey: PublicKey;
  /** Trustees that decrypt together, 2 at least. */
  readonly threshold: number;
  /** Trustees that there are. */
  readonly trustees: number;
  /** A generator of the squares modulo n². */
  readonly v: bigint;
  /** v^(Δ·s_i) mod n² for trustee i at place i − 1. */
  readonly values: readonly bigint[];
};

export type VerificationKeyJson = {
  readonly kind: "paillier-verification-key";
  readonly version: 1;
  readonly publicKey: PublicKeyJson;
  readonly threshold: number;
  readonly v: string;
  readonly values: readonly string[];
};

export function serializeVerificationKey(key: VerificationKey): VerificationKeyJson {
  const hex = (value: bigint) => hexFromBigint(value, key.publicKey.bits / 4);
  return {
    kind: "paillier-verification-key",
    version: 1,
    publicKey: serializePublicKey(key.publicKey),
    threshold: key.threshold,
    v: hex(key.v),
    values: key.values.map(hex),
  };
}

/**
 * Accepts exactly what serialising produces, if the values lie on one polynomial that shares a
 * decryption exponent. PAILLIER_KEY_TOO_SHORT, PAILLIER_KEY_INVALID.
 */
export async function parseVerificationKey(json: unknown): Promise<VerificationKey> {
  const fields = exactFields(json, "paillier-verification-key", [
    "publicKey",
    "threshold",
    "v",
    "values",
  ]);
  const publicKey = await parsePublicKey(fields["publicKey"]);
  const number = (hex: unknown) => numberFrom(hex, publicKey.bits / 4);
  const { threshold, values } = fields;
  if (typeof threshold !== "number" || !Array.isArray(values)) throw invalidKey();
  const fits = publicKey.bits <= thresholdModulusBitsMax && isQuorum(threshold, values.length);
  if (!fits) throw invalidKey();
  const key: VerificationKey = {
    publicKey,
    threshold,
    trustees: values.length,
    v: number(fields["v"]),
    values: values.map(number),
  };
  if (!areUnits(key) || !isConsistent(key)) throw invalidKey();
  return key;
}

/** 2 ≤ threshold ≤ trustees ≤ 16: one alone who can decrypt is what `generateKeyPair` is for. */
export function isQuorum(threshold: number, trustees: number): boolean {
  const areWhole = Number.isInteger(threshold) && Number.isInteger(trustees);
  return areWhole && threshold >= 2 && threshold <= trustees && trustees <= trusteesMax;
}

/** Exactly the named fields beside kind and version, whatever they hold. PAILLIER_KEY_INVALID. */
export function exactFields(
  json: unknown,
  kind: string,
  names: readonly string[],
): Record<string, unknown> {
  if (typeof json !== "object" || json === null) throw invalidKey();
  const { kind: givenKind, version, ...fields } = json as Record<string, unknown>;
  const given = Object.keys(fields);
  if (givenKind !== kind || version !== 1 || given.length !== names.length) throw invalidKey();
  if (!given.every((name) => names.includes(name))) throw invalidKey();
  return fields;
}

function areUnits({ publicKey: { n, n2 }, v, values }: VerificationKey): boolean {
  return [v, ...values].every((value) => value > 1n && value < n2 && gcd(value % n, n) === 1n);
}

/**
 * The first t values fix the polynomial, in the exponent of v: the others must lie on it, and at 0 it
 * must be a decryption exponent, d ≡ 0 modulo the order of v mod n. This finds a file put together
 * from two and a dealer's mistake. That v belongs to them, trustees see when they parse their shares;
 * that d ≡ 1 mod n shows when something is decrypted.
 */
function isConsistent({ publicKey: { n, n2 }, threshold, trustees, values }: VerificationKey) {
  const first = Array.from({ length: threshold }, (_, i) => i + 1);
  const raise = (value: bigint, exponent: bigint) =>
    exponent < 0n ? power(inverse(value, n2) ?? 0n, -exponent, n2) : power(value, exponent, n2);
  /** v^(Δ²·f(at)). */
  const valueAt = (at: number) =>
    interpolationWeights(trustees, first, at).reduce(
      (product, weight, i) => (product * raise(values[i] ?? 0n, weight)) % n2,
      1n,
    );
  const scale = clearingFactor(trustees);
  const others = values.slice(threshold);
  return (
    valueAt(0) % n === 1n &&
    others.every((value, i) => valueAt(threshold + 1 + i) === power(value, scale, n2))
  );
}
