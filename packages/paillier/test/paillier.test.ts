import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import * as fc from "fast-check";
import * as npm from "paillier-bigint";

import {
  add,
  createPortableEngine,
  decodeCiphertexts,
  decryptBatch,
  encodeCiphertext,
  encryptBatch,
  pack,
  packingFor,
  product,
  productOfEach,
  scale,
  subtract,
  unpack,
  validateCiphertexts,
  type Ciphertext,
  type KeyPair,
} from "../src/index.ts";
import { loadOtherTestKey2048, loadTestKey2048 } from "./fixed-keys.ts";
import { flat, numbersOf } from "./flat-numbers.ts";
import { textbookDecrypt, textbookEncrypt } from "./textbook.ts";

const engine = createPortableEngine();
let pair: KeyPair;
let other: KeyPair;
before(async () => {
  [pair, other] = await Promise.all([loadTestKey2048(), loadOtherTestKey2048()]);
});
after(() => engine.close());

const encrypt = (messages: bigint[], weightMax?: number) =>
  encryptBatch(engine, pair.publicKey, messages, weightMax === undefined ? {} : { weightMax });
const decrypt = (ciphertexts: Ciphertext[]) => decryptBatch(engine, pair.secretKey, ciphertexts);
const numberOf = (ciphertext: Ciphertext) => numbersOf(ciphertext.bytes, 512)[0] ?? 0n;
async function accept(c: bigint): Promise<Ciphertext> {
  const [verdict] = await validateCiphertexts(engine, pair.publicKey, [flat([c], 512)]);
  assert.ok(verdict?.ok);
  return verdict.ciphertext;
}

describe("laws, modulo n", () => {
  const below = (limit: bigint) => fc.bigInt(0n, limit - 1n);
  test("decrypt ∘ encrypt, add, subtract, scale", async () => {
    const { publicKey: key } = pair;
    const law = fc.asyncProperty(
      below(key.n),
      below(key.n),
      fc.integer({ min: 1, max: 1000 }),
      async (x, y, k) => {
        const [a, b] = await encrypt([x, y]);
        assert.ok(a && b);
        const results = [
          await add(engine, key, a, b),
          ...(await subtract(engine, key, [a], [b])),
          ...(await scale(engine, key, [a], [k])),
        ];
        assert.deepEqual(await decrypt([a, b, ...results]), [
          x,
          y,
          (x + y) % key.n,
          (x - y + key.n) % key.n,
          (x * BigInt(k)) % key.n,
        ]);
      },
    );
    await fc.assert(law, { numRuns: 8 });
  });

  test("a register telescopes: what is lost in between changes nothing", async () => {
    const { publicKey: key } = pair;
    const [start, , end] = await encrypt([1_000n, 7_777n, 123_456n]);
    assert.ok(start && end);
    assert.deepEqual(await decrypt(await subtract(engine, key, [end], [start])), [122_456n]);
  });
});

describe("against independent implementations", () => {
  test("paillier-bigint decrypts ours, we decrypt theirs, sums mix", async () => {
    const { n, n2 } = pair.publicKey;
    const { p, q } = pair.secretKey;
    const theirPublic = new npm.PublicKey(n, n + 1n);
    const lambda = (p - 1n) * (q - 1n);
    // μ = λ⁻¹ mod n for g = n + 1
    const mu = npmInverse(lambda, n);
    const theirPrivate = new npm.PrivateKey(lambda, mu, theirPublic, p, q);
    const messages = [0n, 1n, 123_456_789n, n - 1n];
    const ours = await encrypt(messages);
    assert.deepEqual(
      ours.map((c) => theirPrivate.decrypt(numberOf(c))),
      messages,
    );
    const theirs = await Promise.all(messages.map((m) => accept(theirPublic.encrypt(m))));
    assert.deepEqual(await decrypt(theirs), messages);
    const [mine, yours] = [ours[2], theirs[3]];
    assert.ok(mine && yours);
    const sum = await add(engine, pair.publicKey, mine, yours);
    assert.equal(numberOf(sum), theirPublic.addition(numberOf(mine), numberOf(yours)));
    assert.equal(theirPrivate.decrypt(numberOf(sum)), 123_456_788n);
    assert.equal(numberOf(sum) < n2, true);
  });

  test("the textbook decrypts ours, we decrypt the textbook's", async () => {
    const [ours] = await encrypt([42n]);
    assert.ok(ours);
    assert.equal(textbookDecrypt(pair.secretKey, numberOf(ours)), 42n);
    assert.deepEqual(await decrypt([await accept(textbookEncrypt(pair.publicKey, 43n, 5n))]), [
      43n,
    ]);
  });
});

