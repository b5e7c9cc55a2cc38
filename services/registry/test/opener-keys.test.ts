/** The opener's keys at the registry (docs/protocol.md §3.3): which one meters wrap to, and when. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  openerKeyAt,
  parseNetworkView,
  signDocument,
  toBase64Url,
  verifyOpenerKeys,
  type OpenerKey,
  type OpenerKeys,
  wholeView,
} from "@smarter-metering/protocol";
import { testRecipient } from "../../../test/support/world.ts";
import { NOW, post, start, stateWith, strike, world, type Running } from "./stage.ts";

const DAY = 86_400;
const WEEK = 7 * DAY;

after(strike);

const spkiOf = async (name: Parameters<typeof testRecipient>[0]): Promise<string> =>
  toBase64Url((await testRecipient(name)).spki);

const startWith = async (openerKey: OpenerKey): Promise<Running> =>
  start(await stateWith([], [], { openerKey }));

async function listed({ registry }: Running): Promise<OpenerKeys> {
  const view = await wholeView(registry.transport(), "network", registry.status().epoch);
  const { openerKeys } = parseNetworkView(view).document;
  assert(openerKeys !== undefined);
  return verifyOpenerKeys(openerKeys, world.root.publicKey);
}

test("the opener's next key follows the last one's period, in a new epoch; what is over leaves the list", async () => {
  const first = { spki: await spkiOf("opener"), from: NOW - DAY, to: NOW + 6 * DAY };
  const second = { spki: await spkiOf("mdms"), from: first.to, to: first.to + WEEK };
  const run = await startWith(first);
  assert.deepEqual(await listed(run), { version: 1, keys: [first] });
  await run.registry.addOpenerKey(second);
  await run.registry.addOpenerKey(second); // An answer was lost: nothing happens.
  const both = await listed(run);
  assert.deepEqual(both, { version: 2, keys: [first, second] });
  assert.equal(run.registry.status().epoch, 1);
  assert.equal(openerKeyAt(both, first.to - 1), both.keys[0]);
  assert.equal(openerKeyAt(both, first.to), both.keys[1], "half-open");
  assert.equal(openerKeyAt(both, second.to), undefined);

  await run.clock.advanceTo(1000 * (second.from + DAY));
  const third = { spki: await spkiOf("other"), from: second.to, to: second.to + WEEK };
  await run.registry.addOpenerKey(third);
  assert.deepEqual(await listed(run), { version: 3, keys: [second, third] });
  await run.registry.close();
  // A lost epoch is made again, bit for bit: so is the signed list in it.
  await rm(join(run.folder, "epochs", "000002.jws"));
  const again = await start(undefined, run.folder);
  assert.deepEqual(await listed(again), { version: 3, keys: [second, third] });
  await again.registry.close();
});

test("an opener key at once ends the period of the one in use, and drops the next", async () => {
  const first = { spki: await spkiOf("opener"), from: NOW - DAY, to: NOW + 6 * DAY };
  const second = { spki: await spkiOf("mdms"), from: first.to, to: first.to + WEEK };
  const atOnce = { spki: await spkiOf("other"), from: NOW, to: NOW + WEEK };
  const run = await startWith(first);
  await run.registry.addOpenerKey(second);
  await run.registry.addOpenerKey(atOnce);
  assert.deepEqual(await listed(run), { version: 3, keys: [{ ...first, to: NOW }, atOnce] });
  await run.registry.close();
});

test("an opener key that overlaps, is weak, too long, past, second in waiting or lengthened is refused", async () => {
  const first = { spki: await spkiOf("opener"), from: NOW - DAY, to: NOW + 6 * DAY };
  const run = await startWith(first);
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
  assert.equal(run.registry.status().epoch, 0, "no refusal has left an epoch");
  await run.registry.addOpenerKey(next);
  const another = { spki: await spkiOf("other"), from: next.to, to: next.to + WEEK };
  await assert.rejects(run.registry.addOpenerKey(another), refused, "a second one in waiting");

  assert.equal(
    (await post(run.registry, "/v1/opener-keys", next, "somebody-elses-token")).status,
    401,
  );
  assert.equal((await post(run.registry, "/v1/opener-keys", { ...next, surprise: 1 })).status, 400);
  assert.equal((await post(run.registry, "/v1/opener-keys", another)).status, 400);
  const answer = await post(run.registry, "/v1/opener-keys", next);
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
