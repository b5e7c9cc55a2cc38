// Encrypt, add, decrypt.
import {
  decryptBatch,
  encryptBatch,
  generateKeyPair,
  openEngine,
  product,
} from "@smarter-metering/paillier";

const { engine } = await openEngine(); // native where it is built, else portable
const { publicKey, secretKey } = await generateKeyPair(); // 3072 bits
const ciphertexts = await encryptBatch(engine, publicKey, [20n, 22n]);
const sum = await product(engine, publicKey, ciphertexts); // needs no secret
const [answer] = await decryptBatch(engine, secretKey, [sum]);

console.log(answer); // 42n
await engine.close();
