/** The embedded bus and the bus over HTTP: conformance, permissions, leases, a seeded history. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as fc from "fast-check";
import { RuntimeError, connectBus, listen, manualClock, openBus } from "@smarter-metering/runtime";
import { createBusKey, natsConfigOf, openStore, partitionNames } from "@smarter-metering/runtime";
import { partitionOf, serveBus, systemClock } from "@smarter-metering/runtime";
import type { Bus, ConsumerName, EmbeddedBus, Store, Verdict } from "@smarter-metering/runtime";
import { busConformance, conformanceStreams, message, messages } from "./bus-conformance.ts";
import type { BusUnderTest } from "./bus-conformance.ts";
import { testPlace } from "./test-place.ts";

/** A store that can be cut off, as a crash does, while the database below lives on. */
function severable(store: Store): { store: Store; cut: () => void } {
  let isCut = false;
  const check = (): void => {
    if (isCut) throw new RuntimeError("STORE_CLOSED", "cut off");
  };
  return {
    cut: () => void (isCut = true),
    store: {
      kind: store.kind,
      query: async (sql, params) => (check(), store.query(sql, params)),
      transaction: async (work) => (check(), store.transaction(work)),
      close: async () => undefined,
    },
  };
}

let shared: Store;
before(async () => {
  shared = await openStore({ place: await testPlace(), schema: "test", migrations: [] });
  await (await embedded()).close(); // makes the tables
});
after(() => shared.close());

async function clean(): Promise<void> {
  const tables = await shared.query<{ name: string }>(
    "select tablename::text as name from pg_tables where tablename like 'bus\\_%'",
  );
  for (const { name } of tables) await shared.query(`truncate ${name}`);
}

interface EmbeddedUnderTest extends BusUnderTest {
  readonly bus: EmbeddedBus;
  abandon(): Promise<void>;
  crash(): Promise<EmbeddedUnderTest>;
}

async function embedded(): Promise<EmbeddedUnderTest> {
  const { store, cut } = severable(shared);
  const bus = await openBus({ store, streams: conformanceStreams, clock: systemClock });
  const abandon = async () => {
    cut();
    await bus.engine.close();
  };
  const crash = async () => {
    await abandon();
    return embedded();
  };
  return { bus, abandon, crash, close: () => bus.close() };
}

const token = "token-of-a-client-0123456789abcdef";
const everything: ConsumerName[] = [
  ...conformanceStreams.flatMap(({ name, consumers }) =>
    consumers.map((consumer) => ({ stream: name, consumer })),
  ),
  { stream: "frames", consumer: "nobody" },
  { stream: "audit", consumer: "any" },
];

async function overHttp(): Promise<BusUnderTest> {
  const server = await embedded();
  const tokens = [
    { token, publish: conformanceStreams.map(({ name }) => name), consume: everything },
  ];
  const app = serveBus(server.bus, { tokens });
  const listening = await listen({ app, port: 0, closeLimitMs: 50 });
  const bus = connectBus({ url: listening.url, token });
  return {
    bus,
    async crash() {
      await server.abandon();
      void bus.close(); // its handler never returns
      await listening.close();
      return overHttp();
    },
    async close() {
      await bus.close();
      await listening.close();
      await server.close();
    },
  };
}

const cleanly = (open: () => Promise<BusUnderTest>) => async () => {
  await clean();
  return open();
};
busConformance("embedded", cleanly(embedded));
busConformance("over HTTP", cleanly(overHttp));

describe("the bus over HTTP", () => {
  test("a token opens only what it names", async () => {
    await clean();
    const server = await embedded();
    const consume = [{ stream: "frames", consumer: "opener" }];
    const app = serveBus(server.bus, { tokens: [{ token, publish: ["frames"], consume }] });
    const listening = await listen({ app, port: 0, closeLimitMs: 50 });
    const bus = connectBus({ url: listening.url, token });
    const stranger = connectBus({ url: listening.url, token: `${token}x` });
    await bus.publish("frames", messages("a"));
    assert.equal(await bus.pending("frames", "opener"), 1);
    const refused: (() => Promise<unknown>)[] = [
      () => bus.publish("audit", messages("a")),
      () => bus.pending("frames", "ucs"),
      () => bus.read("audit", { from: 0n, limit: 1 }),
      () => bus.last("audit"),
      () => bus.requeue({ stream: "frames", consumer: "ucs", sequence: 1n }),
      () => stranger.publish("frames", messages("b")),
    ];
    for (const call of refused) await assert.rejects(call, { code: "BUS_FORBIDDEN" });
    const ended = await bus.consume("frames", "ucs", { batchMax: 1 }, async () => []).ended;
    assert(ended instanceof RuntimeError && ended.code === "BUS_FORBIDDEN");
    for (const [body, status] of [
      ["{", 400],
      ['{"messages":[{}]}', 400],
    ] as const) {
      const headers = { authorization: `Bearer ${token}` };
      const url = `${listening.url}/v1/streams/frames/messages`;
      assert.equal((await fetch(url, { method: "POST", headers, body })).status, status);
    }
    await bus.close();
    await listening.close();
    await assert.rejects(stranger.publish("frames", messages("c")), { code: "BUS_UNREACHABLE" });
    await server.close();
  });
});

