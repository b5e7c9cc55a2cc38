/** Reproducible bytes for tests: SHA-256 of seed and counter. Not for keys that protect anything. */
import { createHash } from "node:crypto";

import type { Random } from "../src/index.ts";

export function seededRandom(seed: string): Random {
  let counter = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash("sha256").update(`${seed}/${counter++}`).digest();
      bytes.set(block.subarray(0, length - offset), offset);
    }
    return bytes;
  };
}
