/**
 * Threshold decryption once more, from the formulas alone: bigint, Node's hashes, no code under test.
 * Slow; what the tests hold the package against.
 */
import { createHash, hkdfSync } from "node:crypto";

import type { VerificationKey } from "../src/index.ts";
import { inverse } from "./engine-operations.ts";
import { flat, numbersOf } from "./flat-numbers.ts";
import { raise } from "./textbook.ts";

const domain = (name: string) => Buffer.from(`smarter-metering/threshold-${name}/v1`);
const factorial = (l: number): bigint => (l < 2 ? 1n : BigInt(l) * factorial(l - 1));
export const delta = ({ trustees }: VerificationKey) => factorial(trustees);

function hash(name: string, ...fields: Uint8Array[]): Buffer {
  const sha = createHash("sha256");
  for (const field of [domain(name), ...fields]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(field.length);
    sha.update(length).update(field);
  }
  return sha.digest();
}

/** The parts of a message: 36 bytes of header, e, z of 2|n| + |Δ| + 385 bits, c_k^(2Δ·s_i). */
export function partsOf({ publicKey: { bits }, ...key }: VerificationKey, message: Uint8Array) {
  const deltaBits = factorial(key.trustees).toString(2).length;
  const z = 68 + Math.ceil((2 * bits + deltaBits + 385) / 8);
  const number = (from: number, to: number) =>
    BigInt(`0x${Buffer.from(message.subarray(from, to)).toString("hex")}`);
  return {
    header: message.subarray(0, 36),
    e: number(36, 68),
    z: number(68, z),
    partials: numbersOf(message.subarray(z), bits / 4),
    zEnd: z,
  };
}

/** Whether the proof in `message` holds. */
export function textbookHolds(
  key: VerificationKey,
  trustee: number,
  ciphertexts: readonly bigint[],
  context: Uint8Array,
  message: Uint8Array,
): boolean {
  const { bits, n2, id } = key.publicKey;
  const { e, z, partials } = partsOf(key, message);
  const bytes = (...numbers: readonly bigint[]) => flat(numbers, bits / 4);
  const value = key.values[trustee - 1] ?? 0n;
  const quorum = Uint8Array.of(key.threshold, key.trustees);
  const keyId = Buffer.from(id, "hex");
  const request = hash("request", context, keyId, quorum, bytes(key.v), bytes(...ciphertexts));
  const statement = hash(
    "statement",
    request,
    Uint8Array.of(trustee),
    bytes(value),
    bytes(...partials),
  );
  const count = ciphertexts.length;
  const drawn = hkdfSync("sha512", statement, domain("coefficients"), statement, 16 * count);
  const rhos = [1n, ...numbersOf(new Uint8Array(drawn), 16).slice(1)];
  const product = (numbers: readonly bigint[], factor: bigint) =>
    numbers.reduce((all, c, k) => (all * raise(c, factor * (rhos[k] ?? 0n), n2)) % n2, 1n);
  const image = inverse(product(partials, 2n), n2);
  const a = (raise(product(ciphertexts, 4n), z, n2) * raise(image, e, n2)) % n2;
  const b = (raise(key.v, z, n2) * raise(inverse(value, n2), e, n2)) % n2;
  return BigInt(`0x${hash("challenge", statement, bytes(a, b)).toString("hex")}`) === e;
}
