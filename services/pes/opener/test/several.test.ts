/**
 * Several openers on one consumer (docs/protocol.md §3.3, §6.5): they share frames without a word, and one that lacks a
 * key leaves its frames to those that have it.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { destroyedAt, startOpener, type OpenerService } from "@smarter-metering/opener";
import {
  indexNetworkView,
  signOpenerKeys,
  toBase64Url,
  toHex,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type EmbeddedBus,
  type ManualClock,
  type Store,
} from "@smarter-metering/runtime";
import { makeWorld, ringOf, testRecipient, type World } from "../../../../test/support/world.ts";

const DAY_SLOTS = 96;

let world: World;
let store: Store;
let clock: ManualClock;
let bus: EmbeddedBus;
let openers: OpenerService[];
before(async () => {
  world = await makeWorld({ households: 8, loadIntervalSeconds: 3600 });
  store = await openStore({ place: { kind: "pglite" }, schema: "test", migrations: [] });
});
after(async () => {
  await store.close();
  await world.close();
});
beforeEach(() => {
  openers = [];
});

async function openStreams(): Promise<void> {
  const tables = await store.query<{ name: string }>(
    "select tablename::text as name from pg_tables where tablename like 'bus\\_%'",
  );
  for (const { name } of tables) await store.query(`truncate ${name}`);
  clock = manualClock(1000 * world.dayStart(40));
  const limits = { messagesMax: 1000, retainAcked: true };
  bus = await openBus({
    store,
    clock,
    streams: [
      { name: "frames", consumers: ["opener"], ...limits },
      { name: "contributions", consumers: ["aggregator"], ...limits },
    ],
  });
}

/** Its folder has what `held` says at the time. */
async function start(held: () => RecipientSecret | undefined): Promise<void> {
  const ring = ringOf(world.opener.secret);
  const find: typeof ring.find = (keyId) =>
    held() === undefined ? Promise.resolve(undefined) : ring.find(keyId);
  const { network, engine } = world;
  const { signer } = world.parties.opener;
  const common = { clock, log: silentLogger, metrics: createMetrics() };
  const ports = { ...common, bus, registry: network, engine, signer, keys: { ...ring, find } };
  openers.push(await startOpener({}, ports));
}

async function close(): Promise<void> {
  for (const opener of openers) await opener.close();
  await bus.close();
}

async function send(day: number): Promise<string[]> {
  const made = await Promise.all(
    world.households.map(({ frames }) => {
      const values = { importMilliwattHours: Array.from({ length: DAY_SLOTS }, () => 1000) };
      return frames.next({ blockStart: world.dayStart(day) }, values);
    }),
  );
  const messages = made.map(({ hash, item }) => ({ id: toHex(hash), subject: "", body: item }));
  await bus.publish("frames", messages);
  return messages.map(({ id }) => id);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function passUntil(isOver: () => Promise<boolean>): Promise<void> {
  while (!(await isOver())) {
    await turn();
    await clock.advanceTo(clock.nowMs() + 1000);
  }
}
const isSettled = async (): Promise<boolean> => (await bus.pending("frames", "opener")) === 0;
const contributed = async (): Promise<string[]> =>
  (await bus.read("contributions", { from: 0n, limit: 1000 })).map(({ id }) => id).toSorted();
const streamsOf = (frames: readonly string[]): string[] =>
  frames.flatMap((id) => [`${id}/BILL`, `${id}/LOAD`]).toSorted();

test("share the frames: each is contributed once, whoever opens it", async () => {
  await openStreams();
  await start(() => world.opener.secret);
  await start(() => world.opener.secret);
  const sent = [...(await send(0)), ...(await send(1)), ...(await send(2))];
  await passUntil(isSettled);
  assert.deepEqual(await contributed(), streamsOf(sent));
  const opened = openers.map((opener) => opener.status().framesOpened);
  assert.equal(
    opened.reduce((sum, count) => sum + count, 0),
    sent.length,
  );
  assert.deepEqual(await bus.deadLetters(), []);
  await close();
});

test("a registered key that one of them lacks: its frames wait for the key, or for another", async () => {
  await openStreams();
  let held: RecipientSecret | undefined;
  let asked = 0;
  const lookUp = (): RecipientSecret | undefined => {
    asked += 1;
    return held;
  };
  /** Every frame was tried, and came again, twice. */
  const areTried = (): Promise<boolean> => Promise.resolve(asked >= 3 * world.households.length);
  await start(lookUp);
  const sent = await send(3);
  await passUntil(areTried);
  assert.deepEqual([await contributed(), await bus.deadLetters()], [[], []]);
  await openers[0]?.close();
  await start(() => world.opener.secret);
  await passUntil(isSettled);
  assert.deepEqual(await contributed(), streamsOf(sent));
  await openers[1]?.close();
  asked = 0;
  await start(lookUp);
  const more = await send(4);
  await passUntil(areTried);
  held = world.opener.secret;
  await passUntil(isSettled);
  assert.deepEqual(await contributed(), streamsOf([...sent, ...more]));
  assert.deepEqual(await bus.deadLetters(), []);
  await close();
});

test("what no opener can have any more, or ever had, does not wait", async () => {
  const { document } = world.network.current().view;
  const spki = toBase64Url(world.opener.recipient.spki);
  const other = toBase64Url((await testRecipient("other")).spki);
  const nowSeconds = world.dayStart(40);
  const ended = { from: 0, to: nowSeconds - destroyedAt({ to: 0 }) };
  const cases = [
    ["OPENER_KEY_DESTROYED", { spki, ...ended }],
    ["ENVELOPE_FOREIGN", { spki: other, from: 0, to: 2 ** 33 }],
  ] as const;
  for (const [at, [reason, key]] of cases.entries()) {
    const openerKeys = await signOpenerKeys({ version: 2, keys: [key] }, world.root);
    world.network.set(at + 1, indexNetworkView({ ...document, openerKeys }));
    await openStreams();
    await start(() => undefined);
    const sent = await send(5 + at);
    await passUntil(isSettled);
    const dead = await bus.deadLetters();
    assert.deepEqual(
      dead.map((letter) => letter.reason),
      sent.map(() => reason),
    );
    await close();
  }
});
