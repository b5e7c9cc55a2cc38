import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import * as fc from "fast-check";

import {
  combinePartials,
  createPortableEngine,
  dealThresholdKey,
  decryptBatch,
  encryptBatch,
  parseSecretShare,
  parseVerificationKey,
  partialDecrypt,
  product,
  requestItemsMax,
  serializeSecretShare,
  serializeVerificationKey,
  validateCiphertexts,
  verifyPartials,
  type Ceremony,
  type Ciphertext,
  type Engine,
  type Random,
  type SecretKey,
  type SecretShare,
  type SecretShareJson,
  type VerificationKeyJson,
  type VerifiedPartials,
} from "../src/index.ts";
import { createNativeEngine } from "../src/engine/native/native.ts";
import { isPrime, randomSafePrime } from "../src/platform/node.ts";
import { dealFrom } from "../src/threshold/ceremony.ts";
import { prove, statementOf } from "../src/threshold/proof.ts";
import { requestOf } from "../src/threshold/request.ts";
import { fixedKeysJson } from "./fixed-keys.ts";
import { flat, numbersOf } from "./flat-numbers.ts";
import { findAddonUnderTest } from "./native-addon.ts";
import { seededRandom } from "./seeded-random.ts";
import { raise } from "./textbook.ts";
import { dealTestKey, safePrimes, undivided } from "./threshold-keys.ts";
import { delta, partsOf, textbookHolds } from "./threshold-textbook.ts";

const found = findAddonUnderTest();
const portable = createPortableEngine();
let engine: Engine = portable;
let ceremony: Ceremony;
let secretKey: SecretKey;
before(async () => {
  if (found !== undefined) engine = await createNativeEngine(found.addon);
  ceremony = await dealTestKey({ threshold: 2, trustees: 3 });
  secretKey = await undivided(ceremony);
});
after(async () => {
  await portable.close();
  await engine.close();
});

const context = new TextEncoder().encode("request 1");
const encrypt = (messages: readonly bigint[], { publicKey }: Ceremony = ceremony) =>
  encryptBatch(engine, publicKey, messages);
const numberOf = ({ bytes }: Ciphertext) => numbersOf(bytes, bytes.length)[0] ?? 0n;

function shareOf({ shares }: Ceremony, trustee: number): SecretShare {
  const share = shares[trustee - 1];
  assert.ok(share);
  return share;
}

const answer = (trustee: number, ciphertexts: readonly Ciphertext[], random?: Random) =>
  partialDecrypt(engine, shareOf(ceremony, trustee), ciphertexts, context, random);

const judge = (trustee: number, ciphertexts: readonly Ciphertext[], message: Uint8Array) =>
  verifyPartials(engine, ceremony.verification, trustee, ciphertexts, context, message);

async function verifiedAnswers(
  from: Ceremony,
  trustees: readonly number[],
  ciphertexts: readonly Ciphertext[],
): Promise<VerifiedPartials[]> {
  const answers: VerifiedPartials[] = [];
  for (const trustee of trustees) {
    const share = shareOf(from, trustee);
    const message = await partialDecrypt(engine, share, ciphertexts, context);
    const key = from.verification;
    const verdict = await verifyPartials(engine, key, trustee, ciphertexts, context, message);
    assert.ok(verdict.ok);
    answers.push(verdict.verified);
  }
  return answers;
}

/** n·p′·q′ of the key, which nobody knows after the ceremony. */
const orderOfSquares = () =>
  safePrimes(2048).reduce((m, p) => (m * (p - 1n)) / 2n, ceremony.publicKey.n);

/** All sets of `size` of the items, in order. */
function subsets<Item>(items: readonly Item[], size: number): Item[][] {
  if (size === 0) return [[]];
  return items.flatMap((first, i) =>
    subsets(items.slice(i + 1), size - 1).map((others) => [first, ...others]),
  );
}