describe("typed ciphertexts", () => {
  test("a given blinding gives a given ciphertext; the wrong shape is refused", async () => {
    const { publicKey: key } = pair;
    const blinding = flat([0xabcdefn], 128);
    const blindings = [blinding];
    const [a] = await encryptBatch(engine, key, [5n], { blindings });
    const [b] = await encryptBatch(engine, key, [5n], { blindings });
    assert.deepEqual(a, b);
    for (const wrong of [[], [blinding, blinding], [blinding.subarray(1)], [new Uint8Array(128)]]) {
      await assert.rejects(encryptBatch(engine, key, [5n], { blindings: wrong }), TypeError);
    }
  });

  test("refused: plaintexts and scalars out of range", async () => {
    const { publicKey: key } = pair;
    for (const message of [-1n, key.n, key.n + 1n]) {
      await assert.rejects(encrypt([1n, message]), { code: "PAILLIER_PLAINTEXT_RANGE" });
    }
    const [a] = await encrypt([1n]);
    assert.ok(a);
    for (const scalar of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      await assert.rejects(scale(engine, key, [a], [scalar]), { code: "PAILLIER_SCALAR_RANGE" });
    }
  });

  test("refused: a ciphertext under another key, wherever it turns up", async () => {
    const [a] = await encrypt([1n]);
    const [b] = await encryptBatch(engine, other.publicKey, [1n]);
    assert.ok(a && b);
    const wrongKey = { code: "PAILLIER_WRONG_KEY" };
    await assert.rejects(add(engine, pair.publicKey, a, b), wrongKey);
    await assert.rejects(product(engine, other.publicKey, [a]), wrongKey);
    await assert.rejects(subtract(engine, pair.publicKey, [a], [b]), wrongKey);
    await assert.rejects(scale(engine, pair.publicKey, [b], [2]), wrongKey);
    await assert.rejects(decryptBatch(engine, other.secretKey, [a]), wrongKey);
  });

  test("headroom is counted through sums and scalars and refused before it runs out", async () => {
    const { publicKey: key } = pair;
    const overflow = { code: "PACKING_OVERFLOW" };
    const [a, b, roomy] = [...(await encrypt([1n, 2n], 4)), ...(await encrypt([3n]))];
    assert.ok(a && b && roomy);
    const [twice] = await scale(engine, key, [a], [2]);
    assert.ok(twice);
    assert.deepEqual([twice.weight, twice.weightMax], [2, 4]);
    const full = await product(engine, key, [twice, b, roomy]);
    assert.deepEqual([full.weight, full.weightMax], [4, 4]);
    assert.deepEqual(await decrypt([full]), [7n]);
    await assert.rejects(add(engine, key, full, b), overflow);
    await assert.rejects(scale(engine, key, [a], [5]), overflow);
    await assert.rejects(productOfEach(engine, key, [[a], [full, roomy]]), overflow);
    const [difference] = await subtract(engine, key, [full], [a]);
    assert.equal(difference?.weight, 4);
    await assert.rejects(product(engine, key, []), TypeError);
  });

  test("encoding: a round trip, and nothing else", async () => {
    const { publicKey: key } = pair;
    const [a, b] = await encrypt([11n, 12n]);
    assert.ok(a && b);
    const sum = await add(engine, key, a, b);
    const good = encodeCiphertext(sum);
    assert.equal(good.length, 1 + 32 + 8 + 512);
    const changed = (at: number, ...bytes: number[]) => {
      const copy = good.slice();
      copy.set(bytes, at);
      return copy;
    };
    const zero = good.slice();
    zero.fill(0, 41);
    const p = good.slice();
    p.set(flat([pair.secretKey.p], 512), 41);
    const [foreign] = await encryptBatch(engine, other.publicKey, [1n]);
    assert.ok(foreign);
    const bad: [string, Uint8Array][] = [
      ["nothing", new Uint8Array(0)],
      ["a header alone", good.slice(0, 41)],
      ["a byte short", good.slice(0, -1)],
      ["a byte too long", Uint8Array.of(...good, 0)],
      ["another version", changed(0, 2)],
      ["weight 0", changed(33, 0, 0, 0, 0)],
      ["weight above its limit", changed(33, 0, 0, 4, 1)],
      ["limit 0", changed(37, 0, 0, 0, 0)],
      ["c = 0", zero],
      ["c shares a factor with n", p],
      ["c ≥ n²", changed(41, 0xff, 0xff, 0xff, 0xff)],
    ];
    const encoded = [good, ...bad.map(([, bytes]) => bytes), good];
    const verdicts = await decodeCiphertexts(engine, key, encoded);
    assert.deepEqual(verdicts[0], { ok: true, ciphertext: sum });
    assert.deepEqual(verdicts.at(-1), verdicts[0]);
    for (const [i, [what]] of bad.entries()) {
      const verdict = { ok: false, code: "PAILLIER_CIPHERTEXT_INVALID" };
      assert.deepEqual(verdicts[i + 1], verdict, what);
    }
    const wrongKeys = [encodeCiphertext(foreign), changed(1, (good[1] ?? 0) ^ 1)];
    for (const verdict of await decodeCiphertexts(engine, key, wrongKeys)) {
      assert.deepEqual(verdict, { ok: false, code: "PAILLIER_WRONG_KEY" });
    }
  });
});

