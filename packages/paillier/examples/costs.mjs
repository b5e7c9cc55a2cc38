// Prices known only afterwards: the cost of four intervals for each of three customers, in one decryption.
import {
  BlindingPool,
  decryptBatch,
  encryptBatch,
  generateKeyPair,
  openEngine,
  repack,
  rerandomize,
  weightedSums,
} from "@smarter-metering/paillier";

const { engine } = await openEngine();
const { publicKey, secretKey } = await generateKeyPair({ bits: 2048 });

// Meters make blinding while they are idle; encrypting is then two multiplications.
const pool = new BlindingPool(engine, publicKey, { target: 12 });
await pool.refill();
const wattHours = [
  [310n, 120n, 95n, 240n],
  [80n, 85n, 900n, 70n],
  [0n, 0n, 15n, 2_400n],
];
const readings = await encryptBatch(engine, publicKey, wattHours.flat(), {
  pool,
  weightMax: 1_000_000, // room for the prices' sum
});

// Whoever knows the prices, with the public key alone: Σ price · energy, then new blinding, so that
// nobody recognises what he sent.
const prices = [31, 28, 45, 12]; // millicents per Wh
const groups = wattHours.map((_, customer) =>
  prices.map((factor, i) => ({ ciphertext: readings[4 * customer + i], factor })),
);
const costs = await rerandomize(engine, publicKey, await weightedSums(engine, publicKey, groups));
const [together] = await repack(engine, publicKey, [costs], 64);

// The key holder: one decryption; the last cost is the lowest field.
const [fields] = await decryptBatch(engine, secretKey, [together]);
const answers = costs.map((_, i) => BigInt.asUintN(64, fields >> BigInt(64 * (2 - i))));
console.log(answers.join(" ")); // 20125 46200 29475
pool.clear();
await engine.close();
