/**
 * The contract of `Engine` as tests: every engine runs through the same vectors and edge cases.
 * Call it from a test file: `engineConformance("native", () => createNativeEngine())`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
import { loadOtherTestKey2048, loadTestKey2048, loadTestKey3072 } from "./fixed-keys.ts";
import { raise, textbookBlind, textbookDecrypt, textbookEncrypt } from "./textbook.ts";

type Vectors = {
  key: string;
  encrypt: { what: string; message: string; blinding: string; ciphertext: string }[];
  operands: { a: string; b: string };
  product: string;
  difference: string;
  scaled: { scalar: number; result: string };
};

const vectors = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
) as Vectors[];

/** Numbers behind one another, `widthBytes` each: written without the code under test. */
export function flat(numbers: readonly bigint[], widthBytes: number): Uint8Array {
  const hex = numbers.map((number) => number.toString(16).padStart(2 * widthBytes, "0")).join("");
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function numbersOf(bytes: Uint8Array, widthBytes: number): bigint[] {
  assert.equal(bytes.length % widthBytes, 0);
  return Array.from({ length: bytes.length / widthBytes }, (_, i) =>
    BigInt(
      `0x${Buffer.from(bytes.subarray(i * widthBytes, (i + 1) * widthBytes)).toString("hex")}`,
    ),
  );
}

const big = (hex: string) => BigInt(`0x${hex}`);

export function engineConformance(name: string, createEngine: () => Engine): void {
  void describe(`engine conformance: ${name}`, () => {
    const engine = createEngine();
    after(() => engine.close());
    replayVectors(engine);
    findEdges(engine);
    refuseMisuse(engine, createEngine);
  });
}

function replayVectors(engine: Engine): void {
  for (const vector of vectors) {
    void test(`vectors, ${vector.key} bits`, async () => {
      const pair = await (vector.key === "2048" ? loadTestKey2048() : loadTestKey3072());
      const { bits } = pair.publicKey;
      const key = engineKeyOf(pair.publicKey);
      const width = itemBytes(bits);
      const one = (hex: string) => flat([big(hex)], width.ciphertext);
      const column = (field: "message" | "blinding" | "ciphertext", widthBytes: number) =>
        flat(
          vector.encrypt.map((row) => big(row[field])),
          widthBytes,
        );
      const ciphertexts = column("ciphertext", width.ciphertext);
      const messages = column("message", width.message);
      const blindings = column("blinding", width.blinding);

      assert.deepEqual(await engine.encrypt(key, messages, blindings), ciphertexts);
      assert.deepEqual(
        await engine.decrypt(engineSecretKeyOf(pair.secretKey), ciphertexts),
        messages,
      );
      const { a, b } = vector.operands;
      assert.deepEqual(await engine.subtract(key, one(a), one(b)), one(vector.difference));
      assert.deepEqual(
        await engine.product(key, flat([big(a), big(b), big(a)], width.ciphertext), [2, 1]),
        flat([big(vector.product), big(a)], width.ciphertext),
      );
      const { scalar, result } = vector.scaled;
      assert.deepEqual(await engine.scale(key, one(a), flat([BigInt(scalar)], 4)), one(result));
      // a vector with one bit turned is another message, or none
      const turned = ciphertexts.slice();
      turned[turned.length - 1] = (turned[turned.length - 1] ?? 0) ^ 1;
      const decrypted = await engine.decrypt(engineSecretKeyOf(pair.secretKey), turned);
      assert.notDeepEqual(decrypted, messages);
    });
  }
}

function findEdges(engine: Engine): void {
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
    const plain = await engine.decrypt(
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
      const plain = await engine.decrypt(engineSecretKeyOf(secretKey), sealed);
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
      ...(await engine.check(key, flat(cs, width.ciphertext))),
    ];
    assert.deepEqual(await check(good), [1, 1, 1, 1]);
    assert.deepEqual(await check([...bad, 1n]), [...bad.map(() => 0), 1]);
  });

  void test("fresh randomness blinds: equal messages, different ciphertexts, inputs untouched", async () => {
    const messages = flat([7n, 7n, 7n], width.message);
    const copy = messages.slice();
    const encrypted = await engine.encrypt(engineKeyOf(publicKey), messages);
    assert.deepEqual(messages, copy);
    assert.equal(new Set(numbersOf(encrypted, width.ciphertext)).size, 3);
    const secret = engineSecretKeyOf(pair.secretKey);
    assert.deepEqual(await engine.decrypt(secret, encrypted), messages);
    assert.deepEqual(secret, engineSecretKeyOf(pair.secretKey), "the caller's key is not wiped");
  });

  void test("warm: a batch of many comes back in order, and like the textbook", async () => {
    const messages = Array.from({ length: 37 }, (_, i) => BigInt(i * i));
    const blindings = messages.map((m) => (m + 1n) * 0x1234567n);
    const key = engineKeyOf(publicKey);
    await engine.warm(key);
    const encrypted = await engine.encrypt(
      key,
      flat(messages, width.message),
      flat(blindings, width.blinding),
    );
    const expected = messages.map((m, i) => textbookBlind(publicKey, m, blindings[i] ?? 0n));
    assert.deepEqual(numbersOf(encrypted, width.ciphertext), expected);
    const sizes = [1, 20, 2, 14];
    const sums = await engine.product(key, encrypted, sizes);
    const plain = await engine.decrypt(engineSecretKeyOf(pair.secretKey), sums);
    let next = 0;
    const grouped = sizes.map((size) => messages.slice(next, (next += size)));
    assert.deepEqual(
      numbersOf(plain, width.message),
      grouped.map((group) => group.reduce((a, b) => a + b)),
    );
    const differences = await engine.subtract(key, encrypted, encrypted);
    assert.deepEqual(
      numbersOf(differences, width.ciphertext),
      messages.map(() => 1n),
    );
  });
}

