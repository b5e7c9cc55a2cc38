/** The opener's keys at the registry (docs/protocol.md §3.3): which one meters wrap to, and when. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { serializePublicKey } from "@smarter-metering/paillier";
import { unsafePolicy } from "@smarter-metering/policy";
import {
  openerKeyAt,
  parseNetworkView,
  signDocument,
  toBase64Url,
  toHex,
  verifyOpenerKeys,
  type OpenerKey,
  type OpenerKeys,
  type Party,
  type Role,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger } from "@smarter-metering/runtime";
import { makeWorld, testRecipient, worldTariff, type World } from "../../../test/support/world.ts";
import {
  createRegistryState,
  saveState,
  startRegistry,
  statePath,
  type RegistryService,
} from "../src/index.ts";

const DAY = 86_400;
const WEEK = 7 * DAY;
const NOW = 1_740_000_000;
const ADMIN = "administrator-token-0";

let world: World;
let folder: string;
before(async () => {
  world = await makeWorld({ households: 1 });
  folder = await mkdtemp(join(tmpdir(), "registry-keys-"));
});
after(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});

const spkiOf = async (name: Parameters<typeof testRecipient>[0]): Promise<string> =>
  toBase64Url((await testRecipient(name)).spki);

interface Bench {
  readonly registry: RegistryService;
  readonly path: string;
  at(seconds: number): Promise<void>;
  listed(): Promise<OpenerKeys>;
  epochs(): Promise<number>;
}

async function bench(path: string, openerKey?: OpenerKey): Promise<Bench> {
  const { signer } = world.parties["tariff-signer"];
  if (openerKey !== undefined) {
    const state = await createRegistryState({
      parties: Object.entries(world.parties).map(([role, party]): Party => {
        return { role: role as Role, signingKey: toHex(party.signer.publicKey) };
      }),
      openerKey,
      paillierKey: serializePublicKey(world.paillier.publicKey),
      policy: unsafePolicy({ contributorsMin: 5 }),
      tariffs: [await signDocument("smarter-metering/tariff", worldTariff, signer)],
      neighbourhoods: [],
      servicePoints: [],
      firstBlock: world.startSeconds,
    });
    await saveState(statePath(path), state);
  }
  const clock = manualClock(1000 * NOW);
  const registry = await startRegistry(
    { tokens: { admin: ADMIN, parties: {} } },
    { clock, log: silentLogger, metrics: createMetrics(), folder: path, rootSigner: world.root },
  );
  const epochs = async (): Promise<number> => (await registry.transport().epochs()).length;
  return {
    registry,
    path,
    epochs,
    at: (seconds) => clock.advanceTo(1000 * seconds),
    async listed() {
      const view = await registry.transport().view("network", (await epochs()) - 1);
      const { openerKeys } = parseNetworkView(view).document;
      assert(openerKeys !== undefined);
      return verifyOpenerKeys(openerKeys, world.root.publicKey);
    },
  };
}

const newFolder = (): Promise<string> => mkdtemp(join(folder, "r-"));

test("the opener's next key follows the last one's period, in a new epoch; what is over leaves the list", async () => {
  const path = await newFolder();
  const first = { spki: await spkiOf("opener"), from: NOW - DAY, to: NOW + 6 * DAY };
  const second = { spki: await spkiOf("mdms"), from: first.to, to: first.to + WEEK };
  const run = await bench(path, first);
  assert.deepEqual(await run.listed(), { version: 1, keys: [first] });
  await run.registry.addOpenerKey(second);
  await run.registry.addOpenerKey(second); // An answer was lost: nothing happens.
  const both = await run.listed();
  assert.deepEqual(both, { version: 2, keys: [first, second] });
  assert.equal(await run.epochs(), 2);
  assert.equal(openerKeyAt(both, first.to - 1), both.keys[0]);
  assert.equal(openerKeyAt(both, first.to), both.keys[1], "half-open");
  assert.equal(openerKeyAt(both, second.to), undefined);

  await run.at(second.from + DAY);
  const third = { spki: await spkiOf("other"), from: second.to, to: second.to + WEEK };
  await run.registry.addOpenerKey(third);
  assert.deepEqual(await run.listed(), { version: 3, keys: [second, third] });
  await run.registry.close();
  // A lost epoch is made again, bit for bit: so is the signed list in it.
  const newest = join(path, "epochs", "000002.jws");
  await rm(newest);
  const again = await bench(path);
  assert.deepEqual(await again.listed(), { version: 3, keys: [second, third] });
  await again.registry.close();
});

test("an opener key at once ends the period of the one in use, and drops the next", async () => {
  const first = { spki: await spkiOf("opener"), from: NOW - DAY, to: NOW + 6 * DAY };
  const second = { spki: await spkiOf("mdms"), from: first.to, to: first.to + WEEK };
  const atOnce = { spki: await spkiOf("other"), from: NOW, to: NOW + WEEK };
  const run = await bench(await newFolder(), first);
  await run.registry.addOpenerKey(second);
  await run.registry.addOpenerKey(atOnce);
  assert.deepEqual(await run.listed(), { version: 3, keys: [{ ...first, to: NOW }, atOnce] });
  await run.registry.close();
});

test("an opener key that overlaps, is weak, too long, past, second in waiting or lengthened is refused", async () => {
  const first = { spki: await spkiOf("opener"), from: NOW - DAY, to: NOW + 6 * DAY };
  const run = await bench(await newFolder(), first);
  const next = { spki: await spkiOf("mdms"), from: first.to, to: first.to + WEEK };
  const { publicKey } = await crypto.subtle.generateKey(
    {
      name: "RSA-OAEP",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
    },
    true,
    ["encrypt", "decrypt"],
  );
  const weak = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const cases: readonly OpenerKey[] = [
    { ...next, from: first.to - 1 },
    { ...next, from: NOW + DAY },
    { ...next, from: NOW - DAY },
    { ...next, to: next.from + 32 * DAY },
    { ...next, to: next.from },
    { ...next, from: NOW - WEEK, to: NOW - DAY },
    { ...next, from: next.from + 0.5 },
    { ...next, spki: toBase64Url(weak) },
    { ...next, spki: "not a key" },
    { ...first, to: first.to + DAY },
    { ...first, to: first.to - DAY },
  ];
  const refused = { code: "REGISTRY_INVALID_CHANGE" };
  for (const key of cases) {
    await assert.rejects(run.registry.addOpenerKey(key), refused, JSON.stringify(key));
  }
  assert.equal(await run.epochs(), 1, "no refusal has left an epoch");
  await run.registry.addOpenerKey(next);
  const another = { spki: await spkiOf("other"), from: next.to, to: next.to + WEEK };
  await assert.rejects(run.registry.addOpenerKey(another), refused, "a second one in waiting");

  const post = (token: string, body: unknown): Response | Promise<Response> =>
    run.registry.app.request("/v1/opener-keys", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  assert.equal((await post("somebody-elses-token", next)).status, 401);
  assert.equal((await post(ADMIN, { ...next, surprise: 1 })).status, 400);
  assert.equal((await post(ADMIN, another)).status, 400);
  const answer = await post(ADMIN, next);
  assert.deepEqual([answer.status, await answer.json()], [201, { epoch: 1 }]);
  await run.registry.close();
});

test("a list of opener keys is believed under the root alone, and in one form", async () => {
  const key = { spki: await spkiOf("opener"), from: NOW, to: NOW + WEEK };
  const sign = (document: unknown): Promise<string> =>
    signDocument("smarter-metering/opener-keys", document, world.root);
  const good = await sign({ version: 1, keys: [key] });
  assert.deepEqual((await verifyOpenerKeys(good, world.root.publicKey)).keys, [key]);
  const later = { ...key, from: key.to, to: key.to + WEEK };
  const bad = [
    "",
    `${good}.`,
    good.slice(0, -4),
    await signDocument("smarter-metering/registry-epoch", { version: 1, keys: [key] }, world.root),
    await signDocument(
      "smarter-metering/opener-keys",
      { version: 1, keys: [key] },
      world.parties.opener.signer,
    ),
    await sign({ version: 0, keys: [key] }),
    await sign({ version: 1, keys: [] }),
    await sign({ version: 1, keys: [later, key] }),
    await sign({ version: 1, keys: [key, { ...later, from: later.from - 1 }] }),
    await sign({ version: 1, keys: [{ ...key, to: key.from }] }),
    await sign({ version: 1, keys: [{ ...key, from: -1 }] }),
    await sign({ version: 1, keys: [{ ...key, more: 1 }] }),
    await sign({ version: 1, keys: Array.from({ length: 9 }, () => key) }),
    await sign({ keys: [key] }),
  ];
  for (const jws of bad) {
    const refused = verifyOpenerKeys(jws, world.root.publicKey);
    await assert.rejects(refused, { code: "OPENER_KEYS_INVALID" }, jws.slice(0, 40));
  }
});
