import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

import { build } from "esbuild";
import * as fc from "fast-check";

import { createArithmetic } from "../src/engine/portable/arithmetic.ts";
import { blind, buildFixedBaseTable } from "../src/engine/portable/fixed-base.ts";
import { createPool } from "../src/engine/portable/pool.ts";
import {
  createPortableEngine,
  decryptBatch,
  engineKeyOf,
  engineSecretKeyOf,
  itemBytes,
  serializePublicKey,
  type EngineSecretKey,
} from "../src/index.ts";
import * as hexBrowser from "../src/platform/hex-browser.ts";
import * as hexNode from "../src/platform/hex-node.ts";
import * as browser from "../src/platform/browser.ts";
import * as node from "../src/platform/node.ts";
import { engineConformance } from "./engine-conformance.ts";
import { loadOtherTestKey2048, loadTestKey2048, loadTestKey3072 } from "./fixed-keys.ts";
import { flat, numbersOf } from "./flat-numbers.ts";
import { raise } from "./textbook.ts";

/** All sizes with `npm run test:e2e`, where there is more time. */
const isFull = process.env["SMARTER_METERING_E2E"] === "full";
engineConformance("portable, inline", () => createPortableEngine(), {
  bits: isFull ? [2048, 3072, 4096] : [2048, 3072],
  counts: [1, 9],
});
engineConformance("portable, two threads", () => createPortableEngine({ threads: 2 }), {
  bits: [2048],
  counts: [1, 9],
});

describe("fixed-base table", () => {
  test("any window width gives base^exponent, edges included", () => {
    const [p, q] = [4_294_967_291n, 4_294_967_279n]; // two primes below 2^32
    const n = p * q;
    const n2 = n * n;
    const base = raise(n - 9n, n, n2);
    for (const windowBits of [1, 2, 3, 5, 8, 11, 12]) {
      const table = buildFixedBaseTable(n, base, 32, windowBits);
      const edges = [0, 1, 2 ** 31, 2 ** 31 - 1, 2 ** 32 - 1];
      const check = (exponent: number, message: bigint) => {
        const expected = ((1n + message * n) * raise(base, BigInt(exponent), n2)) % n2;
        assert.equal(blind(table, message, flat([BigInt(exponent)], 4)), expected);
      };
      for (const exponent of edges) check(exponent, n - 1n);
      fc.assert(fc.property(fc.nat(0xffffffff), fc.bigInt(0n, n - 1n), check), { numRuns: 20 });
    }
  });
});

describe("platform twins", () => {
  test("hex: same answers", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.equal(hexBrowser.toHex(bytes), hexNode.toHex(bytes));
        assert.deepEqual(hexBrowser.fromHex(hexNode.toHex(bytes)), bytes);
        assert.deepEqual(hexNode.fromHex(hexBrowser.toHex(bytes)), bytes);
      }),
      { numRuns: 50 },
    );
  });

  test("secretPower: OpenSSL and bigint agree, leading zeros and refused values included", async () => {
    const { p } = (await loadTestKey2048()).secretKey;
    const p2 = p * p;
    const [fast, slow] = [node.secretPower(p - 1n, p2), browser.secretPower(p - 1n, p2)];
    const root = raise(2n, p, p2); // of order dividing p − 1: its power is 1
    const edges = [0n, 1n, 2n, p2 - 1n, p2 - 2n, p2, p2 + 3n, p, p + 1n, root, p2 - root, p2 << 9n];
    for (const base of edges) assert.equal(fast(base), slow(base));
    const halving = node.secretPower(3n, p2); // small exponent: short results need the padding
    for (const base of [3n, 1n << 300n, 1n << 600n]) assert.equal(halving(base), base ** 3n % p2);
  });

  test("both tell primes from the products of primes", async () => {
    const { p, q } = (await loadTestKey2048()).secretKey;
    for (const { isPrime } of [node, browser]) {
      assert.equal(await isPrime(p), true);
      assert.equal(await isPrime(p * q), false);
    }
  });
});

describe("arithmetic", () => {
  test("decryption is set up once for a key, and kept for two; the oldest goes", async () => {
    const arithmetic = createArithmetic();
    const keys = [await loadTestKey2048(), await loadOtherTestKey2048(), await loadTestKey3072()];
    const [first, second, third] = keys.map(({ secretKey }) => engineSecretKeyOf(secretKey));
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const decrypt = (key: EngineSecretKey) => {
      const columns = [flat([1n], itemBytes(key.bits).ciphertext)];
      return arithmetic.run({ operation: "decrypt", key, count: 1, columns });
    };
    // Primes that are none set nothing up: an answer comes from what is kept.
    const hollow = (key: EngineSecretKey) => {
      const none = new Uint8Array(key.p.length);
      return () => decrypt({ ...key, p: none, q: none });
    };
    assert.throws(hollow(first));
    for (const key of [first, second, first, third]) decrypt(key);
    assert.deepEqual(hollow(first)(), new Uint8Array(itemBytes(2048).message));
    assert.deepEqual(hollow(third)(), new Uint8Array(itemBytes(3072).message));
    assert.throws(hollow(second), "the one that was used longest ago is gone");
  });
});

