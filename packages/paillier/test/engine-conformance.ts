/**
 * The contract of `Engine` as tests: every engine runs through the same vectors and edge cases.
 * Call it from a test file: `engineConformance("native", () => createNativeEngine(addon))`.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  batchItemsMax,
  engineKeyOf,
  engineSecretKeyOf,
  itemBytes,
  type Engine,
  type KeyPair,
  type PublicKey,
} from "../src/index.ts";
import { operationNames, publicOperations, type Operands } from "./engine-operations.ts";
import { numberOf, operandsOf, vectors } from "./engine-vectors.ts";
import {
  loadOtherTestKey2048,
  loadTestKey2048,
  loadTestKey3072,
  loadTestKey4096,
} from "./fixed-keys.ts";
import { flat, numbersOf } from "./flat-numbers.ts";
import { raise, textbookBlind, textbookDecrypt, textbookEncrypt } from "./textbook.ts";

export type ConformanceOptions = {
  /** Moduli of the vectors; by default all that vectors.json has. */
  readonly bits?: readonly number[];
  /** Items in a batch; by default what leaves lanes of a kernel full, empty and in between. */
  readonly counts?: readonly number[];
};

const pairsByBits = new Map([
  [2048, loadTestKey2048],
  [3072, loadTestKey3072],
  [4096, loadTestKey4096],
]);

export function engineConformance(
  name: string,
  createEngine: () => Engine | Promise<Engine>,
  { bits = [...pairsByBits.keys()], counts = [1, 2, 3, 7, 8, 9, 17] }: ConformanceOptions = {},
): void {
  void describe(`engine conformance: ${name}`, () => {
    let opened: Engine | undefined;
    const engine = (): Engine => {
      assert(opened !== undefined, "opened before the first test");
      return opened;
    };
    before(async () => {
      opened = await createEngine();
    });
    after(() => opened?.close());
    replayVectors(engine, bits);
    fillLanes(engine, counts);
    findEdges(engine);
    refuseMisuse(engine, createEngine);
  });
}

function replayVectors(engine: () => Engine, sizes: readonly number[]): void {
  for (const vector of vectors.filter(({ bits }) => sizes.includes(bits))) {
    const { bits } = vector;
    const width = itemBytes(bits);
    const load = pairsByBits.get(bits);
    assert(load !== undefined);

    void test(`vectors, ${bits} bits: every operation`, async () => {
      const { publicKey, secretKey } = await load();
      const operands = operandsOf(vector, publicKey);
      for (const name of operationNames) {
        const result = await publicOperations[name].run(engine(), operands);
        assert.deepEqual(result, flat(vector.results[name].map(numberOf), width.ciphertext), name);
      }
      const exponent = numberOf(vector.operands.longExponent);
      const long = { ...operands, exponent, exponentBytes: bits / 4 + 20 };
      assert.deepEqual(
        await publicOperations.power.run(engine(), long),
        flat(vector.longPower.map(numberOf), width.ciphertext),
      );
      const toZero = { ...operands, exponent: 0n, exponentBytes: 2 };
      const ones = operands.ciphertexts.map(() => 1n);
      assert.deepEqual(
        await publicOperations.power.run(engine(), toZero),
        flat(ones, width.ciphertext),
      );
      const { messages, blindings, ciphertexts } = operands;
      const secret = engineSecretKeyOf(secretKey);
      const sealed = flat(ciphertexts, width.ciphertext);
      const plain = flat(messages, width.message);
      assert.deepEqual(await engine().decrypt(secret, sealed), plain);
      if (bits === Math.min(...sizes)) {
        // its tables take a second or two at 4096 bits
        const key = engineKeyOf(publicKey);
        const given = flat(blindings, width.blinding);
        assert.deepEqual(await engine().encryptSecret(secret, key, plain, given), sealed);
      }
      // a ciphertext with one bit turned is another message, or none
      const turned = sealed.slice();
      turned[turned.length - 1] = (turned[turned.length - 1] ?? 0) ^ 1;
      assert.notDeepEqual(await engine().decrypt(secret, turned), plain);
    });

    void test(`vectors, ${bits} bits: what must fail, fails wherever it stands`, async () => {
      const { publicKey, secretKey } = await load();
      const key = engineKeyOf(publicKey);
      const secret = engineSecretKeyOf(secretKey);
      const good = vector.operands.ciphertexts.map(numberOf);
      const refused = vector.refused.map(numberOf);
      const verdicts = await engine().check(key, flat([...good, ...refused], width.ciphertext));
      assert.deepEqual([...verdicts], [...good.map(() => 1), ...refused.map(() => 0)]);
      const some = bits === 2048 ? refused : refused.slice(0, 2);
      for (const [i, bad] of some.entries()) {
        const batch = flat(good.with(i % good.length, bad), width.ciphertext);
        const invalid = { code: "PAILLIER_CIPHERTEXT_INVALID" };
        await assert.rejects(engine().decrypt(secret, batch), invalid);
        await assert.rejects(engine().subtract(key, batch, batch), invalid);
      }
    });
  }
}