describe("t of n", () => {
  for (const [threshold, trustees] of [
    [2, 2],
    [2, 3],
    [2, 4],
    [3, 5],
    [4, 16],
  ] as const) {
    test(`every ${threshold} of ${trustees} find the plaintexts, fewer do not`, async () => {
      const dealt = await dealTestKey({ threshold, trustees });
      const { publicKey, verification } = dealt;
      const plaintexts = [0n, 1n, publicKey.n - 1n];
      const ciphertexts = await encrypt(plaintexts, dealt);
      const some = trustees <= 5 ? trustees : 5; // of 16 the first two and the last three
      const taking = Array.from({ length: some }, (_, i) =>
        i < 2 ? i + 1 : trustees - some + i + 1,
      );
      const answers = await verifiedAnswers(dealt, taking, ciphertexts);
      const combine = (chosen: readonly VerifiedPartials[]) =>
        combinePartials(engine, verification, ciphertexts, context, chosen);
      for (const chosen of [...subsets(answers, threshold), answers, [...answers].reverse()]) {
        assert.deepEqual(await combine(chosen), { ok: true, plaintexts });
      }
      for (const chosen of subsets(answers, threshold - 1)) {
        const refused = { ok: false, code: "THRESHOLD_TOO_FEW", missing: 1 };
        assert.deepEqual(await combine(chosen), refused);
      }
    });
  }

  test("the sum under encryption, and what one key in one hand decrypts", async () => {
    const { publicKey, verification } = ceremony;
    const message = fc.bigInt(0n, publicKey.n - 1n);
    const law = fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 5 }),
      fc.subarray([1, 2, 3], { minLength: 2 }),
      async (messages, trustees) => {
        const ciphertexts = await encrypt(messages);
        const all = [await product(engine, publicKey, ciphertexts), ...ciphertexts];
        const answers = await verifiedAnswers(ceremony, trustees, all);
        const result = await combinePartials(engine, verification, all, context, answers);
        const sum = messages.reduce((a, b) => a + b) % publicKey.n;
        assert.deepEqual(result, { ok: true, plaintexts: [sum, ...messages] });
        assert.deepEqual(await decryptBatch(engine, secretKey, all), [sum, ...messages]);
      },
    );
    await fc.assert(law, { numRuns: 4 });
  });

  test("answers are combined once for each trustee, and for the request they were given to", async () => {
    const [first, second] = await encrypt([1n, 2n]);
    assert.ok(first && second);
    const [one, three] = await verifiedAnswers(ceremony, [1, 3], [first]);
    assert.ok(one && three);
    const combine = (ciphertext: Ciphertext, about: Uint8Array, answers: VerifiedPartials[]) =>
      combinePartials(engine, ceremony.verification, [ciphertext], about, answers);
    const twice = { ok: false, code: "THRESHOLD_SHARE_DUPLICATE", trustee: 1 };
    assert.deepEqual(await combine(first, context, [one, one]), twice);
    assert.deepEqual(await combine(first, context, [one, three, one]), twice);
    const other = { ok: false, code: "THRESHOLD_SHARE_INVALID", trustee: 3 };
    assert.deepEqual(await combine(second, context, [three, one]), other);
    assert.deepEqual(await combine(first, new Uint8Array(0), [three, one]), other);
  });
});

