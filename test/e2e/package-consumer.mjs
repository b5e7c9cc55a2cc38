/**
 * Somebody else's program: uses the installed package as plain JavaScript, beside whose node_modules
 * package.test.ts puts it. Prints the answer to 20 + 22 and the engine, as JSON.
 */
import process from "node:process";
import {
  createPortableEngine,
  decryptBatch,
  encryptBatch,
  generateKeyPair,
  product,
} from "@smarter-metering/paillier";
// Not of the public surface, and reached by its path: which engine is there to load.
import { loadAddon } from "./node_modules/@smarter-metering/paillier/dist/engine/native/load.js";

function nativeEngine() {
  try {
    const loaded = loadAddon();
    return "addon" in loaded ? "native" : loaded.reason;
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
}

const { publicKey, secretKey } = await generateKeyPair({ bits: 2048 });
const engine = createPortableEngine({ threads: 1 });
const ciphertexts = await encryptBatch(engine, publicKey, [20n, 22n]);
const sum = await product(engine, publicKey, ciphertexts);
const [answer] = await decryptBatch(engine, secretKey, [sum]);
await engine.close();
process.stdout.write(
  JSON.stringify({ node: process.version, answer: String(answer), engine: nativeEngine() }),
);
