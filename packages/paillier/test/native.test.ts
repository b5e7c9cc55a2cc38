/** The native engine, with every kernel that this machine can run, against the slow reference. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import * as fc from "fast-check";
import * as npm from "paillier-bigint";

import type { Kernel, NativeAddon } from "../src/engine/native/addon.ts";
import { loadAddon } from "../src/engine/native/load.ts";
import { createJobEngine } from "../src/engine/job-engine.ts";
import { createNativeEngine } from "../src/engine/native/native.ts";
import { createNativeRunner } from "../src/engine/native/runner.ts";
import { selfTest, selfTestDigest } from "../src/engine/native/self-test.ts";
import { createArithmetic } from "../src/engine/portable/arithmetic.ts";
import {
  createPortableEngine,
  engineKeyOf,
  engineSecretKeyOf,
  itemBytes,
  openEngine,
  type Engine,
} from "../src/index.ts";
import { engineConformance, type ConformanceOptions } from "./engine-conformance.ts";
import { engineKey, inverse, operationNames, publicOperations } from "./engine-operations.ts";
import type { OperationName, Operands } from "./engine-operations.ts";
import { loadTestKey2048 } from "./fixed-keys.ts";
import { flat, numbersOf } from "./flat-numbers.ts";
import { findAddonUnderTest } from "./native-addon.ts";
import { seededRandom } from "./seeded-random.ts";

/**
 * The two largest primes ≡ 3 mod 4 below 2^(bits/2), as what they are below it: moduli whose upper
 * half is all ones, where a carry that is lost shows.
 */
const stressPrimes: Readonly<Record<number, readonly [bigint, bigint]>> = {
  2048: [105n, 1_397n],
  2176: [89n, 3_873n],
  2560: [1_665n, 3_149n],
  3072: [3_453n, 4_977n],
  4096: [1_557n, 7_437n],
  8192: [2_549n, 14_477n],
};

function stressKey(bits: number): { p: bigint; q: bigint; n: bigint } {
  const below = stressPrimes[bits];
  assert(below !== undefined);
  const [p, q] = [2n ** BigInt(bits / 2) - below[0], 2n ** BigInt(bits / 2) - below[1]];
  return { p, q, n: p * q };
}

/** Numbers below `limit` where limbs of 52 and 64 bits are all ones or zero, and those next to n. */
function edgesBelow(limit: bigint, n: bigint, bits: number): bigint[] {
  const ones = [1, 51, 52, 63, 64, 104, 128, 520, 640, bits / 2, bits - 1, bits, 2 * bits];
  const limbs64 = BigInt(bits + 64);
  const limbs52 = 520n * BigInt(Math.ceil((bits + 16) / 520));
  const highOnes = (k: bigint) => (1n << BigInt(2 * bits)) - (1n << k);
  const powers = ones.map((k) => 1n << BigInt(k));
  const radices = [limbs64, 2n * limbs64, limbs52, 2n * limbs52].map((k) => (1n << k) % (n * n));
  const edges = [0n, 1n, 2n, n - 1n, n, n + 1n, 2n * n - 1n, n * n - n, n * n - n - 1n, n * n - 1n]
    .concat(
      powers,
      powers.map((power) => power - 1n),
      radices,
    )
    .concat((n >> 520n) << 520n, ((n >> 640n) << 640n) - 1n, highOnes(BigInt(bits)) % (n * n));
  return [...new Set(edges)].filter((edge) => edge >= 0n && edge < limit);
}

/** The largest `items` edges, paired with one another by rotation. */
function edgeOperands(bits: number, n: bigint, items: number): Operands {
  const n2 = n * n;
  const ciphertexts = edgesBelow(n2, n, bits).slice(-items);
  const units = ciphertexts.filter((c) => inverse(c, n) !== 0n);
  const fit = (list: readonly bigint[], by: number) =>
    ciphertexts.map((_, i) => list[(i + by) % list.length] ?? 0n);
  return {
    bits,
    n,
    hs: n2 - 4n,
    messages: fit(edgesBelow(n, n, bits), 1),
    blindings: fit([0n, 1n, 0xfffn, 1n << 63n, 1n << BigInt(bits / 2 - 1)], 2),
    ciphertexts,
    divisors: fit(units, 3),
    scalars: fit([0n, 1n, 0xffffffffffffffffn, 1n << 63n, 0x8000000000000001n, 7n], 0),
    scalarBytes: 8,
    groupSizes: [1, 2, 3, ciphertexts.length - 6],
    shiftBits: 52,
    exponent: (1n << 104n) - 1n,
    exponentBytes: 13,
  };
}

