// The load curve of a street: 100 homes × 96 quarters of an hour, one ciphertext for each home's day.
import {
  decodeCiphertexts,
  decryptBatch,
  encodeCiphertext,
  encryptBatch,
  generateKeyPair,
  openEngine,
  pack,
  packingFor,
  product,
  unpack,
} from "@smarter-metering/paillier";

const { engine } = await openEngine();
const { publicKey, secretKey } = await generateKeyPair();

// Wh in a quarter of an hour, at most 13,585 behind three fuses of 63 A; 1024 days fit into a sum.
const packing = packingFor({ modulusBits: publicKey.bits, maxValue: 13_585 });
const homes = Array.from({ length: 100 }, (_, home) =>
  Array.from({ length: 96 }, (_, quarter) => (home * 37 + quarter * 11) % 500),
);
const ciphertexts = await encryptBatch(
  engine,
  publicKey,
  homes.map((quarters) => pack(packing, quarters)),
  { weightMax: packing.additionsMax },
);
const messages = ciphertexts.map(encodeCiphertext); // Uint8Array, for any transport

// The aggregator, who has the public key alone: a verdict for each, one bad one spoils nothing.
const verdicts = await decodeCiphertexts(engine, publicKey, messages);
const received = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.ciphertext] : []));
const total = await product(engine, publicKey, received);

// The key holder: one decryption for the street's day.
const [plaintext = 0n] = await decryptBatch(engine, secretKey, [total]);
const load = unpack(packing, plaintext, { slots: 96, count: received.length });
if (!load.ok) throw new Error(load.code); // no sum of so many days: quarantine it
console.log(`${received.length} homes, ${load.values.length} quarters, first ${load.values[0]} Wh`);
await engine.close();