/** Of `fillLanes`, for all engines. */
const expectedOf = new Map<string, bigint[]>();

/** With small exponents, to be fast. */
function fillLanes(engine: () => Engine, counts: readonly number[]): void {
  void test("an item's result does not depend on how many others there are", async () => {
    const { publicKey, secretKey } = await loadTestKey2048();
    const { bits, n, n2, hs } = publicKey;
    const width = itemBytes(bits);
    const some = Array.from({ length: 17 }, (_, i) => BigInt(i) + 1n);
    const all: Operands = {
      bits,
      n,
      hs,
      messages: some.map((i) => n / (i + 1n)),
      blindings: some.map((i) => i * 0x9e3779b97f4a7c15n),
      ciphertexts: some.map((i) => n2 / (i + 2n)),
      divisors: some.map((i) => n2 - i), // small: coprime to n
      scalars: some.map((i) => i * 37n),
      scalarBytes: 2,
      groupSizes: some.map(() => 1),
      shiftBits: 3,
      exponent: 0x10001n,
      exponentBytes: 3,
    };
    const secret = engineSecretKeyOf(secretKey);
    for (const name of operationNames) {
      const expected = expectedOf.get(name) ?? publicOperations[name].reference(all);
      expectedOf.set(name, expected);
      for (const count of counts) {
        const first = {
          ...all,
          messages: all.messages.slice(0, count),
          blindings: all.blindings.slice(0, count),
          ciphertexts: all.ciphertexts.slice(0, count),
          divisors: all.divisors.slice(0, count),
          scalars: all.scalars.slice(0, count),
          groupSizes: all.groupSizes.slice(0, count),
        };
        const result = numbersOf(await publicOperations[name].run(engine(), first), bits / 4);
        assert.deepEqual(result, expected.slice(0, count), `${name} of ${count}`);
      }
    }
    for (const count of counts) {
      const messages = all.messages.slice(0, count);
      const sealed = publicOperations.encrypt.reference({ ...all, messages });
      const plain = await engine().decrypt(secret, flat(sealed, width.ciphertext));
      assert.deepEqual(numbersOf(plain, width.message), messages, `decrypt of ${count}`);
    }
  });

  void test("groups of every size, short and long side by side", async () => {
    const { bits, n, hs } = (await loadTestKey2048()).publicKey;
    const groupSizes = [1, 2, 15, 16, 17, 31, 33, 2_100, 1];
    const total = groupSizes.reduce((sum, size) => sum + size, 0);
    const some = Array.from({ length: total }, (_, i) => BigInt(i) + 2n);
    const operands: Operands = {
      bits,
      n,
      hs,
      messages: [],
      blindings: [],
      ciphertexts: some.map((i) => n * i + n - i),
      divisors: [],
      scalars: some.map((i) => i % 16n),
      scalarBytes: 1,
      groupSizes,
      shiftBits: 1,
      exponent: 1n,
      exponentBytes: 1,
    };
    for (const name of ["product", "weightedProduct", "repack"] as const) {
      const { run, reference } = publicOperations[name];
      assert.deepEqual(
        numbersOf(await run(engine(), operands), bits / 4),
        reference(operands),
        name,
      );
    }
  });
}

