import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import {
  generateKeyPair,
  parsePublicKey,
  parseSecretKey,
  serializePublicKey,
  serializeSecretKey,
  type KeyPair,
} from "../src/index.ts";
import { bitLength } from "../src/big-endian.ts";
import {
  findBlumPrime,
  gcd,
  inverse,
  isProbablePrime,
  power,
  randomBelow,
} from "../src/modular.ts";
import { fixedKeysJson, loadTestKey2048 } from "./fixed-keys.ts";
import { seededRandom } from "./seeded-random.ts";
import { raise } from "./textbook.ts";

const [json, otherJson] = fixedKeysJson;
const publicJson = { kind: "paillier-public-key", version: 1, id: json.id, n: json.n, hs: json.hs };
const invalid = "PAILLIER_KEY_INVALID";
const tooShort = "PAILLIER_KEY_TOO_SHORT";
const turned = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
const hexOf = (value: bigint, bytes: number) => value.toString(16).padStart(2 * bytes, "0");

describe("generateKeyPair", () => {
  test("a fresh key of exactly 2048 bits keeps every promise", async () => {
    const { publicKey, secretKey } = await generateKeyPair({ bits: 2048 });
    const { n, n2, hs, bits } = publicKey;
    const { p, q } = secretKey;
    assert.equal(p * q, n);
    assert.equal(n * n, n2);
    assert.deepEqual([bits, bitLength(n), bitLength(p), bitLength(q)], [2048, 2048, 1024, 1024]);
    assert.deepEqual([p % 4n, q % 4n], [3n, 3n]);
    assert.equal(gcd(p - 1n, q - 1n), 2n);
    for (const prime of [p, q]) {
      assert.equal(raise(hs, prime - 1n, prime * prime), 1n, "hs is an n-th residue");
      assert.equal(raise(hs, (prime - 1n) / 2n, prime), prime - 1n, "h is a non-residue");
    }
    const again = await parseSecretKey(JSON.parse(JSON.stringify(serializeSecretKey(secretKey))));
    assert.deepEqual(again, secretKey);
    assert.deepEqual(await parsePublicKey(serializePublicKey(publicKey)), publicKey);
  });

  test("refuses short and crooked sizes before it does any work", async () => {
    for (const bits of [0, 512, 1024, 2047]) {
      await assert.rejects(generateKeyPair({ bits }), { code: tooShort });
    }
    for (const bits of [2049, 3073, 16_384, Number.NaN, Infinity]) {
      await assert.rejects(generateKeyPair({ bits }), { code: invalid });
    }
  });
});