/** Moduli, with how many edges each. All of them take half a minute: `npm run test:e2e`. */
const isFull = process.env["SMARTER_METERING_E2E"] === "full";
const someSizes = [
  [2048, 24],
  [2176, 7],
] as const;
const allSizes = [...someSizes, [2560, 7], [3072, 10], [4096, 7], [8192, 7]] as const;

/** One lane each: fewer batches will do, and the two share all but a loop: fewer sizes. */
const conformanceOf: Readonly<Record<Kernel, ConformanceOptions>> = {
  ifma: isFull ? {} : { bits: [2048, 3072] },
  mulx: { bits: isFull ? [2048, 3072] : [2048], counts: [1, 2, 9] },
  generic: { bits: isFull ? [2048, 4096] : [2048], counts: [1, 2, 9] },
};

const found = findAddonUnderTest();
if (found !== undefined) testNative(found.addon);

describe("which engine", () => {
  test("the environment chooses; what it asks for and is not there is an error", async () => {
    assert.deepEqual(loadAddon("portable"), { reason: "SMARTER_METERING_ENGINE is portable" });
    const unavailable = { code: "PAILLIER_ENGINE_UNAVAILABLE" };
    for (const wanted of ["", "Native", "ifma"]) {
      assert.throws(() => loadAddon(wanted), unavailable);
    }
    const { engine, whyPortable } = await openEngine({ threads: 1 });
    assert.equal(engine.name.startsWith("portable"), whyPortable !== undefined);
    await engine.close();
  });
});

function testNative(addon: NativeAddon): void {
  const kernels = addon.kernels();
  for (const kernel of kernels) {
    const create = () => createNativeEngine(addon, { kernel });
    engineConformance(`native, ${kernel}`, create, conformanceOf[kernel]);
  }
  describe("native against the reference", () => {
    const engines = new Map<string, Engine>();
    before(async () => {
      engines.set("portable", createPortableEngine());
      for (const kernel of kernels) {
        engines.set(kernel, await createNativeEngine(addon, { kernel, threads: 2 }));
      }
    });
    after(async () => {
      for (const engine of engines.values()) await engine.close();
    });
    compareOnEdges(engines);
    compareAtRandom(engines);
  });
  testTables(addon);
  testSelfTest(addon, kernels);
  testInterop(addon);
}

/** Every engine's results of every operation are the reference's. */
async function compare(
  engines: ReadonlyMap<string, Engine>,
  operands: Operands,
  names: readonly OperationName[] = operationNames,
): Promise<void> {
  const width = itemBytes(operands.bits).ciphertext;
  for (const name of names) {
    const expected = publicOperations[name].reference(operands);
    for (const [kernel, engine] of engines) {
      const result = await publicOperations[name].run(engine, operands);
      assert.deepEqual(numbersOf(result, width), expected, `${name}, ${kernel}, ${operands.bits}`);
    }
  }
}

