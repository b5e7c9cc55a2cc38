/**
 * The key ceremony: a dealer makes a Paillier key and shares its decryption exponent among trustees,
 * t of n (Damgård, Jurik, Nielsen 2010, section 4.1, with s = 1). Run offline, on a machine that is
 * wiped afterwards: for this moment one process holds the whole key. A refresh of the shares is a new
 * ceremony, with a new key; shares of the old one do not fit it.
 */
import { isPrime, randomSafePrime } from "#platform";
import { assert } from "../errors.ts";
import {
  checkModulusBits,
  invalidKey,
  publicKeyWith,
  secretKeyOf,
  type PublicKey,
} from "../keys.ts";
import { inverse, randomBelow, systemRandom, type Random } from "../modular.ts";
import { commitmentTo, type SecretShare } from "./secret-share.ts";
import { isQuorum, thresholdModulusBitsMax, type VerificationKey } from "./verification-key.ts";

export type Quorum = {
  /** Trustees that decrypt together, 2 at least. */
  readonly threshold: number;
  /** Trustees that there are, 16 at most. */
  readonly trustees: number;
};

export type CeremonyOptions = Quorum & {
  /** Of n; a multiple of 128 from 2048 to 4096, default 3072. */
  readonly bits?: number;
  /** Of the generators and the polynomial; the primes are the platform's. Default: the platform. */
  readonly random?: Random;
  /** Called after each step: two primes, then a share for each trustee. */
  readonly progress?: (stepsDone: number, steps: number) => void;
};

export type Ceremony = {
  readonly publicKey: PublicKey;
  /** The public transcript: publish it. */
  readonly verification: VerificationKey;
  /** In the order of trustees; seal each to its trustee and forget it. */
  readonly shares: readonly SecretShare[];
};

/** A fresh threshold key. Some seconds at 3072 bits. PAILLIER_KEY_TOO_SHORT, PAILLIER_KEY_INVALID. */
export async function dealThresholdKey(options: CeremonyOptions): Promise<Ceremony> {
  return await dealFrom(randomSafePrime, options);
}

/** The ceremony with safe primes from elsewhere, for tests, whose keys everybody knows. */
export async function dealFrom(
  drawPrime: (bits: number) => Promise<bigint>,
  { bits = 3072, threshold, trustees, random = systemRandom, progress }: CeremonyOptions,
): Promise<Ceremony> {
  checkModulusBits(bits);
  if (bits > thresholdModulusBitsMax) throw invalidKey();
  assert(isQuorum(threshold, trustees), "2 ≤ threshold ≤ trustees ≤ 16");
  let stepsDone = 0;
  const advance = () => progress?.(++stepsDone, 2 + trustees);
  const draw = async () => {
    const prime = await drawPrime(bits / 2);
    advance();
    return prime;
  };
  const [p, q] = await Promise.all([draw(), draw()]);
  const publicKey = await publicKeyWith(p * q, random);
  await secretKeyOf(publicKey, p, q); // primes, their lengths and distance, hs
  for (const prime of [p, q]) if (!(await isPrime((prime - 1n) / 2n))) throw invalidKey();
  return share(
    publicKey,
    ((p - 1n) / 2n) * ((q - 1n) / 2n),
    { threshold, trustees },
    random,
    advance,
  );
}

/** Shares the decryption exponent; m = p′·q′. */
function share(
  publicKey: PublicKey,
  m: bigint,
  quorum: Quorum,
  random: Random,
  advance: () => void,
): Ceremony {
  const { n, n2 } = publicKey;
  const polynomial = [decryptionExponent(m, n)];
  while (polynomial.length < quorum.threshold) polynomial.push(uniformBelow(n * m, random));
  // A random square generates all squares, but for one that would factor n.
  const v = randomBelow(n2, random) ** 2n % n2;
  const points = Array.from({ length: quorum.trustees }, (_, i) =>
    valueAt(polynomial, BigInt(i + 1), n * m),
  );
  const values: bigint[] = [];
  for (const secret of points) {
    values.push(commitmentTo(secret, { publicKey, ...quorum, v }));
    advance();
  }
  const verification: VerificationKey = { publicKey, ...quorum, v, values };
  const shares = points.map((secret, i) => ({ key: verification, trustee: i + 1, secret }));
  return { publicKey, verification, shares };
}

/** d ≡ 0 mod m, d ≡ 1 mod n: c^d is 1 + M·n for every square c with plaintext M. */
function decryptionExponent(m: bigint, n: bigint): bigint {
  const cofactor = inverse(m, n);
  if (cofactor === undefined) throw invalidKey();
  return m * cofactor;
}

/** Horner's rule. */
function valueAt(polynomial: readonly bigint[], x: bigint, modulus: bigint): bigint {
  return polynomial.reduceRight((value, coefficient) => (value * x + coefficient) % modulus, 0n);
}

/** Uniform in [0, limit): `randomBelow` leaves 0 out. */
function uniformBelow(limit: bigint, random: Random): bigint {
  return randomBelow(limit + 1n, random) - 1n;
}
