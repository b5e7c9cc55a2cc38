/**
 * Somebody else's program: uses the installed package as plain JavaScript, beside whose node_modules
 * package.test.ts puts it. Prints the answers to 20 + 22, by the portable engine and by the one that
 * serves, and which one that is, as JSON.
 */
import process from "node:process";
import {
  createPortableEngine,
  decryptBatch,
  encryptBatch,
  generateKeyPair,
  openEngine,
  product,
} from "@smarter-metering/paillier";

const { publicKey, secretKey } = await generateKeyPair({ bits: 2048 });

async function sumWith(engine) {
  const ciphertexts = await encryptBatch(engine, publicKey, [20n, 22n]);
  const sum = await product(engine, publicKey, ciphertexts);
  const [answer] = await decryptBatch(engine, secretKey, [sum]);
  await engine.close();
  return String(answer);
}

async function serving() {
  try {
    const { engine, whyPortable } = await openEngine({ threads: 1 });
    const { name } = engine;
    return { sum: await sumWith(engine), engine: whyPortable ?? name.replace(/\/.*/, "") };
  } catch (error) {
    return { sum: undefined, engine: `${error.code}: ${error.message}` };
  }
}

const portable = await sumWith(createPortableEngine({ threads: 1 }));
const { sum = portable, engine } = await serving();
const answer = sum === portable ? sum : `${portable} and ${sum}`;
process.stdout.write(JSON.stringify({ node: process.version, answer, engine }));
