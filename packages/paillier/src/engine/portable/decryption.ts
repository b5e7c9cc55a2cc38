/**
 * Decryption by the Chinese remainder theorem (Paillier 1999, section 7). Runs at a key holder
 * only. The powers with secret exponents are the platform's: constant time under Node; the few
 * bigint operations around them are not.
 */
import { secretPower } from "#platform";
import { PaillierError } from "../../errors.ts";
import { inverse, power } from "../../modular.ts";

export type Decryption = (ciphertext: bigint) => bigint;

/** c ↦ plaintext, for the primes p and q. Making one costs as much as using it twice. */
export function createDecryption(p: bigint, q: bigint): Decryption {
  const moduloP = createHalf(p, q);
  const moduloQ = createHalf(q, p);
  const qInverse = inverse(q, p) ?? 0n;
  return (ciphertext) => {
    const mq = moduloQ(ciphertext);
    const difference = (moduloP(ciphertext) + p - (mq % p)) % p;
    return mq + q * ((difference * qInverse) % p);
  };
}

/**
 * The plaintext mod p: L(c^(p−1) mod p²) / L((1+n)^(p−1) mod p²) with L(z) = (z−1)/p. The divisor is
 * (p−1)·n/p = −q mod p.
 */
function createHalf(p: bigint, q: bigint): Decryption {
  const p2 = p * p;
  const raise = secretPower(p - 1n, p2);
  const divisorInverse = p - (inverse(q, p) ?? 0n); // distinct primes: it exists
  return (ciphertext) => {
    let z = raise(ciphertext);
    // Fermat: z = 1 mod p, always. One division makes the platform's power a checked one.
    if (z % p !== 1n) z = power(ciphertext, p - 1n, p2);
    if (z % p !== 1n) {
      throw new PaillierError("PAILLIER_CIPHERTEXT_INVALID", "cannot decrypt a ciphertext");
    }
    return (((z - 1n) / p) * divisorInverse) % p;
  };
}