function findEdges(engine: () => Engine): void {
  let pair: KeyPair;
  let publicKey: PublicKey;
  before(async () => {
    pair = await loadTestKey2048();
    publicKey = pair.publicKey;
  });
  const width = itemBytes(2048);

  void test("decrypts where a modular exponentiation is 0, 1 or -1 away from trouble", async () => {
    const { n, n2 } = publicKey;
    const { p, q } = pair.secretKey;
    const rows: [bigint, bigint][] = [
      [1n, 0n], // no blinding, c mod p² = 1
      [n2 - 1n, 0n], // −1
      [1n + n, 1n],
      [1n + n * (n - 1n), n - 1n],
      [1n + n * p, p], // 1 mod p², not mod q²
      [1n + n * q, q],
      [textbookEncrypt(publicKey, 0n, 3n), 0n], // the power itself is 1: OpenSSL refuses
      [textbookEncrypt(publicKey, 5n, 3n), 5n],
      [raise(2n, n * n, n2), 0n],
      [p * p + 1n, textbookDecrypt(pair.secretKey, p * p + 1n)], // 1 mod p² alone
    ];
    const secret = engineSecretKeyOf(pair.secretKey);
    const plain = await engine().decrypt(
      secret,
      flat(
        rows.map(([c]) => c),
        width.ciphertext,
      ),
    );
    assert.deepEqual(
      numbersOf(plain, width.message),
      rows.map(([, m]) => m),
    );
  });

  void test("keys in turns: each answer is of the key that was asked", async () => {
    const pairs = [pair, await loadOtherTestKey2048(), await loadTestKey3072()] as const;
    const messages = [1n, 2n, 3n, 4n, 5n, 6n]; // enough for two threads
    for (const turn of [0, 1, 0, 2, 1, 0, 2, 1]) {
      const { publicKey: asked, secretKey } = pairs[turn] ?? pair;
      const bytes = itemBytes(asked.bits);
      const ciphertexts = messages.map((m) => 1n + asked.n * m);
      const sealed = flat(ciphertexts, bytes.ciphertext);
      const plain = await engine().decrypt(engineSecretKeyOf(secretKey), sealed);
      assert.deepEqual(numbersOf(plain, bytes.message), messages);
    }
  });

  void test("check tells units below n² from everything else", async () => {
    const { n, n2 } = publicKey;
    const { p, q } = pair.secretKey;
    const good = [1n, 2n, n2 - 1n, n + 1n];
    const bad = [0n, n, p, q, p * p, n2 - n, n2, n2 + 1n, (1n << 4096n) - 1n, 5n * n];
    const key = engineKeyOf(publicKey);
    const check = async (cs: bigint[]) => [
      ...(await engine().check(key, flat(cs, width.ciphertext))),
    ];
    assert.deepEqual(await check(good), [1, 1, 1, 1]);
    assert.deepEqual(await check([...bad, 1n]), [...bad.map(() => 0), 1]);
  });

  void test("fresh randomness blinds: equal messages, different ciphertexts, inputs untouched", async () => {
    const messages = flat([7n, 7n, 7n], width.message);
    const copy = messages.slice();
    const encrypted = await engine().encrypt(engineKeyOf(publicKey), messages);
    assert.deepEqual(messages, copy);
    assert.equal(new Set(numbersOf(encrypted, width.ciphertext)).size, 3);
    const secret = engineSecretKeyOf(pair.secretKey);
    assert.deepEqual(await engine().decrypt(secret, encrypted), messages);
    assert.deepEqual(secret, engineSecretKeyOf(pair.secretKey), "the caller's key is not wiped");
  });

  void test("a Buffer is read, never wiped: its slice() would be a view of the caller's bytes", async () => {
    const key = engineKeyOf(publicKey);
    const messages = Buffer.from(flat([5n, 6n, 7n], width.message));
    const encrypted = Buffer.from(await engine().encrypt(key, messages));
    const before = [messages.toString("hex"), encrypted.toString("hex")];
    await engine().power(key, encrypted, Uint8Array.of(3));
    await engine().product(key, encrypted, [3]);
    await engine().decrypt(engineSecretKeyOf(pair.secretKey), encrypted);
    assert.deepEqual([messages.toString("hex"), encrypted.toString("hex")], before);
  });

  void test("warm: a batch of many comes back in order, and like the textbook", async () => {
    const messages = Array.from({ length: 37 }, (_, i) => BigInt(i * i));
    const blindings = messages.map((m) => (m + 1n) * 0x1234567n);
    const key = engineKeyOf(publicKey);
    await engine().warm(key);
    const encrypted = await engine().encrypt(
      key,
      flat(messages, width.message),
      flat(blindings, width.blinding),
    );
    const expected = messages.map((m, i) => textbookBlind(publicKey, m, blindings[i] ?? 0n));
    assert.deepEqual(numbersOf(encrypted, width.ciphertext), expected);
    const sizes = [1, 20, 2, 14];
    const sums = await engine().product(key, encrypted, sizes);
    const plain = await engine().decrypt(engineSecretKeyOf(pair.secretKey), sums);
    let next = 0;
    const grouped = sizes.map((size) => messages.slice(next, (next += size)));
    assert.deepEqual(
      numbersOf(plain, width.message),
      grouped.map((group) => group.reduce((a, b) => a + b)),
    );
    const differences = await engine().subtract(key, encrypted, encrypted);
    assert.deepEqual(
      numbersOf(differences, width.ciphertext),
      messages.map(() => 1n),
    );
  });
}

