/**
 * The border between JavaScript and C (native/addon.c): whatever is handed over is answered or
 * refused with a TypeError, and no use of it, at any time, ends a process.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { before, describe, test } from "node:test";

import * as fc from "fast-check";

import type { AddonKey, AddonOperation, NativeAddon } from "../src/engine/native/addon.ts";
import {
  engineKeyOf,
  engineSecretKeyOf,
  itemBytes,
  type EngineKey,
  type EngineSecretKey,
} from "../src/index.ts";
import { loadTestKey2048 } from "./fixed-keys.ts";
import { findAddonUnderTest, type AddonUnderTest } from "./native-addon.ts";

/** Of whatever kind they are in truth. */
type KeyArguments = Parameters<NativeAddon["openPublicKey"]>;

const width = itemBytes(2048);
type Column = "message" | "ciphertext" | "blinding" | "exponent" | "scalars" | undefined;

/** What each operation takes; the parameter is its smallest good one. */
const shapes: Readonly<
  Record<
    AddonOperation,
    { first?: Column; second?: Column; groups?: true; secret?: true; parameter?: number }
  >
> = {
  encrypt: { first: "message", second: "blinding" },
  rerandomize: { first: "ciphertext", second: "blinding" },
  blind: { first: "blinding" },
  encryptBlinded: { first: "ciphertext", second: "message" },
  product: { first: "ciphertext", groups: true },
  weightedProduct: { first: "ciphertext", second: "scalars", groups: true },
  repack: { first: "ciphertext", groups: true, parameter: 1 },
  subtract: { first: "ciphertext", second: "ciphertext" },
  check: { first: "ciphertext" },
  power: { first: "ciphertext", second: "exponent" },
  decrypt: { first: "ciphertext", secret: true },
  encryptSecret: { first: "message", second: "blinding", secret: true },
  buildTable: { parameter: 4 },
  buildSecretTables: { first: "ciphertext", secret: true, parameter: 4 },
};
/** Takes the one hs of a key, and no other number of items. */
const takesOne = (operation: AddonOperation) => operation === "buildSecretTables";
const operations = Object.keys(shapes) as AddonOperation[];

const found = findAddonUnderTest();
if (found !== undefined) testAddon(found);

