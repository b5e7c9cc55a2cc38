/**
 * Paillier as in the paper, written for the eye: the slow reference that the fast code is held
 * against. It has the one thing the package must not have: encryption by whoever holds r.
 */
import type { PublicKey, SecretKey } from "../src/index.ts";

export function raise(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest /= 2n) {
    if (rest % 2n === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** c = g^m · r^n mod n² with g = n + 1. */
export function textbookEncrypt({ n, n2 }: PublicKey, m: bigint, r: bigint): bigint {
  return (raise(n + 1n, m, n2) * raise(r, n, n2)) % n2;
}

/** c = g^m · hs^a mod n² (Damgård, Jurik, Nielsen). */
export function textbookBlind({ n, n2, hs }: PublicKey, m: bigint, a: bigint): bigint {
  return (raise(n + 1n, m, n2) * raise(hs, a, n2)) % n2;
}

/** m = L(c^λ mod n²) / L(g^λ mod n²) mod n with λ = φ(n): no CRT, no OpenSSL. */
export function textbookDecrypt({ publicKey: { n, n2 }, p, q }: SecretKey, c: bigint): bigint {
  const phi = (p - 1n) * (q - 1n);
  const l = (z: bigint) => (z - 1n) / n;
  const phiInverse = raise(phi % p, p - 2n, p); // φ⁻¹ mod p and mod q, by Fermat,
  const phiInverseQ = raise(phi % q, q - 2n, q); // joined by CRT:
  const join =
    phiInverseQ + q * (((((phiInverse - phiInverseQ) % p) + p) * raise(q, p - 2n, p)) % p);
  return (l(raise(c, phi, n2)) * join) % n;
}