describe("answers", () => {
  let ciphertexts: Ciphertext[];
  let honest: Uint8Array;
  before(async () => {
    ciphertexts = await encrypt([5n, 6n, 7n]);
    honest = await answer(2, ciphertexts);
  });

  test("by the textbook: the proof holds, for its trustee alone, and the power is right", async () => {
    const { verification, publicKey } = ceremony;
    const single = ciphertexts.slice(0, 1);
    const message = await answer(2, single);
    assert.ok((await judge(2, single, message)).ok);
    const [c = 0n] = single.map(numberOf);
    assert.ok(textbookHolds(verification, 2, [c], context, message));
    assert.ok(!textbookHolds(verification, 3, [c], context, message));
    const exponent = 2n * delta(verification) * shareOf(ceremony, 2).secret;
    assert.deepEqual(partsOf(verification, message).partials, [raise(c, exponent, publicKey.n2)]);
  });

  /** Writes `bytes` at `offset`, counted from the end when negative. */
  const patched = (offset: number, ...bytes: number[]) => {
    const copy = honest.slice();
    copy.set(bytes, offset < 0 ? copy.length + offset : offset);
    return copy;
  };
  const withPartial = (number: (c: bigint, n: bigint) => bigint) => {
    const { verification, publicKey } = ceremony;
    const { partials, zEnd } = partsOf(verification, honest);
    const [first = 0n, ...others] = partials;
    const changed = flat([number(first, publicKey.n), ...others], 512);
    return Buffer.concat([honest.subarray(0, zEnd), changed]);
  };
  const flipped = (offset: number) => patched(offset, (honest.at(offset) ?? 0) ^ 1);
  const forgeries: [string, () => Uint8Array][] = [
    ["nothing", () => new Uint8Array(0)],
    ["the version alone", () => honest.slice(0, 1)],
    ["a header alone", () => honest.slice(0, 36)],
    ["cut by a byte", () => honest.slice(0, -1)],
    ["cut by a ciphertext", () => honest.slice(0, -512)],
    ["a byte more", () => Buffer.concat([honest, Uint8Array.of(0)])],
    ["a byte more at the start", () => Buffer.concat([Uint8Array.of(1), honest])],
    ["another version", () => patched(0, 2)],
    ["another trustee's name", () => patched(33, 1)],
    ["another count", () => patched(34, 0, 2)],
    ["another challenge", () => flipped(36)],
    ["another challenge, at its end", () => flipped(67)],
    ["another response", () => flipped(68 + 300)],
    ["a response of all bits", () => patched(68, ...Array.from({ length: 64 }, () => 255))],
    [
      "a response that is right, and out of range",
      () => {
        const { z, zEnd } = partsOf(ceremony.verification, honest);
        const number = flat([z + (orderOfSquares() << 391n)], zEnd - 68);
        return patched(68, ...number);
      },
    ],
    ["another partial", () => flipped(-1)],
    ["a partial of 0", () => withPartial(() => 0n)],
    ["a partial of 1", () => withPartial(() => 1n)],
    ["a partial of n", () => withPartial((_, n) => n)],
    ["a partial of n² − 1", () => withPartial((_, n) => n ** 2n - 1n)],
    ["a partial of the other sign", () => withPartial((c, n) => n ** 2n - c)],
    ["a partial of n² and more", () => withPartial((_, n) => n ** 2n + 1n)],
    ["a partial that shares a factor with n", () => withPartial(() => safePrimes(2048)[0])],
    [
      "partials exchanged",
      () => {
        const [a, b] = [honest.slice(-1024, -512), honest.slice(-512)];
        return Buffer.concat([honest.slice(0, -1024), b, a]);
      },
    ],
    [
      "random bytes",
      () => Buffer.concat([honest.slice(0, 36), seededRandom("x")(honest.length - 36)]),
    ],
  ];
  for (const [what, forge] of forgeries) {
    test(`refused, and the trustee named: ${what}`, async () => {
      assert.deepEqual(await judge(2, ciphertexts, forge()), {
        ok: false,
        code: "THRESHOLD_SHARE_INVALID",
        trustee: 2,
      });
    });
  }

  test("refused, and the trustee named: an answer to anything else", async () => {
    const others = await encrypt([5n, 6n, 7n]);
    const { verification: key } = ceremony;
    const about = new TextEncoder().encode("request 2");
    const [first, second, third] = ciphertexts;
    assert.ok(first && second && third);
    const verdicts = {
      "other ciphertexts": await judge(2, others, honest),
      "the same in another order": await judge(2, [second, first, third], honest),
      "some of them": await judge(2, [first, second], honest),
      "another context": await verifyPartials(engine, key, 2, ciphertexts, about, honest),
      "another trustee": await judge(3, ciphertexts, honest),
      "another trustee, renamed": await judge(3, ciphertexts, patched(33, 3)),
    };
    for (const [what, verdict] of Object.entries(verdicts)) {
      assert.deepEqual(
        { ...verdict, trustee: 0 },
        {
          ok: false,
          code: "THRESHOLD_SHARE_INVALID",
          trustee: 0,
        },
        what,
      );
    }
    assert.equal(verdicts["another trustee"].ok || verdicts["another trustee"].trustee, 3);
  });

  test("refused: a proof of a share that the verification key does not know", async () => {
    const share = shareOf(ceremony, 2);
    for (const secret of [share.secret + 1n, shareOf(ceremony, 1).secret, 0n]) {
      const wrong = { ...share, secret };
      const message = await partialDecrypt(engine, wrong, ciphertexts, context);
      assert.ok(!(await judge(2, ciphertexts, message)).ok);
    }
  });

  test("refused: two wrong partials that make up for each other in a product", async () => {
    const { verification: key, publicKey } = ceremony;
    const { n2 } = publicKey;
    const share = shareOf(ceremony, 2);
    const [a = 0n, b = 0n, c = 0n] = partsOf(key, honest).partials;
    const inverse = raise(key.v, orderOfSquares() - 1n, n2);
    const wrong = [(a * key.v) % n2, (b * inverse) % n2, c];
    assert.equal(((wrong[0] ?? 0n) * (wrong[1] ?? 0n)) % n2, (a * b) % n2);
    const partials = flat(wrong, 512);
    const request = await requestOf(key, ciphertexts, context);
    const statement = await statementOf(engine, request, 2, partials);
    const { challenge, response } = await prove(engine, share, statement, seededRandom("forger"));
    const message = Buffer.concat([honest.subarray(0, 36), challenge, response, partials]);
    assert.ok(!(await judge(2, ciphertexts, message)).ok);
  });

  test("refused by name: shares and ciphertexts of another ceremony", async () => {
    const { publicKey, verification, shares } = await dealTestKey({
      threshold: 2,
      trustees: 3,
      which: 1,
    });
    assert.notEqual(publicKey.id, ceremony.publicKey.id);
    const wrongKey = { code: "PAILLIER_WRONG_KEY" };
    const [share] = shares;
    assert.ok(share);
    await assert.rejects(partialDecrypt(engine, share, ciphertexts, context), wrongKey);
    await assert.rejects(
      verifyPartials(engine, verification, 1, ciphertexts, context, honest),
      wrongKey,
    );
    await assert.rejects(combinePartials(engine, verification, ciphertexts, context, []), wrongKey);
    const theirs = await encryptBatch(engine, publicKey, [5n, 6n, 7n]);
    const message = await partialDecrypt(engine, share, theirs, context);
    const verdict = await judge(1, ciphertexts, message);
    assert.deepEqual(verdict, { ok: false, code: "PAILLIER_WRONG_KEY", trustee: 1 });
  });

  test("a request has 1 to 1020 ciphertexts, and trustees have numbers", async () => {
    const [ciphertext] = ciphertexts;
    assert.ok(ciphertext);
    const tooMany = Array.from({ length: requestItemsMax + 1 }, () => ciphertext);
    await assert.rejects(answer(1, []), TypeError);
    await assert.rejects(answer(1, tooMany), TypeError);
    for (const trustee of [0, 4, 1.5]) {
      await assert.rejects(judge(trustee, ciphertexts, honest), TypeError);
    }
  });
});