function compareOnEdges(engines: ReadonlyMap<string, Engine>): void {
  const native = () => new Map([...engines].filter(([name]) => name !== "portable"));

  test("edge operands: moduli of ones and of zeros", async () => {
    const [fastest] = native();
    assert(fastest !== undefined);
    const withTable: readonly OperationName[] = ["encrypt", "rerandomize", "blind"];
    const others = operationNames.filter((name) => !withTable.includes(name));
    for (const [bits, items] of isFull ? allSizes : someSizes) {
      const ones = edgeOperands(bits, stressKey(bits).n, items);
      const zeros = edgeOperands(bits, (1n << BigInt(bits - 1)) + 1n, 7);
      await compare(bits === 2048 ? engines : native(), ones, others);
      if (bits < 8192) await compare(native(), zeros, others);
      // Tables of large keys take slow kernels seconds.
      await compare(bits > 2176 ? new Map([fastest]) : native(), ones, withTable);
    }
  });

  test("edge ciphertexts decrypt alike; those that share a factor with n, nowhere", async () => {
    for (const bits of isFull ? [2048, 2176, 8192] : [2048, 2176]) {
      const { p, q, n } = stressKey(bits);
      const width = itemBytes(bits);
      const primes = { p: flat([p], width.blinding), q: flat([q], width.blinding) };
      const secret = { id: `stress ${bits}`, bits, ...primes };
      const all = [n - 1n, (1n << BigInt(bits - 1)) - 1n, 0n, 1n, p, q];
      const messages = bits > 4096 ? all.slice(0, 2) : all;
      const plain = messages.map((m) => 1n + n * m);
      const edges = edgesBelow(n * n, n, bits).filter((c) => inverse(c, n) !== 0n);
      const units = bits > 4096 ? plain : [...plain, ...edges.slice(-20)];
      const sealed = flat(units, width.ciphertext);
      const expected =
        bits > 4096
          ? flat(messages, width.message)
          : await engines.get("portable")?.decrypt(secret, sealed);
      for (const [kernel, engine] of native()) {
        assert.deepEqual(await engine.decrypt(secret, sealed), expected, `${kernel}, ${bits}`);
        for (const bad of bits > 2048 ? [q * q] : [0n, n, n - p, p, q * q, n * n - q]) {
          for (const batch of bits > 2048 ? [[bad]] : [[bad], [1n, 1n, 1n, bad]]) {
            const attempt = engine.decrypt(secret, flat(batch, width.ciphertext));
            const invalid = { code: "PAILLIER_CIPHERTEXT_INVALID" };
            await assert.rejects(attempt, invalid, `${kernel}, ${bits}`);
          }
        }
      }
    }
  });
}

function compareAtRandom(engines: ReadonlyMap<string, Engine>): void {
  const sizes = [2048, 2176, 2304, 2560, 3072];
  const cases = fc.record({
    bits: fc.constantFrom(...sizes),
    count: fc.integer({ min: 1, max: 20 }),
    seed: fc.nat(),
    scalarBytes: fc.integer({ min: 1, max: 9 }),
    shiftBits: fc.integer({ min: 1, max: 70 }),
    exponentBytes: fc.integer({ min: 1, max: 20 }),
    cut: fc.integer({ min: 1, max: 20 }),
  });

  test("any modulus, any numbers: native and portable give the same bytes", async () => {
    const property = fc.asyncProperty(cases, async (c) => {
      const random = seededRandom(`differential ${c.seed}`);
      const drawn = (bytes: number) => BigInt(`0x${Buffer.from(random(bytes)).toString("hex")}`);
      const n = drawn(c.bits / 8) | (1n << BigInt(c.bits - 1)) | 1n;
      const edges = edgesBelow(n * n, n, c.bits);
      // One number in four is an edge.
      const pick = (bytes: number, below: bigint) => {
        const [coin = 0] = random(2);
        return (coin < 64 ? (edges[coin % edges.length] ?? 0n) : drawn(bytes)) % below;
      };
      const many = <T>(make: () => T) => Array.from({ length: c.count }, make);
      const scalarLimit = 1n << BigInt(8 * c.scalarBytes);
      const left = c.count - Math.min(c.cut, c.count);
      const operands: Operands = {
        bits: c.bits,
        n,
        hs: 1n << BigInt(1 + (c.seed % c.bits)), // a unit
        messages: many(() => pick(c.bits / 8, n)),
        blindings: many(() => drawn(c.bits / 16)),
        ciphertexts: many(() => pick(c.bits / 4, n * n)),
        divisors: many(() => 1n << (drawn(2) % BigInt(2 * c.bits - 1))), // units
        scalars: many(() => pick(c.scalarBytes, scalarLimit)),
        scalarBytes: c.scalarBytes,
        groupSizes: left === 0 ? [c.count] : [c.count - left, left],
        shiftBits: c.shiftBits,
        exponent: pick(c.exponentBytes, 1n << BigInt(8 * c.exponentBytes)),
        exponentBytes: c.exponentBytes,
      };
      const portable = engines.get("portable");
      assert(portable !== undefined);
      for (const name of operationNames) {
        const { run } = publicOperations[name];
        const expected = Buffer.from(await run(portable, operands));
        for (const [kernel, engine] of engines) {
          if (engine === portable) continue;
          assert.ok(expected.equals(await run(engine, operands)), `${name}, ${kernel}`);
        }
      }
      const key = engineKey(operands);
      const any = flat(operands.ciphertexts, c.bits / 4);
      const verdicts = operands.ciphertexts.map((x) => (inverse(x, n) === 0n ? 0 : 1));
      for (const [name, engine] of engines) {
        assert.deepEqual([...(await engine.check(key, any))], verdicts, name);
      }
    });
    await fc.assert(property, { numRuns: 2 });
  });
}

