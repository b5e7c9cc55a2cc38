/**
 * The life of the opener's keys (docs/protocol.md §3.3): made, found, destroyed; a rotation that is killed after any step.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import {
  destroyedAt,
  makeKey,
  openKeyFolder,
  openKeyRing,
  OpenerError,
  rotateKey,
  type KeyFolder,
} from "@smarter-metering/opener";
import { fromHex, toBase64Url, type OpenerKey, type OpenerKeys } from "@smarter-metering/protocol";
import { testRecipient } from "../../../../test/support/world.ts";
import { fileRegistry, NOW, WEEK } from "./file-registry.ts";

const temporary = mkdtempSync(join(tmpdir(), "opener-keys-"));
after(() => rmSync(temporary, { recursive: true, force: true }));

const HOURS = 3600;
const CURRENT = { from: NOW - 86_400, to: NOW + 6 * 86_400 };

let folders = 0;
const newPath = (): string => join(temporary, String(folders++));

type Name = Parameters<typeof testRecipient>[0];
const made = (folder: KeyFolder, name: Name, period: { from: number; to: number }) =>
  makeKey(folder, period, () => testRecipient(name));

/** The private numbers of a key; its test pair is fixed, `makeKey` wipes its own copy. */
const secretBytes = async (name: Name): Promise<Buffer> =>
  Buffer.from((await testRecipient(name)).pkcs8).subarray(-600, -552);

test("a key is destroyed when its last block can count no more, and stays destroyed", async () => {
  const path = newPath();
  const folder = await openKeyFolder(path);
  const first = await made(folder, "opener", CURRENT);
  const second = await made(folder, "mdms", { from: CURRENT.to, to: CURRENT.to + WEEK });
  const ring = await openKeyRing(folder, NOW);
  const secret = await ring.find(fromHex(first.keyId));
  assert(typeof secret === "object" && ring.size === 2);

  assert.equal(
    destroyedAt(first) - first.to,
    100 * HOURS,
    "a block, the cutoff of bills, a margin",
  );
  assert.deepEqual(await ring.destroyDue(destroyedAt(first) - 1), []);
  assert(typeof (await ring.find(fromHex(first.keyId))) === "object");

  // A second name for the same blocks: what lies on them after the first name is gone.
  const secretFile = join(path, `${first.keyId}.secret`);
  const before = readFileSync(secretFile);
  const blocks = join(temporary, "blocks");
  linkSync(secretFile, blocks);
  assert.deepEqual(await ring.destroyDue(destroyedAt(first)), [first.keyId]);
  assert.equal(await ring.find(fromHex(first.keyId)), "destroyed");
  assert.equal(ring.size, 1);
  const overwritten = readFileSync(blocks);
  assert.equal(overwritten.length, before.length);
  assert(!overwritten.equals(before));
  const needle = await secretBytes("opener");
  assert(before.includes(needle) && !overwritten.includes(needle));
  for (const name of readdirSync(path)) {
    const bytes = readFileSync(join(path, name));
    assert(!bytes.includes(needle) && !bytes.includes(needle.toString("base64url")), name);
  }
  assert.deepEqual(await ring.destroyDue(destroyedAt(first)), [], "once");

  const again = await openKeyRing(await openKeyFolder(path), destroyedAt(first));
  assert.equal(await again.find(fromHex(first.keyId)), "destroyed");
  assert(typeof (await again.find(fromHex(second.keyId))) === "object");
  assert.equal(await again.find(new Uint8Array(32)), undefined);
});

test("an opener that starts late destroys first; a destruction that was cut off is finished", async () => {
  const path = newPath();
  const folder = await openKeyFolder(path);
  const key = await made(folder, "opener", CURRENT);
  const secretFile = join(path, `${key.keyId}.secret`);
  // Overwritten, and the machine stopped before the name was gone.
  writeFileSync(secretFile, Buffer.alloc(1794, 7));
  await assert.rejects(openKeyRing(folder, NOW), { code: "OPENER_KEY_FILE" });
  const ring = await openKeyRing(folder, destroyedAt(key));
  assert.equal(await ring.find(fromHex(key.keyId)), "destroyed");
  assert.deepEqual(readdirSync(path), [`${key.keyId}.json`]);
});

test("a key that is made while the opener runs is found; one without its private part is none", async () => {
  const path = newPath();
  const folder = await openKeyFolder(path);
  const ring = await openKeyRing(folder, NOW);
  const { keyId, ...key } = await made(await openKeyFolder(path), "mdms", CURRENT);
  assert(typeof (await ring.find(fromHex(keyId))) === "object");
  await folder.destroy(keyId);
  assert.equal(await (await openKeyRing(folder, NOW)).find(fromHex(keyId)), undefined);
  const wrong: readonly string[] = [
    "",
    "{}",
    JSON.stringify({ ...key, from: key.to }),
    JSON.stringify({ ...key, spki: toBase64Url(Uint8Array.of(1)) }),
    JSON.stringify({ ...key, surprise: 1 }),
  ];
  for (const text of wrong) {
    writeFileSync(join(path, `${keyId}.json`), text);
    await assert.rejects(folder.list(), OpenerError, text);
  }
});

const child = new URL("rotation-child.ts", import.meta.url).pathname;
const run = promisify(execFile);

/** Runs a rotation until it kills itself. */
async function rotateAndDie(
  path: string,
  registry: string,
  kill: readonly string[],
): Promise<void> {
  const words = ["--import", "tsx", child, path, registry, ...kill];
  await assert.rejects(run(process.execPath, words), { signal: "SIGKILL" });
}