describe("the proof's nonce", () => {
  const random = seededRandom("nonces");
  const number = (bits: number) =>
    BigInt.asUintN(bits, BigInt(`0x${Buffer.from(random(Math.ceil(bits / 8))).toString("hex")}`));
  const bitsOf = (value: bigint) => (value < 0n ? -value : value).toString(2).length;
  /** The attack: z = r + e·x, so z/e is x up to r/e. Leading bits of x that it gives away. */
  const leakedBits = (x: bigint, e: bigint, z: bigint) =>
    Math.max(0, bitsOf(x) - bitsOf(z / e - x));
  /** 2|n| + |Δ| + 384 for three trustees and 2048 bits: Δ = 6 has 3. */
  const fullBits = 2 * 2048 + 3 + 384;
  let x: bigint;
  before(() => {
    x = delta(ceremony.verification) * shareOf(ceremony, 1).secret;
  });

  test("the attack finds the top of the share in proofs with short nonces", () => {
    for (const [nonceBits, leaked] of [
      [2048 + 3 + 384, 1800], // |n| counted once: nearly half of the share
      [2 * 2048 + 3, 240],
      [fullBits - 256, 110],
    ] as const) {
      const e = number(256) | (1n << 255n);
      const z = number(nonceBits) + e * x;
      const found = leakedBits(x, e, z);
      assert.ok(found >= leaked, `${found} bits from a nonce of ${nonceBits} bits`);
      assert.equal((z / e) >> BigInt(bitsOf(x) - leaked + 2), x >> BigInt(bitsOf(x) - leaked + 2));
    }
  });

  test("it is of 2|n| + |Δ| + 384 bits: the attack finds nothing, and no z is short", async () => {
    const ciphertexts = await encrypt([1n]);
    const responses: bigint[] = [];
    for (let i = 0; i < 24; i++) {
      const { e, z } = partsOf(ceremony.verification, await answer(1, ciphertexts, random));
      assert.equal(leakedBits(x, e, z), 0);
      assert.ok(bitsOf(z) <= fullBits + 1);
      responses.push(z);
    }
    // One bit less, and none of 24 would reach half of the range; so, each does with one half.
    const reaching = responses.filter((z) => bitsOf(z) >= fullBits).length;
    assert.ok(reaching >= 4 && reaching <= 20, `${reaching} of 24 reach the top bit`);
  });

  test("a random source that repeats itself does not give the share away", async () => {
    const [first, second] = await encrypt([1n, 2n]);
    assert.ok(first && second);
    const repeating: Random = (length) => new Uint8Array(length);
    const messages = [
      await answer(1, [first], repeating),
      await answer(1, [first], repeating),
      await answer(1, [second], repeating),
    ];
    assert.deepEqual(messages[0], messages[1]);
    const [a, , b] = messages.map((message) => partsOf(ceremony.verification, message));
    assert.ok(a && b && a.e !== b.e);
    assert.notEqual((a.z - b.z) / (a.e - b.e), x); // what one nonce for two proofs would give
  });
});

