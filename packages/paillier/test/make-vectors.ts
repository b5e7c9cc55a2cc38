/**
 * Writes `vectors.json` from the slow reference, not from the fast code; prettier then formats it:
 * `node --import tsx packages/paillier/test/make-vectors.ts`. Numbers are hex, keys are named by
 * their size in `fixed-keys.json`.
 */
import { writeFileSync } from "node:fs";

import type { KeyPair } from "../src/index.ts";
import {
  operationNames,
  publicOperations,
  type OperationName,
  type Operands,
} from "./engine-operations.ts";
import type { Vectors } from "./engine-vectors.ts";
import { loadTestKey2048, loadTestKey3072, loadTestKey4096 } from "./fixed-keys.ts";
import { seededRandom } from "./seeded-random.ts";
import { textbookBlind } from "./textbook.ts";

const random = seededRandom("vectors");
const hex = (value: bigint) => value.toString(16);
const drawn = (bytes: number) => BigInt(`0x${Buffer.from(random(bytes)).toString("hex")}`);

function vectorsFor({ publicKey, secretKey: { p, q } }: KeyPair): Vectors {
  const { bits, n, n2, hs } = publicKey;
  const largest = 2n ** BigInt(bits / 2) - 1n;
  const rows: [bigint, bigint][] = [
    [0n, 1n], // smallest blinding
    [n - 1n, largest],
    [1n, 2n ** BigInt(bits / 2 - 1)], // top bit of the blinding alone
    [drawn(bits / 8) % n, drawn(bits / 16)],
  ];
  const messages = rows.map(([message]) => message);
  const blindings = rows.map(([, blinding]) => blinding);
  const ciphertexts = rows.map(([m, a]) => textbookBlind(publicKey, m, a));
  const operands: Operands = {
    bits,
    n,
    hs,
    messages,
    blindings,
    ciphertexts,
    divisors: ciphertexts.toReversed(),
    scalars: [0n, 1n, 4_294_967_295n, drawn(4)],
    scalarBytes: 4,
    groupSizes: [1, 3],
    shiftBits: 61,
    exponent: drawn(9),
    exponentBytes: 9,
  };
  // As long as a share of a trustee's key: beyond n².
  const long = { ...operands, exponent: drawn(bits / 4 + 20), exponentBytes: bits / 4 + 20 };
  const { reference } = publicOperations.power;
  return {
    bits,
    operands: {
      messages: messages.map(hex),
      blindings: blindings.map(hex),
      ciphertexts: ciphertexts.map(hex),
      divisors: operands.divisors.map(hex),
      scalars: operands.scalars.map(hex),
      groupSizes: operands.groupSizes,
      shiftBits: operands.shiftBits,
      exponent: hex(operands.exponent),
      longExponent: hex(long.exponent),
    },
    results: resultsOf(operands),
    longPower: reference(long).map(hex),
    refused: [0n, p, q, n, p * p, 7n * q, n2 - n, n2 - p, 5n * n].map(hex),
  };
}

function resultsOf(operands: Operands): Vectors["results"] {
  const results: Partial<Record<OperationName, string[]>> = {};
  for (const name of operationNames) {
    results[name] = publicOperations[name].reference(operands).map(hex);
  }
  return results as Vectors["results"]; // every name has its own
}

const pairs = [await loadTestKey2048(), await loadTestKey3072(), await loadTestKey4096()];
const vectors = pairs.map(vectorsFor);
writeFileSync(new URL("vectors.json", import.meta.url), `${JSON.stringify(vectors, null, 1)}\n`);
