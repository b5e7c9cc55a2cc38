/** Operations on typed values beyond plain sums: weights, re-packing, re-randomisation, blinding made ahead. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  BlindingPool,
  decryptBatch,
  encryptBatch,
  itemBytes,
  openEngine,
  product,
  repack,
  rerandomize,
  weightedSums,
  type Engine,
  type KeyPair,
} from "../src/index.ts";
import { loadOtherTestKey2048, loadTestKey2048 } from "./fixed-keys.ts";

let engine: Engine;
let pair: KeyPair;
before(async () => {
  ({ engine } = await openEngine({ threads: 1 }));
  pair = await loadTestKey2048();
});
after(() => engine.close());

describe("weighted sums", () => {
  test("each group is the sum of factor times plaintext", async () => {
    const { publicKey, secretKey } = pair;
    const [a, b, c] = await encryptBatch(engine, publicKey, [3n, 5n, 7n], { weightMax: 5_000 });
    assert(a !== undefined && b !== undefined && c !== undefined);
    const sums = await weightedSums(engine, publicKey, [
      [
        { ciphertext: a, factor: 1000 },
        { ciphertext: b, factor: 1 },
      ],
      [{ ciphertext: c, factor: 2 }],
    ]);
    assert.deepEqual(await decryptBatch(engine, secretKey, sums), [3005n, 14n]);
    assert.deepEqual(
      sums.map(({ weight }) => weight),
      [1001, 2],
    );
  });

  test("factors out of range and too much weight are refused", async () => {
    const { publicKey } = pair;
    const [ciphertext] = await encryptBatch(engine, publicKey, [3n], { weightMax: 10 });
    assert(ciphertext !== undefined);
    for (const factor of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      await assert.rejects(weightedSums(engine, publicKey, [[{ ciphertext, factor }]]), {
        code: "PAILLIER_SCALAR_RANGE",
      });
    }
    await assert.rejects(weightedSums(engine, publicKey, [[{ ciphertext, factor: 11 }]]), {
      code: "PACKING_OVERFLOW",
    });
    const other = (await loadOtherTestKey2048()).publicKey;
    await assert.rejects(weightedSums(engine, other, [[{ ciphertext, factor: 1 }]]), {
      code: "PAILLIER_WRONG_KEY",
    });
  });
});

describe("repack", () => {
  test("plaintexts stand side by side, the last one lowest, and nothing can be added", async () => {
    const { publicKey, secretKey } = pair;
    const ciphertexts = await encryptBatch(engine, publicKey, [1n, 2n, 3n, 9n]);
    const packed = await repack(
      engine,
      publicKey,
      [ciphertexts.slice(0, 3), ciphertexts.slice(3)],
      40,
    );
    const expected = [(1n << 80n) + (2n << 40n) + 3n, 9n];
    assert.deepEqual(await decryptBatch(engine, secretKey, packed), expected);
    await assert.rejects(product(engine, publicKey, packed), { code: "PACKING_OVERFLOW" });
  });

  test("groups that would not fit below n are refused", async () => {
    const ciphertexts = await encryptBatch(engine, pair.publicKey, [1n, 2n]);
    await assert.rejects(repack(engine, pair.publicKey, [ciphertexts], 1024), TypeError);
  });
});

test("rerandomize: the same plaintexts in ciphertexts that nobody has seen", async () => {
  const { publicKey, secretKey } = pair;
  const ciphertexts = await encryptBatch(engine, publicKey, [4n, 4n], { weightMax: 3 });
  const again = await rerandomize(engine, publicKey, ciphertexts);
  assert.deepEqual(await decryptBatch(engine, secretKey, again), [4n, 4n]);
  const all = [...ciphertexts, ...again].map(({ bytes }) => Buffer.from(bytes).toString("hex"));
  assert.equal(new Set(all).size, 4);
  assert.deepEqual(
    again.map(({ weight, weightMax }) => [weight, weightMax]),
    [
      [1, 3],
      [1, 3],
    ],
  );
});

describe("blinding pool", () => {
  test("encrypts with what was made ahead, and with what is missing; no power twice", async () => {
    const { publicKey, secretKey } = pair;
    const pool = new BlindingPool(engine, publicKey, { target: 40 });
    await Promise.all([pool.refill(), pool.refill()]);
    assert.equal(pool.ready, 40);
    const messages = Array.from({ length: 45 }, () => 6n);
    const ciphertexts = await encryptBatch(engine, publicKey, messages, { pool });
    assert.equal(pool.ready, 0);
    assert.deepEqual(await decryptBatch(engine, secretKey, ciphertexts), messages);
    const seen = new Set(ciphertexts.map(({ bytes }) => Buffer.from(bytes).toString("hex")));
    assert.equal(seen.size, 45);
  });

  test("takers at the same time get different powers; cleared ones are gone", async () => {
    const pool = new BlindingPool(engine, pair.publicKey, { target: 4 });
    await pool.refill();
    const taken = await Promise.all([pool.take(2), pool.take(2), pool.take(1)]);
    const width = itemBytes(2048).ciphertext;
    const powers = taken.flatMap((bytes) =>
      Array.from({ length: bytes.length / width }, (_, i) =>
        Buffer.from(bytes.subarray(i * width, (i + 1) * width)).toString("hex"),
      ),
    );
    assert.equal(new Set(powers).size, 5);
    await pool.refill();
    pool.clear();
    assert.equal(pool.ready, 0);
  });

  test("a pool of another key, or beside given blindings, is a programmer error", async () => {
    const other = (await loadOtherTestKey2048()).publicKey;
    const pool = new BlindingPool(engine, other);
    await assert.rejects(encryptBatch(engine, pair.publicKey, [1n], { pool }), TypeError);
    const blindings = [new Uint8Array(itemBytes(2048).blinding).fill(1)];
    await assert.rejects(encryptBatch(engine, other, [1n], { pool, blindings }), TypeError);
    assert.throws(() => new BlindingPool(engine, other, { target: 0 }), TypeError);
  });
});