function refuseMisuse(engine: () => Engine, createEngine: () => Engine | Promise<Engine>): void {
  void test("nothing in, nothing out; wrong lengths and foreign factors are refused", async () => {
    const { publicKey, secretKey } = await loadTestKey2048();
    const key = engineKeyOf(publicKey);
    const secret = engineSecretKeyOf(secretKey);
    const width = itemBytes(2048);
    const none = new Uint8Array(0);
    const one = flat([1n], width.ciphertext);
    for (const empty of [
      engine().encrypt(key, none),
      engine().check(key, none),
      engine().product(key, none, []),
      engine().subtract(key, none, none),
      engine().scale(key, none, none),
      engine().rerandomize(key, none),
      engine().blind(key, none),
      engine().encryptBlinded(key, none, none),
      engine().encryptSecret(secret, key, none),
      engine().weightedProduct(key, none, none, []),
      engine().repack(key, none, 1, []),
      engine().power(key, none, Uint8Array.of(1)),
      engine().decrypt(secret, none),
    ]) {
      assert.equal((await empty).length, 0);
    }
    for (const misuse of [
      () => engine().encrypt(key, new Uint8Array(width.message - 1)),
      () =>
        engine().encrypt(key, new Uint8Array(width.message), new Uint8Array(width.blinding + 1)),
      () => engine().encrypt(key, new Uint8Array(width.message), none),
      () => engine().check(key, one.subarray(1)),
      () => engine().check(key, new Uint8Array((batchItemsMax + 1) * width.ciphertext)),
      () => engine().product(key, one, [2]),
      () => engine().product(key, one, [1, 0]),
      () => engine().subtract(key, one, none),
      () => engine().product(key, one, [0.5, 0.5]),
      () => engine().product(key, one, [-1, 2]),
      () => engine().product(key, none, [0]),
      () => engine().weightedProduct(key, one, none, [1]),
      () => engine().weightedProduct(key, one, new Uint8Array(2_049), [1]),
      () => engine().repack(key, one, 0, [1]),
      () => engine().repack(key, one, 1.5, [1]),
      () => engine().repack(key, one, Number.NaN, [1]),
      () => engine().repack(key, one, 8_193, [1]),
      () => engine().rerandomize(key, one, none),
      () => engine().blind(key, new Uint8Array(width.blinding + 1)),
      () => engine().encryptBlinded(key, new Uint8Array(2 * width.message), one),
      () => engine().encryptSecret(secret, key, new Uint8Array(width.message), none),
      () => engine().power(key, one, none),
      () => engine().power(key, one, new Uint8Array(2_049)),
      () => engine().scale(key, flat([1n, 1n], width.ciphertext), new Uint8Array(3)),
      () => engine().decrypt(secret, one.subarray(1)),
    ]) {
      await assert.rejects(misuse, TypeError);
    }
    const invalid = { code: "PAILLIER_CIPHERTEXT_INVALID" };
    const p = flat([secretKey.p], width.ciphertext);
    await assert.rejects(() => engine().subtract(key, one, p), invalid);
    await assert.rejects(() => engine().decrypt(secret, p), invalid);
    await assert.rejects(() => engine().decrypt(secret, flat([0n], width.ciphertext)), invalid);
    const noBase = { ...key, id: "no base", hs: p };
    const message = new Uint8Array(width.message);
    for (const refusal of [
      () => engine().warm(noBase),
      () => engine().encrypt(noBase, message),
      () => engine().rerandomize(noBase, one),
      () => engine().blind(noBase, new Uint8Array(width.blinding)),
      () => engine().encryptSecret({ ...secret, id: "no base" }, noBase, message),
    ]) {
      await assert.rejects(refusal, { code: "PAILLIER_KEY_INVALID" });
    }
    assert.equal((await engine().check(key, one))[0], 1, "a refusal does not break the engine");
  });

  void test("a closed engine says so", async () => {
    const { publicKey } = await loadTestKey2048();
    const closing = await createEngine();
    await closing.close();
    const message = new Uint8Array(itemBytes(2048).message);
    await assert.rejects(() => closing.encrypt(engineKeyOf(publicKey), message), {
      code: "PAILLIER_ENGINE_CLOSED",
    });
  });
}