describe("the embedded bus on a manual clock", () => {
  test("a lease that runs out counts as an attempt; a late verdict is ignored", async () => {
    await clean();
    const clock = manualClock(1_000_000);
    const bus = await openBus({ store: shared, streams: conformanceStreams, clock });
    await bus.publish("frames", messages("a"));
    const request = { stream: "frames", consumer: "opener", max: 5, leaseMs: 1_000, waitMs: 0 };
    const [first] = await bus.engine.fetch(request);
    assert.equal(first?.attempt, 1);
    assert.deepEqual(await bus.engine.fetch(request), []);
    await clock.advanceTo(1_001_000);
    const [second] = await bus.engine.fetch(request);
    assert.deepEqual([second?.id, second?.attempt], ["a", 2]);
    await clock.advanceTo(1_003_000);
    const late = { sequence: second?.sequence ?? 0n, verdict: { ack: true } as const };
    await bus.engine.fetch({ ...request, subject: "nothing" });
    await bus.engine.settle(request, [late]);
    assert.equal(await bus.pending("frames", "opener"), 1);
    await bus.close();
  });

  test("settled messages are deleted, unless retained; their ids are remembered", async () => {
    await clean();
    const clock = manualClock(1_000_000);
    const streams = [
      { name: "gone", consumers: ["c"], messagesMax: 9, dedupeWindow: 4 },
      { name: "kept", consumers: ["c"], messagesMax: 9, retainAcked: { seconds: 3_600 } },
    ];
    const bus = await openBus({ store: shared, streams, clock });
    const count = async (stream: string) => (await bus.read(stream, { from: 0n, limit: 9 })).length;
    for (const { name } of streams) {
      bus.consume(name, "c", { batchMax: 9 }, async (batch) => batch.map(() => ({ ack: true })));
      await bus.publish(name, messages("a", "b", "c"));
    }
    await bus.idle();
    await clock.advanceTo(1_061_000);
    assert.deepEqual([await count("gone"), await count("kept")], [0, 3]);
    assert.deepEqual(await bus.publish("gone", messages("c")), { accepted: 0, duplicates: 1 });
    await clock.advanceTo(1_000_000 + 3_700_000);
    assert.equal(await count("kept"), 0);
    await bus.close();
  });
});

/**
 * One seed, one history: publishes with repeated ids, consumers that acknowledge, retry, throw, die or
 * hang, and crashes in between. In the end every accepted id was handled or is dead, exactly once
 * counted by id, and nothing is pending.
 */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ publish: fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ consume: fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ crash: true as const }) },
);

test("no history of publishes, verdicts and crashes loses or invents a message", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      await clean();
      let under = await embedded();
      const published = new Set<string>();
      const handled = new Set<string>();
      for (const action of steps) {
        if ("crash" in action) under = await under.crash();
        else if ("publish" in action) await publishAll(under.bus, action.publish, published);
        else await consumeSome(under.bus, action.consume, handled);
      }
      under = await under.crash();
      const { bus } = under;
      bus.consume("frames", "opener", { batchMax: 3 }, async (batch) => {
        for (const { id } of batch) handled.add(id);
        return batch.map(() => ({ ack: true }));
      });
      await bus.idle();
      for (const { id } of await bus.deadLetters("frames")) handled.add(id);
      assert.deepEqual([...handled].sort(), [...published].sort());
      assert.equal(await bus.pending("frames", "opener"), 0);
      assert.equal(await bus.pending("frames", "ucs"), published.size);
      await under.close();
    }),
    { numRuns: 25, seed: 20_261_122 },
  );
});

