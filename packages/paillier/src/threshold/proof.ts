/**
 * The proof that a trustee raised all ciphertexts of a request to its own share: equality of discrete
 * logarithms in the group of squares modulo n² (Shoup, "Practical Threshold Signatures", Eurocrypt
 * 2000, section 3.2; for Paillier Damgård, Jurik, Nielsen 2010, section 4.1), made non-interactive by
 * Fiat and Shamir, and one for the whole request. Trustees prove, the combiner verifies.
 *
 * Statement: c_ik² = c_k^(4x) for every k, where x = Δ·s_i is the exponent in v_i = v^x.
 *
 * One proof for many (the small exponents test of Bellare, Garay, Rabin, "Fast Batch Verification for
 * Modular Exponentiation and Digital Signatures", Eurocrypt 1998; for partial decryptions Aditya, Peng,
 * Boyd, Dawson, Lee, ACNS 2004). With coefficients ρ_0 = 1, ρ_k < 2^128 from a hash of everything, put
 *   base = Π c_k^(4ρ_k),  image = Π c_ik^(2ρ_k),  and prove  image = base^x  and  v_i = v^x.
 * The squares form a cyclic group of order n·p′·q′, a product of four different primes that are all
 * longer than 128 bits, and v generates it. Both sides are products of squares, so elements of small
 * order, −1 and those that show a factor of n, are gone; a sign of c_ik that is lost does not matter,
 * because combining takes squares too. If c_ik² = c_k^(4x)·v^(δ_k) with some δ_k ≠ 0, then δ_k ≠ 0
 * modulo one of the four primes, and Σ ρ_k·δ_k = 0 modulo it for one value in 2^128 of a ρ_k at most
 * (for k = 0 alone: for none). A wrong `image` then leaves one challenge in the prime at most that has
 * an answer: Shoup's argument. So a forger needs about 2^128 hashes.
 *
 * Zero knowledge: z = r + e·x hides x < 2^(2|n|+|Δ|−2) as long as r is longer than e·x by 128 bits. The
 * exponent is of twice the length of n, because shares live modulo n·p′·q′. A nonce that is shorter
 * gives the share away bit by bit: z/e is x, up to r/e. That is why nobody can choose its length here.
 */
import { bigintFromBytes, bitLength, bytesFromBigint, concatBytes, itemAt } from "../big-endian.ts";
import type { Engine, EngineKey } from "../engine/engine.ts";
import { engineKeyOf } from "../keys.ts";
import type { Random } from "../modular.ts";
import { clearingFactor } from "./interpolation.ts";
import { coefficientBytes, type Request } from "./request.ts";
import type { SecretShare } from "./secret-share.ts";
import { expand, hashFields } from "./transcript.ts";
import type { VerificationKey } from "./verification-key.ts";

/** |e|, of SHA-256. */
export const challengeBytes = 32;
/** |e| = 256 and 128 bits by which r hides e·x. */
const nonceSlackBits = 384;

/** e and z. */
export type Proof = { readonly challenge: Uint8Array; readonly response: Uint8Array };

/** What is proven, as both sides compute it. */
export type Statement = {
  readonly key: VerificationKey;
  readonly engineKey: EngineKey;
  readonly digest: Uint8Array;
  /** (base, v) and (image, v_i). */
  readonly bases: Uint8Array;
  readonly images: Uint8Array;
};

/** Of r: 2|n| + |Δ| + 384. */
function nonceBitsOf({ publicKey, trustees }: VerificationKey): number {
  return 2 * publicKey.bits + bitLength(clearingFactor(trustees)) + nonceSlackBits;
}

/** Of z < 2^(|r| + 1). */
export function responseBytesOf(key: VerificationKey): number {
  return Math.ceil((nonceBitsOf(key) + 1) / 8);
}

/** About the `partials` of `trustee` for what the request asks. */
export async function statementOf(
  engine: Engine,
  { key, ciphertexts, count, digest: request }: Request,
  trustee: number,
  partials: Uint8Array,
): Promise<Statement> {
  const engineKey = engineKeyOf(key.publicKey);
  const width = key.publicKey.bits / 4;
  const value = bytesFromBigint(key.values[trustee - 1] ?? 0n, width);
  const digest = await hashFields("statement", [request, Uint8Array.of(trustee), value, partials]);
  const coefficients = await coefficientsOf(digest, count);
  const scalars = [4n, 2n].flatMap((factor) =>
    coefficients.map((rho) => bytesFromBigint(factor * rho, coefficientBytes + 1)),
  );
  const products = await engine.weightedProduct(
    engineKey,
    concatBytes([ciphertexts, partials]),
    concatBytes(scalars),
    [count, count],
  );
  return {
    key,
    engineKey,
    digest,
    bases: concatBytes([products.subarray(0, width), bytesFromBigint(key.v, width)]),
    images: concatBytes([products.subarray(width), value]),
  };
}

/** Constant time for the nonce, but for the sum r + e·x, which is bigint arithmetic. */
export async function prove(
  engine: Engine,
  share: SecretShare,
  { engineKey, digest, bases }: Statement,
  random: Random,
): Promise<Proof> {
  const nonce = await nonceFor(share, digest, random);
  const commitments = await engine.power(engineKey, bases, nonce);
  const challenge = await challengeOf(digest, commitments);
  const x = clearingFactor(share.key.trustees) * share.secret;
  const z = bigintFromBytes(nonce) + bigintFromBytes(challenge) * x;
  nonce.fill(0);
  return { challenge, response: bytesFromBigint(z, responseBytesOf(share.key)) };
}

/** The images are units. Whether base^z·image^(−e) and v^z·v_i^(−e) are what was hashed. */
export async function verify(
  engine: Engine,
  { key, engineKey, digest, bases, images }: Statement,
  { challenge, response }: Proof,
): Promise<boolean> {
  if (bitLength(bigintFromBytes(response)) > nonceBitsOf(key) + 1) return false;
  const [raised, divisors] = await Promise.all([
    engine.power(engineKey, bases, response),
    engine.power(engineKey, images, challenge),
  ]);
  const commitments = await engine.subtract(engineKey, raised, divisors);
  const expected = await challengeOf(digest, commitments);
  return expected.every((byte, i) => byte === challenge[i]);
}

/** ρ_0 = 1, the others of 128 bits, from a hash of the whole statement. */
async function coefficientsOf(digest: Uint8Array, count: number): Promise<bigint[]> {
  const drawn = await expand("coefficients", digest, digest, count * coefficientBytes);
  return Array.from({ length: count }, (_, k) =>
    k === 0 ? 1n : bigintFromBytes(itemAt(drawn, coefficientBytes, k)),
  );
}

async function challengeOf(digest: Uint8Array, commitments: Uint8Array): Promise<Uint8Array> {
  return await hashFields("challenge", [digest, commitments]);
}

/**
 * r, of the full length, in whole bytes. It is derived from fresh randomness, the share and the
 * statement: two answers with one nonce would give the share away, and a machine that was copied, or
 * started again from a snapshot, hands out the same randomness twice. As in RFC 6979, section 3.6.
 */
async function nonceFor(
  { key, secret }: SecretShare,
  digest: Uint8Array,
  random: Random,
): Promise<Uint8Array> {
  const bits = nonceBitsOf(key);
  const seed = concatBytes([bytesFromBigint(secret, key.publicKey.bits / 4), random(64)]);
  const nonce = await expand("nonce", seed, digest, Math.ceil(bits / 8));
  seed.fill(0);
  const spareBits = 8 * nonce.length - bits;
  nonce[0] = (nonce[0] ?? 0) & (0xff >> spareBits);
  return nonce;
}