describe("ceremony", () => {
  const invalid = { name: "PaillierError", code: "PAILLIER_KEY_INVALID" };

  test("takes sizes and quorums that make sense, before it does any work", async () => {
    const quorum = { threshold: 2, trustees: 3 };
    const tooShort = { code: "PAILLIER_KEY_TOO_SHORT" };
    await assert.rejects(dealThresholdKey({ ...quorum, bits: 1024 }), tooShort);
    for (const bits of [2049, 4224, 8192]) {
      await assert.rejects(dealThresholdKey({ ...quorum, bits }), invalid);
    }
    for (const [threshold, trustees] of [
      [1, 3],
      [0, 3],
      [4, 3],
      [2, 17],
      [1.5, 3],
      [2, Number.NaN],
    ] as const) {
      await assert.rejects(dealThresholdKey({ threshold, trustees }), TypeError);
    }
  });

  test("takes safe primes only, from the platform", async () => {
    const p = await randomSafePrime(256);
    assert.equal(p.toString(2).length, 256);
    assert.ok((await isPrime(p)) && (await isPrime((p - 1n) / 2n)));
    const [{ p: plain, q }] = fixedKeysJson; // Blum primes, and no more
    const left = [plain, q].map((hex) => BigInt(`0x${hex}`));
    const deal = dealFrom(async () => left.pop() ?? 0n, { bits: 2048, threshold: 2, trustees: 2 });
    await assert.rejects(deal, invalid);
  });

  test("is fresh with its randomness, and v generates the squares modulo n²", async () => {
    const fresh = await dealTestKey({
      threshold: 2,
      trustees: 3,
      random: seededRandom("another ceremony"),
    });
    assert.notEqual(fresh.publicKey.id, ceremony.publicKey.id); // the same n, another hs
    const order = orderOfSquares();
    for (const { v, publicKey } of [ceremony.verification, fresh.verification]) {
      assert.equal(raise(v, order, publicKey.n2), 1n);
      for (const p of safePrimes(2048)) {
        for (const prime of [p, (p - 1n) / 2n]) {
          assert.notEqual(raise(v, order / prime, publicKey.n2), 1n);
        }
      }
    }
  });

  test("tells how far it is, and replays from its randomness", async () => {
    const steps: string[] = [];
    const progress = (done: number, all: number) => steps.push(`${done}/${all}`);
    const again = await dealTestKey({ threshold: 2, trustees: 3, progress });
    assert.deepEqual(steps, ["1/5", "2/5", "3/5", "4/5", "5/5"]);
    assert.deepEqual(again, ceremony);
  });
});