function testAddon({ addon, path }: AddonUnderTest): void {
  const [kernel = "generic"] = addon.kernels();
  let key: EngineKey;
  let secret: EngineSecretKey;
  let open: AddonKey;
  let openSecret: AddonKey;
  before(async () => {
    const pair = await loadTestKey2048();
    key = engineKeyOf(pair.publicKey);
    secret = engineSecretKeyOf(pair.secretKey);
    open = addon.openPublicKey(key.n, key.hs, kernel);
    openSecret = addon.openSecretKey(secret.p, secret.q, kernel);
    await addon.run("buildSecretTables", openSecret, key.hs, undefined, undefined, 4);
  });

  /** Numbers that are units: small and odd. */
  const bytesFor = (column: Column, count: number): Uint8Array | undefined => {
    if (column === undefined) return undefined;
    if (column === "exponent") return Uint8Array.of(3);
    const itemWidth = column === "scalars" ? 2 : width[column];
    return Uint8Array.from({ length: count * itemWidth }, (_, i) => ((i + 1) % itemWidth ? 0 : 7));
  };
  /** The arguments of a good call. */
  const goodCall = (operation: AddonOperation, count: number): unknown[] => {
    const { first, second, groups, secret: isSecret, parameter = 0 } = shapes[operation];
    const sizes = groups && (count > 1 ? Uint32Array.of(1, count - 1) : Uint32Array.of(1));
    const columns = [bytesFor(first, takesOne(operation) ? 1 : count), bytesFor(second, count)];
    return [operation, isSecret ? openSecret : open, ...columns, sizes, parameter];
  };
  const run = (args: readonly unknown[]): Promise<Uint8Array> =>
    addon.run(...(args as Parameters<NativeAddon["run"]>));
  const resultBytes = (operation: AddonOperation, count: number, groups: number): number => {
    if (operation === "buildTable" || operation === "buildSecretTables") return 0;
    if (operation === "check") return count;
    if (operation === "decrypt") return count * width.message;
    return (shapes[operation].groups ? groups : count) * width.ciphertext;
  };
  const refused = (what: string, args: readonly unknown[]): void => {
    assert.throws(() => run(args), TypeError, what);
  };

  describe("addon: what it is given", () => {
    const notBytes = (): unknown[] => [
      undefined,
      null,
      true,
      0,
      1n,
      "",
      "x",
      Symbol("x"),
      {},
      [],
      () => 0,
      new Int8Array(512),
      new Uint8ClampedArray(512),
      new Uint16Array(256),
      new Uint32Array(128),
      new Float64Array(64),
      new BigUint64Array(64),
      new DataView(new ArrayBuffer(512)),
      new ArrayBuffer(512),
      new SharedArrayBuffer(512),
      new Proxy(new Uint8Array(512), {}),
      Object.create(Uint8Array.prototype),
      { length: 512, byteLength: 512, 0: 1 },
    ];
    const notKeys = (): unknown[] => {
      const closed = addon.openPublicKey(key.n, key.hs, kernel);
      addon.close(closed);
      return [
        undefined,
        null,
        1,
        "key",
        Symbol("key"),
        {},
        [],
        () => 0,
        new Uint8Array(8),
        closed,
        Object.create(open),
        { ...open },
        new Proxy(open, {}),
        Object.setPrototypeOf({}, Object.getPrototypeOf(open) as object),
        structuredClone(open),
      ];
    };

    test("each operation answers a good call, and one with nothing in it", async () => {
      for (const operation of operations) {
        for (const count of [1, 3, 9]) {
          const result = await run(goodCall(operation, count));
          assert.ok(result instanceof Uint8Array);
          const groups = Math.min(count, 2);
          assert.equal(result.length, resultBytes(operation, count, groups), operation);
        }
        const { first, second, groups, secret: isSecret, parameter = 0 } = shapes[operation];
        if (first === undefined || takesOne(operation)) continue;
        const none = new Uint8Array(0);
        const empty = second === "exponent" ? Uint8Array.of(1) : none;
        const sizes = groups && new Uint32Array(0);
        const handle = isSecret ? openSecret : open;
        assert.deepEqual(await run([operation, handle, none, empty, sizes, parameter]), none);
      }
    });

    test("arguments that are missing or of another kind are refused", () => {
      for (const operation of operations) {
        const good = goodCall(operation, 3);
        if (takesOne(operation)) {
          for (const count of [0, 2]) refused("bases", good.with(2, bytesFor("ciphertext", count)));
        }
        for (let given = 0; given < 6; given++) refused(`${given}`, good.slice(0, given));
        for (const name of [undefined, null, 1, {}, "", "Encrypt", `${operation}x`]) {
          refused(`${operation} under another name`, good.with(0, name));
        }
        refused("a name with NUL", good.with(0, `${operation}\0`));
        refused("a long name", good.with(0, operation + "x".repeat(1e6)));
        for (const other of notKeys()) refused(`${operation} with no key`, good.with(1, other));
        const { first, second, groups, secret: isSecret, parameter } = shapes[operation];
        refused("a key of the other kind", good.with(1, isSecret ? open : openSecret));
        for (const bytes of notBytes()) {
          if (first !== undefined) refused(`${operation}, first`, good.with(2, bytes));
          if (second !== undefined) refused(`${operation}, second`, good.with(3, bytes));
          if (groups) refused(`${operation}, groups`, good.with(4, bytes));
        }
        if (parameter === undefined) continue;
        const highest = operation === "repack" ? 8_192 : 12;
        const wrong = [
          0,
          -1,
          0.5,
          1.5,
          Number.NaN,
          Infinity,
          -Infinity,
          2 ** 31,
          2 ** 32 + 4,
          1e308,
        ];
        for (const value of [...wrong, highest + 1, parameter - 1, "4", null, undefined, 4n, {}]) {
          refused(`${operation}, parameter`, good.with(5, value));
        }
      }
    });

    test("lengths that do not fit are refused", () => {
      const none: Uint8Array = new Uint8Array(0);
      for (const operation of operations) {
        const { first, second, groups } = shapes[operation];
        const good = goodCall(operation, 3);
        if (first === undefined) continue;
        const full = bytesFor(first, 3) ?? none;
        const tooMany = new Uint8Array(65_537 * width.blinding * (width[first as "message"] / 128));
        for (const bytes of [full.subarray(1), full.subarray(0, -1), tooMany, new Uint8Array(1)]) {
          refused(`${operation}, first of ${bytes.length}`, good.with(2, bytes));
        }
        if (second !== undefined) {
          const other = bytesFor(second, 3) ?? none;
          const long = second === "exponent" ? 2_049 : 3 * 2_049;
          const wrong = [new Uint8Array(long), none];
          if (second !== "exponent")
            wrong.push(other.subarray(1), new Uint8Array(other.length + 1));
          for (const bytes of wrong) {
            refused(`${operation}, second of ${bytes.length}`, good.with(3, bytes));
          }
        }
        if (!groups) continue;
        for (const sizes of [
          [],
          [1],
          [2],
          [4],
          [1, 1],
          [0, 3],
          [3, 0],
          [1, 1, 1, 0],
          [1, 1, 1, 1],
          [0xffffffff, 4],
          [0xfffffffe, 5],
          [2, 0xffffffff, 2],
          [0x80000000, 0x80000003],
        ]) {
          refused(`${operation}, groups ${String(sizes)}`, good.with(4, Uint32Array.from(sizes)));
        }
        refused("very many groups", good.with(4, new Uint32Array(1e6).fill(1)));
        refused("signed groups", good.with(4, Int32Array.of(1, 2)));
        refused("an array of groups", good.with(4, [1, 2]));
      }
    });

    test("an array whose memory went elsewhere is refused, and is not an empty one", async () => {
      const gone = new Uint8Array(width.ciphertext);
      const noSizes = new Uint32Array(2);
      for (const { buffer } of [gone, noSizes]) structuredClone(buffer, { transfer: [buffer] });
      assert.deepEqual([gone.length, noSizes.length], [0, 0]);
      const none = new Uint8Array(0);
      for (const operation of operations) {
        const { first, second, groups } = shapes[operation];
        const good = goodCall(operation, 3);
        if (first !== undefined) refused(`${operation}, first`, good.with(2, gone));
        if (second !== undefined) refused(`${operation}, second`, good.with(3, gone));
        if (groups) refused(`${operation}, groups`, good.with(4, noSizes));
        if (first === undefined || takesOne(operation)) continue;
        // Where an empty array is an empty batch.
        const other = second === "exponent" ? good[3] : none;
        const nothing = good.with(2, none).with(3, other).with(4, new Uint32Array(0));
        assert.deepEqual(await run(nothing), none);
        refused(`${operation}, first instead of none`, nothing.with(2, gone));
        if (second !== undefined)
          refused(`${operation}, second instead of none`, nothing.with(3, gone));
        if (groups) refused(`${operation}, groups instead of none`, nothing.with(4, noSizes));
      }
      const { p, q } = secret;
      assert.throws(() => addon.openPublicKey(gone, key.hs, kernel), TypeError);
      assert.throws(() => addon.openPublicKey(key.n, gone, kernel), TypeError);
      assert.throws(() => addon.openSecretKey(gone, q, kernel), TypeError);
      assert.throws(() => addon.openSecretKey(p, gone, kernel), TypeError);
    });

    test("bytes of any origin are bytes: views at odd places, Buffers, shared memory", async () => {
      const good = goodCall("product", 3);
      const expected = await run(good);
      const [, , bytes] = good as [unknown, unknown, Uint8Array];
      for (const buffer of [new ArrayBuffer(bytes.length + 9), new SharedArrayBuffer(2_000)]) {
        const view = new Uint8Array(buffer, 7, bytes.length);
        view.set(bytes);
        assert.deepEqual(await run(good.with(2, view)), expected);
      }
      assert.deepEqual(await run(good.with(2, Buffer.from(bytes))), expected);
      assert.deepEqual(await run(good.with(2, new (class extends Uint8Array {})(bytes))), expected);
      const sizes = new Uint32Array(new ArrayBuffer(32), 12, 2);
      sizes.set([1, 2]);
      assert.deepEqual(await run(good.with(4, sizes)), expected);
      const pending = run(good);
      const copy = bytes.slice();
      bytes.fill(0xff); // it has copied what it was given
      assert.deepEqual(await pending, expected);
      bytes.set(copy);
    });

    test("keys: lengths, values and kernels that do not fit are refused", () => {
      const ending = (bytes: Uint8Array, last: number) =>
        Uint8Array.from([...bytes.subarray(0, -1), last]);
      const even = ending(key.n, 4);
      const short = key.n.with(0, 1);
      const tooLong = new Uint8Array(1_040).fill(255);
      const openPublic = (...args: unknown[]) => addon.openPublicKey(...(args as KeyArguments));
      const openSecretKey = (...args: unknown[]) => addon.openSecretKey(...(args as KeyArguments));
      for (const args of [
        [],
        [key.n],
        [key.n, key.hs],
        [key.n, key.n, kernel],
        [key.hs, key.hs, kernel],
        [even, key.hs, kernel],
        [short, key.hs, kernel],
        [new Uint8Array(0), key.hs, kernel],
        [tooLong, new Uint8Array(2_080), kernel],
        [key.n.subarray(1), key.hs, kernel],
        ...["", "IFMA", `${kernel}\0`, `${kernel} `, "x".repeat(99), null, 0, {}].map((name) => [
          key.n,
          key.hs,
          name,
        ]),
        ...notBytes().flatMap((bytes) => [
          [bytes, key.hs, kernel],
          [key.n, bytes, kernel],
        ]),
      ]) {
        assert.throws(() => openPublic(...args), TypeError);
      }
      const oneModFour = ending(secret.p, 1);
      for (const args of [
        [],
        [secret.p, secret.q],
        [secret.p, key.n, kernel],
        [key.hs, key.hs, kernel],
        [oneModFour, secret.q, kernel],
        [secret.p, oneModFour, kernel],
        [secret.p.with(0, 127), secret.q, kernel],
        [secret.p, secret.q.with(0, 1), kernel],
        ...notBytes().flatMap((bytes) => [
          [bytes, secret.q, kernel],
          [secret.p, bytes, kernel],
        ]),
      ]) {
        assert.throws(() => openSecretKey(...args), TypeError);
      }
      for (const other of [undefined, null, 1, {}, open === null, structuredClone(open)]) {
        assert.throws(() => addon.close(other as never), TypeError);
      }
      const twice = addon.openSecretKey(secret.p, secret.q, kernel);
      addon.close(twice);
      addon.close(twice);
      refused("a closed key", goodCall("decrypt", 1).with(1, twice));
      const unprepared = addon.openSecretKey(secret.p, secret.q, kernel);
      refused("without tables", goodCall("encryptSecret", 1).with(1, unprepared));
      addon.close(unprepared);
    });

    test("opening a key computes nothing; its first jobs prepare it, once", async () => {
      const before = addon.preparations();
      // A modulus that nobody has open: keys that are the same share one.
      const n = key.n.map((byte, i) => (i > 8 && i < 250 ? byte ^ 0x55 : byte));
      const publicKeys = [1, 2].map(() => addon.openPublicKey(n, key.hs, kernel));
      const secretKeys = [1, 2].map(() => addon.openSecretKey(secret.p, secret.q, kernel));
      addon.close(addon.openPublicKey(n.with(9, 0), key.hs, kernel));
      const none = new Uint8Array(0);
      for (const each of publicKeys) await run(["check", each, none, undefined, undefined, 0]);
      for (const each of secretKeys) await run(["decrypt", each, none, undefined, undefined, 0]);
      assert.equal(addon.preparations(), before, "neither opening nor an empty batch prepares");
      const first = async (keys: readonly AddonKey[], uses: readonly AddonOperation[]) => {
        const calls = Array.from({ length: 8 }, (_, i) => uses[i % uses.length] ?? "check");
        await Promise.all(
          calls.flatMap((use) => keys.map((each) => run(goodCall(use, 2).with(1, each)))),
        );
      };
      await first(publicKeys, ["encrypt", "product", "check", "power", "buildTable"]);
      assert.equal(addon.preparations(), before + 1, "two handles of one public key");
      await first(secretKeys, ["decrypt", "buildSecretTables"]);
      assert.equal(addon.preparations(), before + 3, "two secret keys");
      await first([...publicKeys, open], ["check", "blind"]);
      await first([...secretKeys, openSecret], ["decrypt", "encryptSecret"]);
      assert.equal(addon.preparations(), before + 3, "nobody prepares again");
      for (const each of [...publicKeys, ...secretKeys]) addon.close(each);
    });

    test("a base that is no unit is refused by name, and the next one is taken", async () => {
      const multipleOfP = new Uint8Array(width.ciphertext);
      multipleOfP.set(secret.p, width.ciphertext - secret.p.length);
      const multipleOfQ = new Uint8Array(width.ciphertext);
      multipleOfQ.set(secret.q, width.ciphertext - secret.q.length);
      const notABase = { code: "BASE_NOT_A_UNIT" };
      for (const hs of [new Uint8Array(width.ciphertext), multipleOfP, multipleOfQ]) {
        const wrong = addon.openPublicKey(key.n, hs, kernel);
        for (const operation of ["encrypt", "rerandomize", "blind", "buildTable"] as const) {
          await assert.rejects(run(goodCall(operation, 1).with(1, wrong)), notABase, operation);
        }
        assert.deepEqual(await run(goodCall("check", 1).with(1, wrong)), Uint8Array.of(1));
        addon.close(wrong);
        const fresh = addon.openSecretKey(secret.p, secret.q, kernel);
        const build = (base: Uint8Array) =>
          run(goodCall("buildSecretTables", 1).with(1, fresh).with(2, base));
        await assert.rejects(build(hs), notABase);
        refused("without tables", goodCall("encryptSecret", 1).with(1, fresh));
        await build(key.hs);
        const sealed = await run(goodCall("encryptSecret", 1).with(1, fresh));
        assert.deepEqual(sealed, await run(goodCall("encrypt", 1)));
        addon.close(fresh);
      }
    });

    test("any combination is refused, or gives as many bytes as it should", async () => {
      const arbitraryBytes = fc.oneof(
        fc.constantFrom(...notBytes()),
        fc
          .tuple(fc.nat(4), fc.constantFrom(128, 256, 512, 2), fc.nat(255), fc.nat(3))
          .map(([count, itemWidth, value, more]) =>
            new Uint8Array(count * itemWidth + (more === 3 ? 1 : 0)).fill(value),
          ),
      );
      const arbitraryGroups = fc.oneof(
        fc.array(fc.nat(4), { maxLength: 4 }).map((sizes) => Uint32Array.from(sizes)),
        arbitraryBytes,
      );
      const argument = (count: fc.Arbitrary<unknown>, good: unknown) =>
        fc.oneof({ weight: 4, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: count });
      const handles = [open, openSecret, ...notKeys()];
      const calls = fc
        .tuple(fc.constantFrom(...operations), fc.integer({ min: 1, max: 4 }))
        .chain(([operation, count]) => {
          const good = goodCall(operation, count);
          return fc.tuple(
            fc.constant(operation),
            argument(fc.constantFrom(...handles), good[1]),
            argument(arbitraryBytes, good[2]),
            argument(arbitraryBytes, good[3]),
            argument(arbitraryGroups, good[4]),
            argument(fc.oneof(fc.double(), fc.nat(5), fc.anything()), good[5]),
          );
        });
      const property = fc.asyncProperty(calls, async (args) => {
        const [operation, , first, , sizes] = args;
        let pending: Promise<Uint8Array>;
        try {
          pending = run(args);
        } catch (error) {
          assert.ok(error instanceof TypeError);
          return;
        }
        const { first: column } = shapes[operation];
        const count =
          column === undefined ? 0 : (first as Uint8Array).length / width[column as "message"];
        const groups = sizes instanceof Uint32Array ? sizes.length : 0;
        const outcome = await pending.catch((error: unknown) => error);
        if (outcome instanceof Error) {
          assert.match(String(Reflect.get(outcome, "code")), /^((BASE_)?NOT_A_UNIT|NO_MEMORY)$/);
          return;
        }
        assert.equal((outcome as Uint8Array).length, resultBytes(operation, count, groups));
      });
      await fc.assert(property, { numRuns: 2_000 });
    });
  });

  testProcesses(path, kernel);
}

