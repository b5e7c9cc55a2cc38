/**
 * Writes `fixed-keys.json`: the TEST keys of this repository. Deterministic, so anybody can see
 * that nothing is special about them: `node --import tsx packages/paillier/test/make-fixed-keys.ts`.
 */
import { writeFileSync } from "node:fs";

import { generateKeyPair, serializeSecretKey } from "../src/index.ts";
import { seededRandom } from "./seeded-random.ts";

const keys = [];
for (const [seed, bits] of [
  ["fixed test key 2048", 2048],
  ["another test key 2048", 2048],
  ["fixed test key 3072", 3072],
  ["fixed test key 4096", 4096],
] as const) {
  const { secretKey } = await generateKeyPair({ bits }, seededRandom(seed));
  keys.push(serializeSecretKey(secretKey));
}
writeFileSync(new URL("fixed-keys.json", import.meta.url), `${JSON.stringify(keys, null, 2)}\n`);