describe("files", () => {
  let json: VerificationKeyJson;
  let shareJson: SecretShareJson;
  let otherJson: VerificationKeyJson;
  before(async () => {
    json = serializeVerificationKey(ceremony.verification);
    shareJson = serializeSecretShare(shareOf(ceremony, 2));
    const other = await dealTestKey({ threshold: 2, trustees: 3, which: 1 });
    otherJson = serializeVerificationKey(other.verification);
  });
  const invalid = { name: "PaillierError", code: "PAILLIER_KEY_INVALID" };
  const turned = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
  const clone = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

  test("round trip", async () => {
    assert.deepEqual(await parseVerificationKey(clone(json)), ceremony.verification);
    for (const share of ceremony.shares) {
      const parsed = parseSecretShare(ceremony.verification, clone(serializeSecretShare(share)));
      assert.deepEqual(parsed, share);
    }
  });

  const [one, n2] = [`${"0".repeat(1023)}1`, "f".repeat(1024)];
  const badKeys: [string, () => unknown][] = [
    ["null", () => null],
    ["another kind", () => ({ ...json, kind: "paillier-public-key" })],
    ["another version", () => ({ ...json, version: 2 })],
    ["an unknown field", () => ({ ...json, note: "" })],
    ["a missing field", () => clone({ ...json, v: undefined })],
    ["the public key's id alone", () => ({ ...json, publicKey: json.publicKey.id })],
    ["another public key", () => ({ ...json, publicKey: otherJson.publicKey })],
    ["threshold 1", () => ({ ...json, threshold: 1 })],
    ["threshold 4 of 3", () => ({ ...json, threshold: 4 })],
    ["threshold 3, where it is 2", () => ({ ...json, values: json.values.slice(1), threshold: 2 })],
    ["a threshold in words", () => ({ ...json, threshold: "2" })],
    ["no values", () => ({ ...json, values: [] })],
    ["17 values", () => ({ ...json, values: Array.from({ length: 17 }, () => json.values[0]) })],
    ["a value of 1", () => ({ ...json, values: [one, ...json.values.slice(1)] })],
    ["a value over n²", () => ({ ...json, values: [n2, ...json.values.slice(1)] })],
    ["a value that is no text", () => ({ ...json, values: [1, ...json.values.slice(1)] })],
    ["a value turned", () => ({ ...json, values: json.values.map(turned) })],
    [
      "the last value turned",
      () => {
        const [a, b, c = ""] = json.values;
        return { ...json, values: [a, b, turned(c)] };
      },
    ],
    ["values exchanged", () => ({ ...json, values: [...json.values].reverse() })],
    ["values of another ceremony", () => ({ ...json, values: otherJson.values })],
    ["a short v", () => ({ ...json, v: json.v.slice(2) })],
  ];
  for (const [what, candidate] of badKeys) {
    test(`verification key refused: ${what}`, async () => {
      await assert.rejects(parseVerificationKey(candidate()), invalid);
    });
  }

  const badShares: [string, () => unknown][] = [
    ["a string", () => "{}"],
    ["a verification key", () => json],
    ["another trustee's name", () => ({ ...shareJson, trustee: 3 })],
    ["trustee 0", () => ({ ...shareJson, trustee: 0 })],
    ["trustee 4", () => ({ ...shareJson, trustee: 4 })],
    ["trustee 1.5", () => ({ ...shareJson, trustee: 1.5 })],
    ["a trustee in words", () => ({ ...shareJson, trustee: "2" })],
    ["another key's id", () => ({ ...shareJson, id: otherJson.publicKey.id })],
    ["a share turned", () => ({ ...shareJson, share: turned(shareJson.share) })],
    ["a share of 0", () => ({ ...shareJson, share: "0".repeat(1024) })],
    ["a short share", () => ({ ...shareJson, share: shareJson.share.slice(2) })],
    ["upper case", () => ({ ...shareJson, share: shareJson.share.toUpperCase() })],
    ["an extra field", () => ({ ...shareJson, d: "" })],
  ];
  for (const [what, candidate] of badShares) {
    test(`share refused: ${what}`, () => {
      assert.throws(() => parseSecretShare(ceremony.verification, candidate()), invalid);
    });
  }
});