/** Whatever a process does with the addon, it ends with the code that it chose. */
function testProcesses(path: string, kernel: string): void {
  describe("addon: processes and threads", () => {
    const preamble = (...numbers: readonly Uint8Array[]): string => `
      const { Worker, isMainThread, parentPort } = require("node:worker_threads");
      const addon = require(${JSON.stringify(path)});
      const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
      const [n, hs, p, q] = ${JSON.stringify(numbers.map((x) => Buffer.from(x).toString("hex")))}
        .map(bytes);
      const publicKey = () => addon.openPublicKey(n, hs, ${JSON.stringify(kernel)});
      const secretKey = () => addon.openSecretKey(p, q, ${JSON.stringify(kernel)});
      const sealed = (count) => Uint8Array.from({ length: 512 * count }, 
        (_, i) => i % 512 === 511 ? 1 : 0);
      const encrypt = (key, count) => addon.run("encrypt", key, new Uint8Array(256 * count),
        new Uint8Array(128 * count).fill(7), undefined, 0);
      const decrypt = (key, count) => 
        addon.run("decrypt", key, sealed(count), undefined, undefined, 0);
      const assert = require("node:assert");
    `;
    /** What threads run. */
    const endless = `
      const [key, secret] = [publicKey(), secretKey()];
      const again = () => Promise.all([encrypt(key, 9), decrypt(secret, 4)]).then(() => {
        parentPort.postMessage("turn");
        again();
      });
      again();`;
    const brief = "encrypt(publicKey(), 64); decrypt(secretKey(), 16); process.exit(0);";
    const scripts: Readonly<Record<string, { body: string; code: number }>> = {
      "many calls at once on one key and on others, closed in flight": {
        code: 0,
        body: `
          const keys = [publicKey(), publicKey(), publicKey()];
          const secrets = [secretKey(), secretKey()];
          const calls = [];
          for (let i = 0; i < 60; i++) {
            calls.push(encrypt(keys[i % 3], 1 + i % 9), decrypt(secrets[i % 2], 1 + i % 5));
            if (i % 20 !== 0) continue;
            const windowBits = 4 + i / 20;
            const none = undefined;
            calls.push(addon.run("buildTable", keys[0], none, none, none, windowBits));
          }
          for (const key of [...keys, ...secrets]) addon.close(key);
          Promise.allSettled(calls).then((all) => {
            const ok = all.filter(({ status }) => status === "fulfilled").length;
            assert.ok(ok >= 120, String(ok));
            assert.deepEqual(all[0].value, all[37].value);
          });`,
      },
      "keys are collected in flight": {
        code: 0,
        body: `
          let left = 40;
          for (let i = 0; i < 40; i++) {
            encrypt(publicKey(), 2).then(() => left--);
            decrypt(secretKey(), 2).then((plain) => assert.equal(plain.length, 512));
            if (i % 4 === 0) globalThis.gc();
          }
          const collect = setInterval(() => {
            globalThis.gc();
            if (left === 0) clearInterval(collect);
          }, 1);`,
      },
      "the end of the event loop waits for what is under way": {
        code: 7,
        body: `
          let done = 0;
          const key = secretKey();
          for (let i = 0; i < 8; i++) decrypt(key, 8).then(() => done++);
          process.on("exit", () => { process.exitCode = done === 8 ? 7 : 1; });`,
      },
      "process.exit() in the middle of work": {
        code: 5,
        body: `
          const key = secretKey();
          for (let i = 0; i < 12; i++) decrypt(key, 16);
          setTimeout(() => process.exit(5), 5);`,
      },
      "process.exit() at once": {
        code: 6,
        body: `encrypt(publicKey(), 64); decrypt(secretKey(), 8); process.exit(6);`,
      },
      "an uncaught error in the middle of work": {
        code: 1,
        body: `encrypt(publicKey(), 64); throw new Error("on purpose");`,
      },
      "threads share the addon and are ended in the middle of work": {
        code: 0,
        body: `
          const source = preamble + ${JSON.stringify(endless)};
          const own = publicKey();
          const workers = [1, 2, 3, 4].map(() => new Worker(source, { eval: true }));
          const ended = workers.map((worker, i) => new Promise((resolve) => {
            let turns = 0;
            worker.on("message", () => { if (++turns === 1 + i) resolve(worker.terminate()); });
            worker.on("error", (error) => { throw error; });
          }));
          const calls = Array.from({ length: 20 }, () => encrypt(own, 3));
          Promise.all([...ended, ...calls])
            .then(() => encrypt(own, 3))
            .then((c) => assert.equal(c.length, 1536));`,
      },
      "threads that end by themselves with work under way": {
        code: 0,
        body: `
          const source = preamble + ${JSON.stringify(brief)};
          for (let i = 0; i < 3; i++) {
            new Worker(source, { eval: true }).on("error", (e) => { throw e; });
          }`,
      },
    };

    for (const [what, { body, code }] of Object.entries(scripts)) {
      test(what, async () => {
        const { publicKey, secretKey } = await loadTestKey2048();
        const { n, hs } = engineKeyOf(publicKey);
        const { p, q } = engineSecretKeyOf(secretKey);
        const start = preamble(n, hs, p, q);
        const script = `const preamble = ${JSON.stringify(start)};${start}${body}`;
        const ended = await endOf(["--expose-gc", "--input-type=commonjs", "--eval", script]);
        assert.deepEqual(
          { code: ended.code, signal: ended.signal },
          { code, signal: null },
          ended.stderr,
        );
      });
    }
  });
}

function endOf(
  args: readonly string[],
): Promise<{ code: number; signal: string | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: 120_000 }, (_error, _out, stderr) => {
      resolve({ code: child.exitCode ?? -1, signal: child.signalCode, stderr });
    });
  });
}