describe("key format", () => {
  let key: KeyPair;
  before(async () => {
    key = await loadTestKey2048();
  });

  test("round trip", async () => {
    assert.deepEqual(serializePublicKey(key.publicKey), publicJson);
    assert.deepEqual(serializeSecretKey(key.secretKey), json);
    assert.deepEqual(await parsePublicKey(publicJson), key.publicKey);
  });

  const bad: [string, unknown, string][] = [
    ["null", null, invalid],
    ["a string", "{}", invalid],
    ["another kind", { ...publicJson, kind: "paillier-secret-key" }, invalid],
    ["another version", { ...publicJson, version: 2 }, invalid],
    ["an unknown field", { ...publicJson, note: "x" }, invalid],
    ["a missing field", { ...publicJson, hs: undefined }, invalid],
    ["a number", { ...publicJson, n: 15 }, invalid],
    ["empty n", { ...publicJson, n: "" }, invalid],
    ["upper case", { ...publicJson, n: json.n.toUpperCase() }, invalid],
    ["a leading 0x", { ...publicJson, n: `0x${json.n.slice(2)}` }, invalid],
    ["a leading zero byte", { ...publicJson, n: `00${json.n}`, hs: `0000${json.hs}` }, invalid],
    ["odd digits", { ...publicJson, n: json.n.slice(1) }, invalid],
    ["n too long", { ...publicJson, n: "f".repeat(2050), hs: "1".repeat(4100) }, invalid],
    ["n of 1024 bits", { ...publicJson, n: json.n.slice(256), hs: json.hs.slice(512) }, tooShort],
    ["n of zero bits", { ...publicJson, n: "0".repeat(512) }, tooShort],
    ["another id", { ...publicJson, id: turned(json.id) }, invalid],
    ["the id of another key", { ...publicJson, id: otherJson.id }, invalid],
    ["hs of another key", { ...publicJson, hs: otherJson.hs }, invalid],
    ["hs = 0", { ...publicJson, hs: hexOf(0n, 512) }, invalid],
    ["hs = 1", { ...publicJson, hs: hexOf(1n, 512) }, invalid],
    ["hs = n", { ...publicJson, hs: hexOf(BigInt(`0x${json.n}`), 512) }, invalid],
    ["hs of n²", { ...publicJson, hs: hexOf(BigInt(`0x${json.n}`) ** 2n, 512) }, invalid],
    ["even n", { ...publicJson, n: `${json.n.slice(0, -1)}e` }, invalid],
  ];
  for (const [what, candidate, code] of bad) {
    test(`public key refused: ${what}`, async () => {
      await assert.rejects(parsePublicKey(candidate), { name: "PaillierError", code });
    });
  }

  const badSecret: [string, () => unknown][] = [
    ["a public key", () => publicJson],
    ["p of another key", () => ({ ...json, p: otherJson.p })],
    ["p turned", () => ({ ...json, p: turned(json.p) })],
    ["p = n, q = 1", () => ({ ...json, p: json.n, q: hexOf(1n, 256) })],
    ["p and q of another key", () => ({ ...json, p: otherJson.p, q: otherJson.q })],
    ["an extra field", () => ({ ...json, d: "00" })],
    ["a missing prime", () => ({ ...json, q: undefined })],
    ["p of the wrong width", () => ({ ...json, p: `00${json.p}` })],
  ];
  for (const [what, candidate] of badSecret) {
    test(`secret key refused: ${what}`, async () => {
      await assert.rejects(parseSecretKey(candidate()), { name: "PaillierError", code: invalid });
    });
  }

  test("secret key refused: hs that is no n-th residue, or a square", async () => {
    const { publicKeyOf, secretKeyOf } = await import("../src/keys.ts");
    const { n, n2, hs } = key.publicKey;
    const { p, q } = key.secretKey;
    for (const wrong of [(hs * (1n + n)) % n2, (hs * hs) % n2, 2n]) {
      const publicKey = await publicKeyOf(n, wrong);
      await assert.rejects(secretKeyOf(publicKey, p, q), { code: invalid });
    }
  });
});

describe("modular arithmetic", () => {
  test("primes from a seed replay, have the asked length and are 3 mod 4", () => {
    for (const bits of [64, 200, 256]) {
      const [first, again] = [1, 2].map(() => findBlumPrime(bits, seededRandom(`prime ${bits}`)));
      assert.equal(first, again);
      assert.ok(first !== undefined && bitLength(first) === bits && first % 4n === 3n);
    }
  });

  test("inverse and power agree with their definitions", () => {
    const random = seededRandom("modular");
    const modulus = (1n << 521n) - 1n; // a Mersenne prime
    for (let i = 0; i < 20; i++) {
      const a = randomBelow(modulus, random);
      assert.equal((a * (inverse(a, modulus) ?? 0n)) % modulus, 1n);
      const exponent = randomBelow(1n << BigInt(1 + 20 * i), random);
      assert.equal(power(a, exponent, modulus), raise(a, exponent, modulus));
    }
    assert.equal(power(5n, 0n, 7n), 1n);
    assert.equal(power(0n, 5n, 7n), 0n);
    assert.equal(inverse(6n, 9n), undefined);
    assert.equal(inverse(0n, 9n), undefined);
  });

  test("Miller-Rabin: primes pass, strong pseudoprimes and Carmichael numbers do not", () => {
    const random = seededRandom("miller-rabin");
    for (const prime of [104_729n, (1n << 127n) - 1n, (1n << 521n) - 1n]) {
      assert.equal(isProbablePrime(prime, random), true);
    }
    const carmichael = 3_825_123_056_546_413_051n; // strong pseudoprime to the bases 2 … 23
    for (const composite of [104_730n, 104_731n, carmichael, ((1n << 127n) - 1n) ** 2n]) {
      assert.equal(isProbablePrime(composite, random), false);
    }
  });
});