describe("worker pool", () => {
  test("a dead thread fails its job with a code, and the next job gets a fresh one", async () => {
    const { publicKey, secretKey } = await loadTestKey2048();
    const pool = createPool({ threads: 1, jobsMax: 8 });
    const key = engineKeyOf(publicKey);
    const columns = [flat([1n], itemBytes(2048).ciphertext)];
    const failed = { code: "PAILLIER_ENGINE_FAILED" };
    // Jobs that no engine makes. The first throws where the worker catches it, the second where it
    // does not: when it wipes a key that is not there.
    const caught = { operation: "warm", key: { bits: 2048 }, count: 1, columns: [] };
    await assert.rejects(pool.run(caught as never), failed);
    const fatal = { operation: "decrypt", key: { bits: 2048 }, count: 1, columns };
    await assert.rejects(pool.run(fatal as never), failed);
    assert.deepEqual([...(await pool.run({ operation: "check", key, count: 1, columns }))], [1]);
    const secret = engineSecretKeyOf(secretKey);
    const decrypted = await pool.run({ operation: "decrypt", key: secret, count: 1, columns });
    assert.deepEqual(numbersOf(decrypted, itemBytes(2048).message), [0n]);
    await pool.close();
  });

  test("limits: one call too many is refused, closing fails those that wait", async () => {
    const { publicKey } = await loadTestKey2048();
    const engine = createPortableEngine({ threads: 1, jobsMax: 2 });
    const messages = flat([1n], itemBytes(2048).message);
    const calls = [1, 2, 3].map(() => engine.encrypt(engineKeyOf(publicKey), messages));
    const settled = Promise.allSettled(calls);
    await assert.rejects(calls[2] ?? settled, { code: "PAILLIER_ENGINE_BUSY" });
    await engine.close();
    const [first, second] = await settled;
    for (const outcome of [first, second]) {
      assert.equal(outcome?.status, "rejected");
      assert.equal((outcome.reason as { code: string }).code, "PAILLIER_ENGINE_CLOSED");
    }
  });

  test("an answer that comes while the pool closes does not let the process end before", async (t) => {
    const { publicKey } = await loadTestKey2048();
    const engine = createPortableEngine({ threads: 1 });
    await engine.warm(engineKeyOf(publicKey));
    const unref = t.mock.method(Worker.prototype, "unref");
    const own = Object.getOwnPropertyDescriptor(Worker.prototype, "terminate");
    const terminate = own?.value as (this: Worker) => Promise<number>;
    const terminated = t.mock.method(Worker.prototype, "terminate", function (this: Worker) {
      const ended = terminate.call(this);
      this.emit("message", { ok: true, result: new Uint8Array() });
      return ended;
    });
    await engine.close();
    assert.equal(terminated.mock.callCount(), 1);
    assert.equal(unref.mock.callCount(), 0);
  });

  test("an idle pool lets the process end", async () => {
    const script = `
      import { createPortableEngine, encryptBatch } from "../src/index.ts";
      import { loadTestKey2048 } from "./fixed-keys.ts";
      const { publicKey } = await loadTestKey2048();
      const engine = createPortableEngine({ threads: 2 });
      const encrypted = await encryptBatch(engine, publicKey, [1n, 2n]);
      process.stdout.write(String(encrypted.length));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "--eval", script],
      { cwd: fileURLToPath(new URL(".", import.meta.url)), timeout: 20_000 },
    );
    assert.equal(stdout, "2");
  });
});

describe("bundles", () => {
  const source = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

  test("the browser's has no node: import, no thread, and the same answers", async () => {
    const { outputFiles } = await build({
      entryPoints: [source("index.ts")],
      bundle: true,
      write: false,
      format: "esm",
      platform: "browser",
    });
    const [file] = outputFiles;
    assert.ok(file !== undefined && !/node:|worker_threads|Buffer\b/.test(file.text));
    const url = `data:text/javascript;base64,${Buffer.from(file.text).toString("base64")}`;
    const inBrowser = (await import(url)) as typeof import("../src/index.ts");
    const { publicKey, secretKey } = await loadTestKey2048();
    assert.throws(() => inBrowser.createPortableEngine({ threads: 1 }), TypeError);
    const { engine: theirs, whyPortable } = await inBrowser.openEngine();
    assert.match(whyPortable ?? "", /browser/);
    const ours = createPortableEngine();
    const encrypted = await inBrowser.encryptBatch(theirs, publicKey, [1n, 41n]);
    assert.deepEqual(await decryptBatch(ours, secretKey, encrypted), [1n, 41n]);
    assert.deepEqual(await inBrowser.decryptBatch(theirs, secretKey, encrypted), [1n, 41n]);
    const parsed = await inBrowser.parsePublicKey(serializePublicKey(publicKey));
    assert.deepEqual(parsed, publicKey);
  });

  test("Node's finds its worker, bundled beside it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "paillier-bundle-"));
    try {
      const index = source("index.ts");
      const keys = fileURLToPath(new URL("fixed-keys.json", import.meta.url));
      await build({
        stdin: {
          resolveDir: folder,
          contents: `
            import { createPortableEngine, decryptBatch, encryptBatch, parseSecretKey }
              from ${JSON.stringify(index)};
            import keys from ${JSON.stringify(keys)};
            const secretKey = await parseSecretKey(keys[0]);
            const engine = createPortableEngine({ threads: 1 });
            const encrypted = await encryptBatch(engine, secretKey.publicKey, [42n]);
            console.log(String(await decryptBatch(engine, secretKey, encrypted)));
            await engine.close();`,
        },
        bundle: true,
        outfile: join(folder, "main.mjs"),
        format: "esm",
        platform: "node",
      });
      await build({
        entryPoints: { "paillier-worker": source("engine/portable/worker.ts") },
        bundle: true,
        outdir: folder,
        format: "esm",
        platform: "node",
      });
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "main.mjs")]);
      assert.equal(stdout.trim(), "42");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
