/**
 * The portable Paillier engine beside npm paillier-bigint, on one core, in one run:
 * `node --import tsx benchmarks/paillier.ts [--json]`. The ratios are the claim; absolute numbers
 * belong to the machine. Keys are the fixed TEST keys.
 */
import { PrivateKey, PublicKey } from "paillier-bigint";

import {
  createPortableEngine,
  engineKeyOf,
  engineSecretKeyOf,
  itemBytes,
  type Engine,
  type KeyPair,
} from "@smarter-metering/paillier";
import { buildFixedBaseTable } from "../packages/paillier/src/engine/portable/fixed-base.ts";
import { bigintFromBytes, bytesFromBigint } from "../packages/paillier/src/big-endian.ts";
import { inverse } from "../packages/paillier/src/modular.ts";
import { loadTestKey2048, loadTestKey3072 } from "../packages/paillier/test/fixed-keys.ts";

type Row = { bits: number; operation: string; ours: number; theirs: number; ratio: number };
type Report = {
  engine: string;
  rows: Row[];
  tables: { bits: number; windowBits: number; buildMs: number; megabytes: number }[];
};

/** Operations per second: the best of three rounds of at least 0.4 s, `batch` operations a call. */
async function perSecond(batch: number, run: () => unknown): Promise<number> {
  await run();
  let best = 0;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    let operations = 0;
    let elapsedMs = 0;
    while (elapsedMs < 400) {
      await run();
      operations += batch;
      elapsedMs = performance.now() - start;
    }
    best = Math.max(best, (1000 * operations) / elapsedMs);
  }
  return best;
}

async function compare(engine: Engine, { publicKey, secretKey }: KeyPair): Promise<Row[]> {
  const { bits, n } = publicKey;
  const { p, q } = secretKey;
  const key = engineKeyOf(publicKey);
  const secret = engineSecretKeyOf(secretKey);
  const width = itemBytes(bits);
  const theirPublic = new PublicKey(n, n + 1n);
  const lambda = (p - 1n) * (q - 1n);
  const theirPrivate = new PrivateKey(lambda, inverse(lambda, n) ?? 0n, theirPublic, p, q);

  await engine.warm(key);
  const batch = 64;
  const messages = new Uint8Array(batch * width.message).fill(0x5a);
  for (let i = 0; i < batch; i++) messages[i * width.message] = 0;
  const encrypted = await engine.encrypt(key, messages);
  const one = (index: number) =>
    encrypted.subarray(index * width.ciphertext, (index + 1) * width.ciphertext);
  const [a, b] = [bigintFromBytes(one(0)), bigintFromBytes(one(1))];
  const message = bigintFromBytes(messages.subarray(0, width.message));
  const pairs = Array.from({ length: batch / 2 }, () => 2);
  const scalars = new Uint8Array(4 * batch).fill(0xa5);
  const scalar = bigintFromBytes(scalars.subarray(0, 4));
  const list = Array.from({ length: batch }, (_, i) => bigintFromBytes(one(i)));

  const races: [string, number, () => unknown, number, () => unknown][] = [
    ["encrypt", batch, () => engine.encrypt(key, messages), 1, () => theirPublic.encrypt(message)],
    ["decrypt", batch, () => engine.decrypt(secret, encrypted), 1, () => theirPrivate.decrypt(a)],
    [
      "add (from and to bytes)",
      batch / 2,
      () => engine.product(key, encrypted, pairs),
      1,
      () =>
        bytesFromBigint(
          theirPublic.addition(bigintFromBytes(one(0)), bigintFromBytes(one(1))),
          width.ciphertext,
        ),
    ],
    [
      "product of 64, per factor",
      batch,
      () => engine.product(key, encrypted, [batch]),
      batch,
      () => theirPublic.addition(...list),
    ],
    [
      "subtract",
      batch,
      () => engine.subtract(key, encrypted, encrypted),
      1,
      () => theirPublic.addition(a, inverse(b, n * n) ?? 0n),
    ],
    [
      "scale by 32 bits",
      batch,
      () => engine.scale(key, encrypted, scalars),
      1,
      () => theirPublic.multiply(a, scalar),
    ],
  ];
  const rows: Row[] = [];
  for (const [operation, ourBatch, ourRun, theirBatch, theirRun] of races) {
    const ours = await perSecond(ourBatch, ourRun);
    const theirs = await perSecond(theirBatch, theirRun);
    rows.push({ bits, operation, ours, theirs, ratio: ours / theirs });
  }
  return rows;
}

/** Build time, and memory as the digits and headers of its bigints: 2^w · windows · 2 numbers. */
function measureTable({ publicKey: { n, hs, bits } }: KeyPair, windowBits: number) {
  const start = performance.now();
  const table = buildFixedBaseTable(n, hs, bits / 2, windowBits);
  const buildMs = performance.now() - start;
  const megabytes = (table.residues.length * 2 * (bits / 8 + 16 + 8)) / 1e6; // header, slot
  return { bits, windowBits, buildMs, megabytes };
}

const engine = createPortableEngine({ threads: 0 });
const report: Report = { engine: engine.name, rows: [], tables: [] };
for (const pair of [await loadTestKey2048(), await loadTestKey3072()]) {
  report.rows.push(...(await compare(engine, pair)));
  for (const windowBits of [5, 8, 9, 10]) report.tables.push(measureTable(pair, windowBits));
}
await engine.close();

if (process.argv.includes("--json")) {
  console.log(JSON.stringify(report));
} else {
  const number = (value: number) => (value < 100 ? value.toFixed(1) : value.toFixed(0)).padStart(9);
  console.log("Operations per second on one core: portable engine | npm paillier-bigint | ratio");
  for (const { bits, operation, ours, theirs, ratio } of report.rows) {
    const columns = `${number(ours)} |${number(theirs)} |${number(ratio)}×`;
    console.log(`${bits} ${operation.padEnd(28)}${columns}`);
  }
  console.log("Fixed-base tables of the public key (the engine uses w = 5, then w = 9)");
  for (const { bits, windowBits, buildMs, megabytes } of report.tables) {
    console.log(`${bits} w=${windowBits} ${number(buildMs)} ms ${number(megabytes)} MB`);
  }
}
