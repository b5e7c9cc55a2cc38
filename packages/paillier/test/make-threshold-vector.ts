/**
 * Writes `threshold-vector.json`, 2 of 3 at 3072 bits, with seeds for all randomness; prettier then
 * formats it: `node --import tsx packages/paillier/test/make-threshold-vector.ts`. The test checks the
 * proofs in it by the formulas (threshold-textbook.ts), and that every engine makes the same bytes.
 */
import { writeFileSync } from "node:fs";

import {
  createPortableEngine,
  encryptBatch,
  partialDecrypt,
  serializeSecretShare,
  serializeVerificationKey,
} from "../src/index.ts";
import { seededRandom } from "./seeded-random.ts";
import { dealTestKey } from "./threshold-keys.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const engine = createPortableEngine();
const ceremony = await dealTestKey({ bits: 3072, threshold: 2, trustees: 3 });
const { publicKey, verification, shares } = ceremony;
const plaintexts = [0n, publicKey.n - 1n, 0x1234_5678_9abcn];
const random = seededRandom("threshold vector");
const blindings = plaintexts.map(() => random(publicKey.bits / 16));
const ciphertexts = await encryptBatch(engine, publicKey, plaintexts, { blindings });
const context = new TextEncoder().encode("hash of a release request");
const answers = [];
for (const share of shares) {
  const fresh = seededRandom(`answer of ${share.trustee}`);
  answers.push(hex(await partialDecrypt(engine, share, ciphertexts, context, fresh)));
}
const vector = {
  verification: serializeVerificationKey(verification),
  shares: shares.map(serializeSecretShare),
  plaintexts: plaintexts.map((plaintext) => plaintext.toString(16)),
  ciphertexts: ciphertexts.map(({ bytes }) => hex(bytes)),
  context: hex(context),
  answers,
};
writeFileSync(
  new URL("threshold-vector.json", import.meta.url),
  `${JSON.stringify(vector, null, 2)}\n`,
);
await engine.close();