function testTables(addon: NativeAddon): void {
  test("tables for encryption with the primes are built once, and not for an empty batch", async () => {
    const operations: string[] = [];
    const counting: NativeAddon = {
      ...addon,
      run: (operation, ...rest) => {
        operations.push(operation);
        return addon.run(operation, ...rest);
      },
    };
    const [kernel = "generic"] = addon.kernels();
    const runner = createNativeRunner(counting, { kernel, threads: 2, jobsMax: 4 });
    const engine = createJobEngine("counting", runner);
    const { publicKey, secretKey } = await loadTestKey2048();
    const keys = [engineSecretKeyOf(secretKey), engineKeyOf(publicKey)] as const;
    await engine.encryptSecret(...keys, new Uint8Array(0));
    assert.deepEqual(operations, []);
    const message = flat([1n], itemBytes(2048).message);
    await Promise.all([1, 2, 3].map(() => engine.encryptSecret(...keys, message)));
    const built = operations.filter((operation) => operation === "buildSecretTables");
    assert.deepEqual([built.length, operations.length], [1, 4]);
    await engine.close();
  });
}

function testSelfTest(addon: NativeAddon, kernels: readonly Kernel[]): void {
  describe("self-test", () => {
    test("its digest is the portable engine's, whatever the kernel", async () => {
      const arithmetic = createArithmetic();
      const expected = await selfTestDigest({
        run: async (job) => arithmetic.run(job),
        warm: async () => {},
        close: async () => {},
      });
      for (const kernel of kernels) {
        const runner = createNativeRunner(addon, { kernel, threads: 1, jobsMax: 4 });
        assert.equal(await selfTestDigest(runner), expected, kernel);
        await runner.close();
        await selfTest(addon, kernel);
      }
    });

    test("an addon with one bit wrong in one operation does not become an engine", async () => {
      for (const broken of ["encrypt", "product", "check", "power", "decrypt"]) {
        const turned: NativeAddon = {
          ...addon,
          run: async (operation, ...rest) => {
            const result = await addon.run(operation, ...rest);
            const last = result.length - 1;
            if (operation === broken) result[last] = (result[last] ?? 0) ^ 1;
            return result;
          },
        };
        const unavailable = { code: "PAILLIER_ENGINE_UNAVAILABLE" };
        await assert.rejects(selfTest(turned, kernels[0] ?? "generic"), unavailable, broken);
      }
    });
  });
}

function testInterop(addon: NativeAddon): void {
  test("paillier-bigint decrypts ours, and we theirs", async () => {
    const engine = await createNativeEngine(addon);
    const { publicKey, secretKey } = await loadTestKey2048();
    const { n, bits } = publicKey;
    const { p, q } = secretKey;
    const theirPublic = new npm.PublicKey(n, n + 1n);
    const lambda = (p - 1n) * (q - 1n);
    const their = new npm.PrivateKey(lambda, inverse(lambda, n), theirPublic, p, q);
    const messages = [0n, 1n, 123_456_789n, n - 1n];
    const width = itemBytes(bits);
    const ours = await engine.encrypt(engineKeyOf(publicKey), flat(messages, width.message));
    const numbers = numbersOf(ours, width.ciphertext);
    assert.deepEqual(
      numbers.map((c) => their.decrypt(c)),
      messages,
    );
    const theirs = flat(
      messages.map((m) => theirPublic.encrypt(m)),
      width.ciphertext,
    );
    const plain = await engine.decrypt(engineSecretKeyOf(secretKey), theirs);
    assert.deepEqual(numbersOf(plain, width.message), messages);
    await engine.close();
  });
}
