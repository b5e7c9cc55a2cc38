/**
 * The control of the trustee's rules: a decryption service without any, like that of the student prototype this project came from. It
 * decrypts the product it is handed and remembers nothing. Textbook Paillier (Paillier 1999, §7) on the attacked deployment's own secret.
 */
import type { SecretKey } from "@smarter-metering/paillier";
import { contributionsOf, REGISTERS, toHex, type SignedRequest } from "@smarter-metering/protocol";

/** What such a control is, for the report. */
export const PROTOTYPE = "model: a service that decrypts what it is handed (textbook Paillier)";

export type Decrypt = (ciphertext: bigint) => bigint;

export const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

/** m mod p from L(c^(p−1) mod p²)·h_p, the same for q, and the Chinese remainder of both; negative numbers lie above n/2. */
export function prototypeTrustee({
  publicKey,
  p,
  q,
}: Pick<SecretKey, "publicKey" | "p" | "q">): Decrypt {
  const { n } = publicKey;
  const modulo = (ciphertext: bigint, prime: bigint, other: bigint): bigint => {
    const square = prime * prime;
    const raised = power(ciphertext % square, prime - 1n, square);
    const inverse = power(prime - (other % prime), prime - 2n, prime);
    return (((raised - 1n) / prime) * inverse) % prime;
  };
  const lift = power(q % p, p - 2n, p);
  return (ciphertext) => {
    const [byP, byQ] = [modulo(ciphertext, p, q), modulo(ciphertext, q, p)];
    const plaintext = byQ + q * (((((byP - byQ) * lift) % p) + p) % p);
    return plaintext > n / 2n ? plaintext - n : plaintext;
  };
}

/** The slots of what a request asks for, as wide as its first contribution's; a difference may be negative. */
export function slotsOf(decrypt: Decrypt, request: SignedRequest): number[] {
  const [contribution] = contributionsOf(request);
  if (contribution === undefined) throw new RangeError("a request has contributions");
  const { stream, slotBits, count } = contribution.header;
  const slots = stream === "BILL" ? REGISTERS : count;
  let packed = decrypt(numberOf(request.terms.product));
  return Array.from({ length: slots }, () => {
    const value = BigInt.asIntN(slotBits, packed);
    packed = (packed - value) >> BigInt(slotBits);
    return Number(value);
  });
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
