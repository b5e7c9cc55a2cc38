/**
 * Writes `vectors.json` from the textbook reference, not from the fast code:
 * `node --import tsx packages/paillier/test/make-vectors.ts`. Numbers are hex, keys are named by
 * their place in `fixed-keys.json`.
 */
import { writeFileSync } from "node:fs";

import type { PublicKey } from "../src/index.ts";
import { loadTestKey2048, loadTestKey3072 } from "./fixed-keys.ts";
import { seededRandom } from "./seeded-random.ts";
import { raise, textbookBlind } from "./textbook.ts";

const random = seededRandom("vectors");
const hex = (value: bigint) => value.toString(16);
const drawn = (bytes: number) => BigInt(`0x${Buffer.from(random(bytes)).toString("hex")}`);

function vectorsFor(name: string, key: PublicKey) {
  const { bits, n, n2 } = key;
  const blindingMax = 2n ** BigInt(bits / 2) - 1n;
  const pairs: [string, bigint, bigint][] = [
    ["zero message, smallest blinding", 0n, 1n],
    ["largest message, largest blinding", n - 1n, blindingMax],
    ["top bit of the blinding alone", 1n, 2n ** BigInt(bits / 2 - 1)],
    ["random", drawn(bits / 8) % n, drawn(bits / 16)],
  ];
  const encrypt = pairs.map(([what, message, blinding]) => ({
    what,
    message: hex(message),
    blinding: hex(blinding),
    ciphertext: hex(textbookBlind(key, message, blinding)),
  }));
  const [a, b] = [textbookBlind(key, 40n, 7n), textbookBlind(key, 2n, 11n)];
  return {
    key: name,
    encrypt,
    operands: { a: hex(a), b: hex(b) },
    product: hex((a * b) % n2),
    difference: hex(quotient(a, b, n2)),
    scaled: { scalar: 4294967295, result: hex(raise(a, 4294967295n, n2)) },
  };
}

/** a / b mod m by search-free extended Euclid, kept apart from the package's own. */
function quotient(a: bigint, b: bigint, m: bigint): bigint {
  const euclid = (x: bigint, y: bigint): [bigint, bigint] => {
    if (y === 0n) return [1n, 0n];
    const [s, t] = euclid(y, x % y);
    return [t, s - (x / y) * t];
  };
  const [inverse] = euclid(b, m);
  return (((a * inverse) % m) + m) % m;
}

const vectors = [
  vectorsFor("2048", (await loadTestKey2048()).publicKey),
  vectorsFor("3072", (await loadTestKey3072()).publicKey),
];
writeFileSync(new URL("vectors.json", import.meta.url), `${JSON.stringify(vectors, null, 2)}\n`);