describe("packing", () => {
  const corrupt = { ok: false, code: "PACKING_CORRUPT" };

  test("the packings of docs/protocol.md §5", () => {
    // 3 × 63 A at 230 V with 25 % overcurrent, 15 min, in Wh
    const fuseWattHoursMax = Math.ceil((3 * 63 * 230 * 1.25) / 4);
    const load = packingFor({ modulusBits: 3072, maxValue: fuseWattHoursMax });
    assert.deepEqual([load.valueBits, load.slotBits, load.slots], [14, 24, 126]);
    const bill = packingFor({ modulusBits: 3072, valueBits: 48 });
    assert.deepEqual([bill.slotBits, bill.slots, bill.valueMax], [58, 51, 2n ** 48n - 1n]);
    const bits = [0, 1, 2, 3, 255, 256].map((maxValue) => {
      return packingFor({ modulusBits: 2048, maxValue, additionsMax: 1 }).slotBits;
    });
    assert.deepEqual(bits, [1, 1, 2, 2, 8, 9]);
    for (const bad of [{ maxValue: -2 }, { valueBits: 1020 }, { valueBits: 8, additionsMax: 0 }]) {
      assert.throws(() => packingFor({ modulusBits: 2048, ...bad }), TypeError);
    }
  });

  test("law: sums of packed vectors unpack to the sums of the vectors", () => {
    const packing = packingFor({ modulusBits: 2048, valueBits: 14, additionsMax: 8 });
    const vector = fc.array(fc.nat(2 ** 14 - 1), { minLength: 100, maxLength: 100 });
    fc.assert(
      fc.property(fc.array(vector, { minLength: 1, maxLength: 8 }), (vectors) => {
        const sum = vectors.map((v) => pack(packing, v)).reduce((a, b) => a + b);
        const sums = Array.from({ length: 100 }, (_, j) =>
          vectors.reduce((total, v) => total + BigInt(v[j] ?? 0), 0n),
        );
        const count = vectors.length;
        assert.deepEqual(unpack(packing, sum, { slots: 100, count }), { ok: true, values: sums });
      }),
      { numRuns: 15 },
    );
  });

  test("the fullest sum stays below n/2 and out of the guard slot", async () => {
    const { publicKey: key } = pair;
    const packing = packingFor({ modulusBits: 2048, valueBits: 14 });
    const fullest = Array.from({ length: packing.slots }, () => packing.valueMax);
    const packed = pack(packing, fullest) * 1024n;
    assert.ok(packed <= key.n / 2n && packed >> BigInt(packing.slots * packing.slotBits) === 0n);
    const unpacked = unpack(packing, packed, { count: 1024 });
    assert.deepEqual(unpacked, { ok: true, values: fullest.map((x) => x * 1024n) });
  });

  test("pack refuses what is not a value, unpack what is not a sum", () => {
    const packing = packingFor({ modulusBits: 2048, valueBits: 14 });
    const range = { code: "PACKING_VALUE_RANGE" };
    for (const value of [-1, 0.5, 2 ** 14, Number.NaN, Infinity, 2 ** 53]) {
      assert.throws(() => pack(packing, [1, value]), range);
    }
    for (const value of [-1n, 2n ** 14n, 2n ** 64n]) {
      assert.throws(() => pack(packing, [value]), range);
    }
    assert.throws(() => pack(packing, new Float64Array(packing.slots + 1)), TypeError);
    assert.equal(pack(packing, BigUint64Array.of(1n, 2n)), pack(packing, Float64Array.of(1, 2)));
    const two = pack(packing, [3, 5]) + pack(packing, [4, 0]);
    assert.deepEqual(unpack(packing, two, { slots: 2, count: 2 }), { ok: true, values: [7n, 5n] });
    const bad: [bigint, number, number][] = [
      [-1n, 2, 2], // negative
      [pair.publicKey.n - 1n, packing.slots, 1024], // −1 mod n: above n/2
      [1n << BigInt(packing.slotBits * packing.slots), packing.slots, 1024], // guard slot
      [two, 1, 2], // something above the slots in use
      [pack(packing, [2 ** 14 - 1]) + 1n, 2, 1], // more than one value can be
      [5n, 1, 0], // a sum of nothing
      [pack(packing, [3, 5]) - pack(packing, [4, 0]), 2, 1], // a borrow from the next slot
    ];
    for (const [plaintext, slots, count] of bad) {
      assert.deepEqual(unpack(packing, plaintext, { slots, count }), corrupt);
    }
    assert.throws(() => unpack(packing, 0n, { count: 1025 }), { code: "PACKING_OVERFLOW" });
  });
});

/** a⁻¹ mod m for coprime a, m: the recursive form, not the package's. */
function npmInverse(a: bigint, m: bigint): bigint {
  const euclid = (x: bigint, y: bigint): [bigint, bigint] => {
    if (y === 0n) return [1n, 0n];
    const [s, t] = euclid(y, x % y);
    return [t, s - (x / y) * t];
  };
  return ((euclid(a % m, m)[0] % m) + m) % m;
}