const terms = { nowSeconds: NOW, validSeconds: WEEK, atOnce: false } as const;
const STEPS = ["destroyStray", "addSecret", "addPublic", "add"] as const;

test("a rotation that is killed before or after any step goes on: one next key, and its private part is here", async () => {
  const kills = STEPS.flatMap((step) => [[step, "before"] as const, [step, "after"] as const]);
  await Promise.all(
    kills.map(async (kill) => {
      const path = newPath();
      const folder = await openKeyFolder(path);
      const { keyId, ...current } = await made(folder, "opener", CURRENT);
      const registry = join(temporary, `${folders++}.json`);
      writeFileSync(registry, JSON.stringify({ version: 1, keys: [current] } satisfies OpenerKeys));
      const listed = (): readonly OpenerKey[] =>
        (JSON.parse(readFileSync(registry, "utf8")) as OpenerKeys).keys;
      const check = async (what: string): Promise<void> => {
        const whole = (await folder.list()).filter(({ isWhole }) => isWhole);
        for (const { spki } of listed()) {
          assert(
            whole.some((key) => key.spki === spki),
            `${what}: listed, and not here`,
          );
        }
        const next = whole.filter(({ from }) => from > NOW);
        assert(next.length <= 1 && listed().length <= 2, `${what}: two next keys`);
      };

      const name = kill.join(" ");
      await rotateAndDie(path, registry, kill);
      await check(`${name}, killed`);
      // What is begun goes on under its own key, and a key that never became one is gone.
      const { outcome } = await rotateKey(folder, fileRegistry(registry), {
        ...terms,
        generate: () => testRecipient("other"),
      });
      assert.equal(outcome, kill.join() === "add,after" ? "known" : "rotated", name);
      await check(`${name}, run again`);
      assert.equal(listed().length, 2);
      assert.equal(listed()[1]?.from, CURRENT.to);
      const stray = readdirSync(path).filter((file) => !/^[0-9a-f]{64}\.(json|secret)$/.test(file));
      assert.deepEqual(
        stray.filter((file) => !file.startsWith("lock.")),
        [],
        name,
      );
      const secrets = readdirSync(path).filter((file) => file.endsWith(".secret"));
      assert.equal(secrets.length, 2, name);
      assert(secrets.includes(`${keyId}.secret`));
    }),
  );
});

test("a rotation destroys what a torn write left, goes on late, and refuses a key that is lost", async () => {
  const path = newPath();
  const folder = await openKeyFolder(path);
  const { keyId, ...current } = await made(folder, "opener", CURRENT);
  const torn = join(path, `.${"a".repeat(64)}.secret.0123456789ab`);
  writeFileSync(torn, "half of a key");
  mkdirSync(join(path, "unrelated"));
  let keys: OpenerKey[] = [current];
  const registry = {
    list: () => Promise.resolve(keys),
    add: (key: OpenerKey) => Promise.resolve(void (keys = [...keys, key])),
  };
  const late = CURRENT.to + 3 * 86_400;
  const rotation = await rotateKey(folder, registry, {
    ...terms,
    nowSeconds: late,
    generate: () => testRecipient("mdms"),
  });
  assert.deepEqual(
    [rotation.outcome, rotation.key.from, rotation.key.to],
    ["rotated", late, late + WEEK],
  );
  assert(!readdirSync(path).some((name) => name.startsWith(".")));

  keys = [current];
  await folder.destroy(keyId);
  await assert.rejects(rotateKey(folder, registry, terms), { code: "OPENER_KEY_LOST" });
  assert.equal(keys.length, 1, "nothing was listed");
  // The way out: another key takes its place now.
  const replaced = await rotateKey(folder, registry, {
    ...terms,
    atOnce: true,
    generate: () => testRecipient("other"),
  });
  assert.deepEqual([replaced.outcome, replaced.key.from], ["rotated", NOW]);
});

test("a stolen key is replaced at once and destroyed the sooner; the next key it had is not taken up again", async () => {
  const path = newPath();
  const folder = await openKeyFolder(path);
  const { keyId, ...current } = await made(folder, "opener", CURRENT);
  const file = join(temporary, `${folders++}.json`);
  writeFileSync(file, JSON.stringify({ version: 1, keys: [current] }));
  const registry = fileRegistry(file);
  await rotateKey(folder, registry, { ...terms, generate: () => testRecipient("mdms") });
  let cut = false;
  // Dies when the registry has the new key, and the folder does not know that the old one ends.
  const dying = {
    ...registry,
    async add(key: OpenerKey) {
      await registry.add(key);
      cut = true;
      throw new Error("cut off");
    },
  };
  const atOnce = { ...terms, atOnce: true, generate: () => testRecipient("other") };
  await assert.rejects(rotateKey(folder, dying, atOnce), /cut off/);
  assert(cut);
  assert.deepEqual(
    (await registry.list()).map(({ from, to }) => [from, to]),
    [
      [CURRENT.from, NOW],
      [NOW, NOW + WEEK],
    ],
  );
  const next = await rotateKey(folder, registry, {
    ...terms,
    generate: () => testRecipient("customer"),
  });
  assert.deepEqual([next.outcome, next.key.from], ["rotated", NOW + WEEK]);
  const old = (await folder.list()).find((key) => key.keyId === keyId);
  assert.equal(old?.to, NOW);
  const ring = await openKeyRing(folder, NOW);
  assert.deepEqual(await ring.destroyDue(NOW + 100 * HOURS), [keyId]);
});
