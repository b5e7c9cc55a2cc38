/**
 * TEST keys, known to everybody who can read this repository: for the tests of this and other
 * packages (import by relative path), never for a deployment. `make-fixed-keys.ts` makes them.
 */
import { readFileSync } from "node:fs";

import { parseSecretKey, type KeyPair, type SecretKeyJson } from "../src/index.ts";

/** The keys as serialised: 2048 bits, another of 2048 bits, 3072 bits, 4096 bits. */
export const fixedKeysJson = JSON.parse(
  readFileSync(new URL("fixed-keys.json", import.meta.url), "utf8"),
) as [SecretKeyJson, SecretKeyJson, SecretKeyJson, SecretKeyJson];

/** Parsed on demand and once: parsing tests the primes, 0.1 to 0.2 s. */
function loader(json: SecretKeyJson): () => Promise<KeyPair> {
  let pair: Promise<KeyPair> | undefined;
  return () =>
    (pair ??= parseSecretKey(json).then((secretKey) => ({
      publicKey: secretKey.publicKey,
      secretKey,
    })));
}

export const loadTestKey2048 = loader(fixedKeysJson[0]);
export const loadOtherTestKey2048 = loader(fixedKeysJson[1]);
export const loadTestKey3072 = loader(fixedKeysJson[2]);
export const loadTestKey4096 = loader(fixedKeysJson[3]);