async function publishAll(bus: Bus, numbers: number[], published: Set<string>): Promise<void> {
  const batch = numbers.map((n) => message(`m${n}`, `n${n % 2}`));
  const fresh = new Set(batch.map(({ id }) => id).filter((id) => !published.has(id)));
  const result = await bus.publish("frames", batch);
  assert.deepEqual(result, { accepted: fresh.size, duplicates: batch.length - fresh.size });
  for (const id of fresh) published.add(id);
}

/** One fetch; each message gets the next choice: ack, retry at once, dead, or left in flight. */
async function consumeSome(
  bus: EmbeddedBus,
  choices: number[],
  handled: Set<string>,
): Promise<void> {
  const name = { stream: "frames", consumer: "opener" };
  const filter = (choices[0] ?? 0) % 2 === 0 ? {} : { subject: "n1" };
  const batch = await bus.engine.fetch({ ...name, ...filter, max: choices.length, waitMs: 0 });
  const verdicts: Verdict[] = [{ ack: true }, { ack: true }, { retryAfterMs: 0 }, { dead: "TEST" }];
  const settlements = batch.flatMap(({ sequence, id }, index) => {
    const verdict = verdicts[choices[index] ?? 0];
    if (verdict === undefined) return [];
    if ("ack" in verdict) {
      assert(!handled.has(id), "an acknowledged message came again");
      handled.add(id);
    }
    return [
      { sequence, verdict: "retryAfterMs" in verdict ? { ...verdict, alone: true } : verdict },
    ];
  });
  await bus.engine.settle(name, settlements);
}

describe("partitions", () => {
  const vectors: readonly (readonly [text: string, count: number | undefined, name: string])[] = [
    ["", undefined, "p02"],
    ["a", undefined, "p02"],
    ["north", undefined, "p09"],
    ["Grüße", undefined, "p07"],
    ["p07", undefined, "p12"],
    ["north", 3, "p00"],
    ["north", 1, "p00"],
  ];
  test("a text has the same partition for ever", () => {
    for (const [text, count, name] of vectors) assert.equal(partitionOf(text, count), name, text);
    for (const count of [0, -1, 101, Number.NaN]) assert.throws(() => partitionOf("north", count));
  });

  test("every text is in one of the partitions", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 100 }), (text, count) =>
        partitionNames(count).includes(partitionOf(text, count)),
      ),
    );
  });
});

test("the configuration of a NATS server grants each user its own, and holds no secret", () => {
  const { publicKey, seed } = createBusKey();
  const consume = [
    { stream: "frames", consumer: "opener" },
    { stream: "audit", consumer: "opener" },
  ];
  const text = natsConfigOf({
    serverName: "nats-1",
    listen: { host: "127.0.0.1", port: 4222 },
    storeFolder: "store",
    storeBytesMax: 1_000_000,
    streams: conformanceStreams,
    users: [{ user: "opener", publicKey, publish: ["contributions", "log"], consume }],
    operator: { user: "operator", publicKey: createBusKey().publicKey },
  });
  assert(!text.includes(seed));
  const { accounts } = JSON.parse(text);
  const [opener] = accounts.BUS.users;
  assert.equal(opener.nkey, publicKey);
  assert.deepEqual(opener.permissions.subscribe.allow, ["_INBOX.opener.>"]);
  assert.deepEqual(opener.permissions.publish.allow, [
    "sm.contributions.all.>",
    "sm.log.all.>",
    "$JS.API.CONSUMER.INFO.SM_log.trustee",
    "$JS.API.STREAM.MSG.GET.SM_frames",
    "$JS.API.STREAM.MSG.GET.SM_DEAD_frames",
    "$JS.API.CONSUMER.INFO.SM_frames.opener",
    "$JS.API.CONSUMER.MSG.NEXT.SM_frames.opener",
    "$JS.ACK.SM_frames.opener.>",
    "sm-dead.frames.opener.*",
    "$JS.API.STREAM.MSG.GET.SM_audit",
    "$JS.API.STREAM.MSG.GET.SM_DEAD_audit",
  ]);
  const names = ["", "a.b", "a b", "*", "a>"];
  for (const serverName of names) assert.throws(() => natsConfigOf({ ...minimal, serverName }));
});
const minimal = {
  listen: { host: "127.0.0.1", port: 4222 },
  storeFolder: "store",
  storeBytesMax: 1_000_000,
  streams: [],
  users: [],
  operator: { user: "operator", publicKey: "" },
};