/** With SMARTER_METERING_E2E=full the portable engine as well, which takes seconds for a proof of this size. */
const isFull = process.env["SMARTER_METERING_E2E"] === "full";

describe("vector, 2 of 3 at 3072 bits", () => {
  type Vector = {
    readonly verification: VerificationKeyJson;
    readonly shares: readonly SecretShareJson[];
    readonly plaintexts: readonly string[];
    readonly ciphertexts: readonly string[];
    readonly context: string;
    readonly answers: readonly string[];
  };
  const file = new URL("threshold-vector.json", import.meta.url);
  const vector = JSON.parse(readFileSync(file, "utf8")) as Vector;
  const bytes = (hex = "") => new Uint8Array(Buffer.from(hex, "hex"));

  test("the same bytes from each engine, and the plaintexts from any two answers", async () => {
    const key = await parseVerificationKey(vector.verification);
    const about = bytes(vector.context);
    const candidates = vector.ciphertexts.map(bytes);
    const verdicts = await validateCiphertexts(engine, key.publicKey, candidates);
    const ciphertexts = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.ciphertext] : []));
    const plaintexts = vector.plaintexts.map((hex) => BigInt(`0x${hex}`));
    assert.equal(ciphertexts.length, plaintexts.length);
    const verified: VerifiedPartials[] = [];
    for (const [i, json] of vector.shares.entries()) {
      const share = parseSecretShare(key, json);
      const expected = bytes(vector.answers[i]);
      for (const each of i === 0 && isFull ? new Set([engine, portable]) : [engine]) {
        const random = seededRandom(`answer of ${share.trustee}`);
        const message = await partialDecrypt(each, share, ciphertexts, about, random);
        assert.deepEqual(message, expected, each.name);
        const verdict = await verifyPartials(each, key, i + 1, ciphertexts, about, message);
        assert.ok(verdict.ok);
        if (each === engine) verified.push(verdict.verified);
      }
    }
    for (const two of subsets(verified, 2)) {
      const result = await combinePartials(engine, key, ciphertexts, about, two);
      assert.deepEqual(result, { ok: true, plaintexts });
    }
    const numbers = ciphertexts.map(numberOf);
    assert.ok(textbookHolds(key, 1, numbers, about, bytes(vector.answers[0])));
  });
});