function refuseMisuse(engine: Engine, createEngine: () => Engine): void {
  void test("nothing in, nothing out; wrong lengths and foreign factors are refused", async () => {
    const { publicKey, secretKey } = await loadTestKey2048();
    const key = engineKeyOf(publicKey);
    const secret = engineSecretKeyOf(secretKey);
    const width = itemBytes(2048);
    const none = new Uint8Array(0);
    const one = flat([1n], width.ciphertext);
    for (const empty of [
      engine.encrypt(key, none),
      engine.check(key, none),
      engine.product(key, none, []),
      engine.subtract(key, none, none),
      engine.scale(key, none, none),
      engine.decrypt(secret, none),
    ]) {
      assert.equal((await empty).length, 0);
    }
    for (const misuse of [
      () => engine.encrypt(key, new Uint8Array(width.message - 1)),
      () => engine.encrypt(key, new Uint8Array(width.message), new Uint8Array(width.blinding + 1)),
      () => engine.encrypt(key, new Uint8Array(width.message), none),
      () => engine.check(key, one.subarray(1)),
      () => engine.check(key, new Uint8Array((batchItemsMax + 1) * width.ciphertext)),
      () => engine.product(key, one, [2]),
      () => engine.product(key, one, [1, 0]),
      () => engine.subtract(key, one, none),
      () => engine.scale(key, flat([1n, 1n], width.ciphertext), new Uint8Array(3)),
      () => engine.decrypt(secret, one.subarray(1)),
    ]) {
      await assert.rejects(misuse, TypeError);
    }
    const invalid = { code: "PAILLIER_CIPHERTEXT_INVALID" };
    const p = flat([secretKey.p], width.ciphertext);
    await assert.rejects(() => engine.subtract(key, one, p), invalid);
    await assert.rejects(() => engine.decrypt(secret, p), invalid);
    await assert.rejects(() => engine.decrypt(secret, flat([0n], width.ciphertext)), invalid);
    assert.equal((await engine.check(key, one))[0], 1, "a refusal does not break the engine");
  });

  void test("a closed engine says so", async () => {
    const { publicKey } = await loadTestKey2048();
    const closing = createEngine();
    await closing.close();
    const message = new Uint8Array(itemBytes(2048).message);
    await assert.rejects(() => closing.encrypt(engineKeyOf(publicKey), message), {
      code: "PAILLIER_ENGINE_CLOSED",
    });
  });
}
