/**
 * The opener: exact ciphertexts, wiping, the reading budget, and frames that must not get through.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { recomputeContributions } from "@smarter-metering/customer";
import { engineKeyOf, unpack, type Engine } from "@smarter-metering/paillier";
import { startOpener, type OpenerService } from "@smarter-metering/opener";
import {
  billPacking,
  blindingOf,
  decodeContribution,
  encodeEnvelope,
  encodeFrame,
  encodeUplinkItem,
  fromHex,
  indexNetworkView,
  loadPacking,
  openFrame,
  messagesOf,
  planContributions,
  sealEnvelope,
  toHex,
  verifyContribution,
  type Contribution,
  type FrameHeader,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type Bus,
  type DeadLetter,
  type EmbeddedBus,
  type ManualClock,
  type Store,
} from "@smarter-metering/runtime";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import * as fc from "fast-check";
import { textbookBlind, textbookDecrypt } from "../../../../packages/paillier/test/textbook.ts";
import { dayAheadDays, dayAheadTariff } from "../../../../test/support/day-ahead.ts";
import {
  makeWorld,
  mutableFeed,
  ringOf,
  testRecipient,
  type FrameValues,
  type MadeFrame,
  type World,
} from "../../../../test/support/world.ts";
import { DATA_KEY_MILLISECONDS, DATA_KEYS_MAX, DataKeyCache } from "../src/data-key-cache.ts";
import { createReadingBudget } from "../src/reading-budget.ts";

let world: World;
let store: Store;
before(async () => {
  // Hours: 96 quarters do not fit in one ciphertext of the 2048-bit test key.
  world = await makeWorld({ households: 14, exportLoad: true, loadIntervalSeconds: 3600 });
  store = await openStore({ place: { kind: "pglite" }, schema: "test", migrations: [] });
});
after(async () => {
  await store.close();
  await world.close();
});

const DAY_SLOTS = 96;
/** ⌈log2(63 A · 3 · 230 V · 1.25 · 1 h in Wh + 1)⌉ */
const LOAD_VALUE_BITS = 16;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A day that differs for every household and slot. */
function dayOf(index: number, count = DAY_SLOTS): FrameValues {
  const slots = Array.from({ length: count }, (_, slot) => slot);
  return {
    importMilliwattHours: slots.map((slot) => 1000 + 777 * index + 1313 * slot),
    exportMilliwattHours: slots.map((slot) => (slot % 7) * 999),
  };
}

interface Bench {
  readonly bus: EmbeddedBus;
  readonly clock: ManualClock;
  readonly opener: OpenerService;
  send(
    ...frames: readonly { readonly hash: Uint8Array; readonly item: Uint8Array }[]
  ): Promise<void>;
  /** Waits until every frame is settled; time goes on, so that retries come. */
  settle(): Promise<void>;
  contributions(): Promise<Contribution[]>;
  dead(): Promise<DeadLetter[]>;
  close(): Promise<void>;
}

interface BenchOptions {
  readonly engine?: Engine;
  readonly readingsMax?: number;
  readonly busOf?: (bus: Bus) => Bus;
  readonly network?: World["network"];
}

async function bench(options: BenchOptions = {}): Promise<Bench> {
  const tables = await store.query<{ name: string }>(
    "select tablename::text as name from pg_tables where tablename like 'bus\\_%'",
  );
  for (const { name } of tables) await store.query(`truncate ${name}`);
  const clock = manualClock(world.dayStart(40) * 1000);
  const limits = { messagesMax: 10_000, retainAcked: true };
  const bus = await openBus({
    store,
    clock,
    streams: [
      { name: "frames", consumers: ["opener"], ...limits },
      { name: "contributions", consumers: ["aggregator"], ...limits },
    ],
  });
  const readingsMax = options.readingsMax;
  const opener = await startOpener(
    readingsMax === undefined ? {} : { openerPlaintextReadingsMax: readingsMax },
    {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus: options.busOf?.(bus) ?? bus,
      registry: options.network ?? world.network,
      engine: options.engine ?? world.engine,
      signer: world.parties.opener.signer,
      keys: ringOf(world.opener.secret),
    },
  );
  return {
    bus,
    clock,
    opener,
    async send(...frames) {
      const messages = frames.map(({ hash, item }) => ({
        id: toHex(hash),
        subject: "",
        body: item,
      }));
      await bus.publish("frames", messages);
    },
    async settle() {
      while ((await bus.pending("frames", "opener")) > 0) {
        await turn();
        await clock.advanceTo(clock.nowMs() + 1000);
      }
    },
    async contributions() {
      const stored = await bus.read("contributions", { from: 0n, limit: 1000 });
      return stored.map(({ body }) => decodeContribution(body));
    },
    dead: () => bus.deadLetters("frames"),
    async close() {
      await opener.close();
      await bus.close();
    },
  };
}

const household = (index: number) => {
  const found = world.households[index];
  assert(found !== undefined);
  return found;
};

const frameOf = (
  index: number,
  day: number,
  header: Partial<FrameHeader> = {},
  values?: FrameValues,
) =>
  household(index).frames.next(
    { blockStart: world.dayStart(day), ...header },
    values ?? dayOf(index),
  );

const big = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

describe("contributions", () => {
  test("are the ciphertexts the customer computes from his own readings", async () => {
    const made = await frameOf(0, 0);
    const run = await bench();
    await run.send(made);
    await run.settle();
    const contributions = await run.contributions();
    await run.close();

    const { dataKey } = household(0).frames;
    const { publicKey, secretKey } = world.paillier;
    const body = await openFrame(made.frame, dataKey);
    const context = {
      paillierKeyId: fromHex(publicKey.id),
      modulusBits: publicKey.bits,
      blockSeconds: 86_400,
      bandCount: 2,
      load: { intervalSeconds: 3600, valueBits: LOAD_VALUE_BITS, exportToo: true },
    };
    const own = await recomputeContributions(made.frame, dataKey, context, (message, blinding) =>
      world.engine.encrypt(engineKeyOf(publicKey), message, blinding),
    );
    assert.deepEqual(
      contributions.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
      own.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
    );
    const frame = planContributions(made.frame.header, made.hash, body, context);
    const planned = frame.flatMap(messagesOf);
    const streams = contributions.map(({ header }) => header.stream);
    assert.deepEqual(streams, ["LOAD", "LOAD_EXPORT", "BILL"]);
    for (const [index, contribution] of contributions.entries()) {
      const plan = planned[index];
      assert(plan !== undefined);
      assert.deepEqual(contribution.headerBytes, plan.headerBytes);
      const blinding = await blindingOf(plan, { dataKey }, publicKey.bits);
      const expected = textbookBlind(publicKey, big(plan.message), big(blinding));
      assert.equal(big(contribution.ciphertext), expected);
      await verifyContribution(contribution, world.parties.opener.signer.publicKey);
    }
    const [load, , bill] = contributions;
    assert(load !== undefined && bill !== undefined);
    const loads = unpack(
      loadPacking(LOAD_VALUE_BITS, publicKey.bits),
      textbookDecrypt(secretKey, big(load.ciphertext)),
      { count: 1, slots: 24 },
    );
    assert(loads.ok);
    const wattHours = dayOf(0).importMilliwattHours.reduce((sum, value) => sum + value, 0) / 1000;
    assert.equal(
      loads.values.reduce((sum, value) => sum + value, 0n),
      BigInt(Math.floor(wattHours)),
    );
    const registers = unpack(
      billPacking(publicKey.bits),
      textbookDecrypt(secretKey, big(bill.ciphertext)),
      { count: 1, slots: 8 },
    );
    assert(registers.ok);
    assert.deepEqual(registers.values, [...body.registersMilliwattHours]);
  });

  test("of an installation frame: the registers alone", async () => {
    const made = await frameOf(1, -1, { firstSlot: DAY_SLOTS }, { importMilliwattHours: [] });
    const run = await bench();
    await run.send(made);
    await run.settle();
    const contributions = await run.contributions();
    assert.deepEqual(
      contributions.map(({ header }) => [header.stream, header.count, header.firstSlot]),
      [["BILL", 0, DAY_SLOTS]],
    );
    assert.equal(run.opener.status().openerPlaintextReadingsSeenMax, 1);
    await run.close();
  });

  test("of a service point that counts a cost: COST beside BILL, and none of what its bank does not have", async () => {
    const zone = "Europe/Zurich";
    const startSeconds = dayStartOf("2025-02-01", zone);
    const spot = await makeWorld({
      households: 2,
      exportLoad: true,
      loadIntervalSeconds: 3600,
      tariff: dayAheadTariff(),
      prices: dayAheadDays(startSeconds, 1, zone),
    });
    const [first, second] = spot.households;
    assert(first !== undefined && second !== undefined);
    const previous = addLocalDays(startSeconds, -1, zone);
    const installation = await first.frames.next(
      { blockStart: previous, firstSlot: DAY_SLOTS },
      { importMilliwattHours: [] },
    );
    const made = await first.frames.next({ blockStart: startSeconds }, dayOf(0));
    const foreign = await second.frames.next({ blockStart: startSeconds }, dayOf(1));
    const { networkDocument: document } = spot;
    const servicePoints = document.servicePoints.map(({ prices, ...point }) =>
      point.network === second.network ? point : { ...point, ...(prices && { prices }) },
    );
    // The second's bank has no cost, by the registry: its frame has a register too many.
    const network = mutableFeed(0, indexNetworkView({ ...document, servicePoints }));
    const run = await bench({ network });
    await run.send(installation, made, foreign);
    await run.settle();
    assert.deepEqual(
      (await run.dead()).map(({ reason }) => reason),
      ["FRAME_OUT_OF_RANGE"],
    );
    const contributions = await run.contributions();
    await run.close();
    await spot.close();
    const own = contributions.filter(({ header }) => toHex(header.frameHash) === toHex(made.hash));
    const streams = (list: readonly Contribution[]) => list.map(({ header }) => header.stream);
    assert.deepEqual(streams(own), ["LOAD", "LOAD_EXPORT", "BILL", "COST"]);
    assert.deepEqual(streams(contributions.filter((each) => !own.includes(each))), [
      "BILL",
      "COST",
    ]);
    const { publicKey, secretKey } = world.paillier;
    const context = {
      paillierKeyId: fromHex(publicKey.id),
      modulusBits: publicKey.bits,
      blockSeconds: 86_400,
      bandCount: 1,
      hasCost: true,
      load: { intervalSeconds: 3600, valueBits: LOAD_VALUE_BITS, exportToo: true },
    };
    const { dataKey } = first.frames;
    const expected = await recomputeContributions(
      made.frame,
      dataKey,
      context,
      (message, blinding) => world.engine.encrypt(engineKeyOf(publicKey), message, blinding),
    );
    assert.deepEqual(
      own.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
      expected.map(({ headerBytes, ciphertext }) => [headerBytes, ciphertext]),
    );
    const [bill, cost] = own.slice(2).map(({ ciphertext }) => {
      const message = textbookDecrypt(secretKey, big(ciphertext));
      const opened = unpack(billPacking(publicKey.bits), message, { count: 1, slots: 8 });
      return opened.ok ? opened.values : assert.fail();
    });
    const { registersMilliwattHours: registers } = await openFrame(made.frame, dataKey);
    const zeros = [0n, 0n, 0n, 0n, 0n, 0n];
    assert((registers[2] ?? 0n) > 0n);
    assert.deepEqual(bill, [registers[0], registers[1], ...zeros]);
    assert.deepEqual(cost, [registers[2], 0n, ...zeros]);
  });

  test("stay the same, byte for byte, when a frame comes again", async () => {
    const made = await frameOf(2, 0);
    let failures = 0;
    const run = await bench({
      // Stored, but the opener dies before it hears so; and dies again.
      busOf: (bus) => ({
        ...bus,
        async publish(stream, messages) {
          const result = await bus.publish(stream, messages);
          failures += 1;
          if (failures <= 2) throw new Error("cut off");
          return result;
        },
      }),
    });
    await run.send(made);
    await run.settle();
    assert.equal(failures, 3);
    const first = await run.bus.read("contributions", { from: 0n, limit: 10 });
    assert.equal(first.length, 3, "published three times, kept once");
    await run.bus.publish("frames", [{ id: "again", subject: "", body: made.item }]);
    await run.settle();
    const both = await run.bus.read("contributions", { from: 0n, limit: 10 });
    assert.deepEqual(
      both.slice(3).map(({ body }) => body),
      first.map(({ body }) => body),
    );
    await run.close();
  });
});

describe("plaintext", () => {
  /**
   * An engine that shows what it was given, and answers only after the event loop went round a few
   * times.
   */
  function watchedEngine(): {
    readonly engine: Engine;
    readonly buffers: Uint8Array[];
    waitingMax: number;
  } {
    const watched = { engine: world.engine, buffers: [] as Uint8Array[], waitingMax: 0 };
    let waiting = 0;
    watched.engine = {
      ...world.engine,
      async encrypt(key, messages, blindings) {
        assert(blindings !== undefined, "blindings are derived");
        assert(messages.some((byte) => byte > 0) && blindings.some((byte) => byte > 0));
        watched.buffers.push(messages, blindings);
        waiting += messages.length / (key.bits / 8);
        watched.waitingMax = Math.max(watched.waitingMax, waiting);
        for (let turns = 0; turns < 20; turns++) await turn();
        const result = await world.engine.encrypt(key, messages, blindings);
        waiting -= messages.length / (key.bits / 8);
        return result;
      },
    };
    return watched;
  }

  test("stays within the budget under load, and every buffer is wiped", async () => {
    const watched = watchedEngine();
    const frames: MadeFrame[] = [];
    for (let day = 1; day <= 3; day++) {
      for (let index = 0; index < 14; index++) frames.push(await frameOf(index, day));
    }
    const readingsMax = 4 * DAY_SLOTS + 50;
    const run = await bench({ engine: watched.engine, readingsMax });
    await run.send(...frames);
    await run.bus.idle();
    const status = run.opener.status();
    assert.equal(status.framesOpened, frames.length);
    assert.equal(status.contributionsPublished, 3 * frames.length);
    assert.equal(
      status.openerPlaintextReadingsSeenMax,
      4 * DAY_SLOTS,
      "several at once, never five",
    );
    assert(watched.waitingMax <= 4 * 3, `${watched.waitingMax} messages of at most 4 frames`);
    assert(watched.buffers.every((buffer) => buffer.every((byte) => byte === 0)));
    assert(watched.buffers.length / 2 < 3 * frames.length, "calls carry several messages");
    assert(status.openerPlaintextMsMax >= status.openerPlaintextMsP99);
    assert(status.openerPlaintextMsP99 > 0);
    assert.equal(status.dataKeysHeld, 14);
    await run.close();
    assert.equal(run.opener.status().dataKeysHeld, 0);
  });

  test("is wiped when the engine fails, and the frame comes again", async () => {
    const buffers: Uint8Array[] = [];
    let calls = 0;
    const engine: Engine = {
      ...world.engine,
      async encrypt(key, messages, blindings) {
        calls += 1;
        if (blindings !== undefined) buffers.push(messages, blindings);
        if (calls === 1) throw new Error("a thread died");
        return world.engine.encrypt(key, messages, blindings);
      },
    };
    const run = await bench({ engine });
    await run.send(await frameOf(3, 4));
    await run.settle();
    assert.equal(calls, 2);
    assert.equal((await run.contributions()).length, 3);
    assert(buffers.every((buffer) => buffer.every((byte) => byte === 0)));
    await run.close();
  });

  test("a budget never gives out more than it has, in order, and always all of it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .integer({ min: 1, max: 100 })
          .chain((max) =>
            fc.tuple(
              fc.constant(max),
              fc.array(fc.tuple(fc.integer({ min: 1, max }), fc.nat(4)), { maxLength: 40 }),
            ),
          ),
        async ([max, frames]) => {
          const budget = createReadingBudget(max);
          const order: number[] = [];
          let open = 0;
          await Promise.all(
            frames.map(async ([readings, turns], index) => {
              const giveBack = await budget.acquire(readings);
              order.push(index);
              open += readings;
              assert(open <= max);
              for (let i = 0; i < turns; i++) await Promise.resolve();
              open -= readings;
              giveBack();
            }),
          );
          assert.deepEqual(
            order,
            frames.map((_, index) => index),
          );
          assert(budget.seenMax <= max);
          assert.throws(() => budget.acquire(max + 1));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("frames that contribute nothing", () => {
  test("a reading that cannot be leaves the other meters untouched", async () => {
    const values = dayOf(5).importMilliwattHours.with(50, 70_000_000);
    const bad = await frameOf(5, 5, {}, { importMilliwattHours: values });
    const good = await Promise.all([0, 1, 2, 3, 4, 6].map((index) => frameOf(index, 5)));
    const run = await bench();
    await run.send(...good.slice(0, 3), bad, ...good.slice(3));
    await run.settle();
    const contributions = await run.contributions();
    const points = new Set(contributions.map(({ header }) => toHex(header.networkPseudonym)));
    assert.equal(contributions.length, 3 * good.length);
    assert(!points.has(household(5).network));
    const [dead, ...others] = await run.dead();
    assert.deepEqual([dead?.id, dead?.reason], [toHex(bad.hash), "FRAME_OUT_OF_RANGE"]);
    assert.deepEqual(others, []);
    assert.deepEqual(run.opener.status().framesRefused, { FRAME_OUT_OF_RANGE: 1 });
    await run.close();
  });

  const withEnvelope = (made: MadeFrame, openerEnvelope: Uint8Array) => ({
    ...made,
    item: encodeUplinkItem({ kind: "FRAME", frame: made.bytes, openerEnvelope }),
  });
  const changed = (made: MadeFrame, change: (bytes: Uint8Array) => void) => {
    const bytes = Uint8Array.from(encodeFrame(made.frame));
    change(bytes);
    const { openerEnvelope } = made;
    return { ...made, item: encodeUplinkItem({ kind: "FRAME", frame: bytes, openerEnvelope }) };
  };
  const flip = (bytes: Uint8Array, at: number): void => {
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] ?? 0) ^ 1;
  };
  const envelopeOf = async (
    index: number,
    made: MadeFrame,
    recipientName: "opener" | "other",
    key: Uint8Array,
  ): Promise<Uint8Array> => {
    const { networkPseudonym, meterId, keyEpoch } = made.frame.header;
    const context = { recipient: "opener" as const, networkPseudonym, meterId, keyEpoch };
    const { recipient } = await testRecipient(recipientName);
    return encodeEnvelope(await sealEnvelope(context, key, recipient, household(index).meter));
  };

  type Sent = { readonly hash: Uint8Array; readonly item: Uint8Array };
  const cases: readonly (readonly [name: string, code: string, make: () => Promise<Sent>])[] = [
    [
      "noise",
      "FRAME_MALFORMED",
      async () => ({ ...(await frameOf(0, 6)), item: new Uint8Array(9) }),
    ],
    ["a LIVE frame", "FRAME_MALFORMED", () => frameOf(0, 6, { kind: "LIVE" })],
    [
      "a changed body",
      "FRAME_BAD_SIGNATURE",
      async () => changed(await frameOf(0, 6), (bytes) => flip(bytes, -70)),
    ],
    [
      "a changed header",
      "FRAME_BAD_SIGNATURE",
      async () => changed(await frameOf(0, 6), (bytes) => flip(bytes, 78)),
    ],
    [
      "a changed signature",
      "FRAME_BAD_SIGNATURE",
      async () => changed(await frameOf(0, 6), (bytes) => flip(bytes, -1)),
    ],
    [
      "a meter of another service point",
      "FRAME_FOREIGN",
      () => frameOf(0, 6, { networkPseudonym: fromHex(household(1).network) }),
    ],
    [
      "the other profile",
      "FRAME_PROFILE",
      async () => {
        const made = await frameOf(0, 6, { profile: "meter-encrypts" });
        return withEnvelope(made, made.openerEnvelope);
      },
    ],
    [
      "a meter's own contributions with it",
      "FRAME_MALFORMED",
      () => frameOf(0, 6, { profile: "meter-encrypts" }),
    ],
    ["tomorrow", "FRAME_FUTURE", () => frameOf(0, 41)],
    [
      "a block that begins at one o'clock",
      "FRAME_OFF_GRID",
      () => frameOf(0, 6, { blockStart: world.dayStart(6) + 3600 }),
    ],
    [
      "an interval of another meter",
      "FRAME_OFF_GRID",
      () => frameOf(0, 6, { intervalSeconds: 300 }),
    ],
    ["an unknown bank", "FRAME_OFF_GRID", () => frameOf(0, 6, { registerBank: new Uint8Array(8) })],
    ["a block too long", "FRAME_OUT_OF_RANGE", () => frameOf(0, 6, { firstSlot: 1 })],
    ["more readings than the budget", "FRAME_TOO_LARGE", () => frameOf(0, 6, {}, dayOf(0, 200))],
    [
      "no envelope",
      "ENVELOPE_FOREIGN",
      async () => withEnvelope(await frameOf(0, 6), new Uint8Array(0)),
    ],
    [
      "another meter's envelope",
      "ENVELOPE_FOREIGN",
      async () => withEnvelope(await frameOf(0, 6), (await frameOf(1, 6)).openerEnvelope),
    ],
    [
      "an envelope to another recipient",
      "ENVELOPE_FOREIGN",
      async () => {
        const made = await frameOf(0, 6);
        return withEnvelope(made, await envelopeOf(0, made, "other", household(0).frames.dataKey));
      },
    ],
    [
      "an envelope another meter signed",
      "ENVELOPE_FOREIGN",
      async () => {
        const made = await frameOf(0, 6);
        return withEnvelope(made, await envelopeOf(1, made, "opener", household(0).frames.dataKey));
      },
    ],
    [
      "an envelope with another key",
      "ENVELOPE_FOREIGN",
      async () => {
        const made = await frameOf(0, 6);
        return withEnvelope(made, await envelopeOf(0, made, "opener", new Uint8Array(32).fill(7)));
      },
    ],
    [
      "an envelope that does not open",
      "ENVELOPE_UNOPENABLE",
      async () => {
        household(9).frames.restart("household 9");
        const made = await frameOf(9, 6);
        // Rightly signed, but its JWE is sealed to somebody else under this opener's name.
        const { recipient } = await testRecipient("other");
        const { networkPseudonym, meterId, keyEpoch } = made.frame.header;
        const { dataKey } = household(9).frames;
        const context = { recipient: "opener" as const, networkPseudonym, meterId, keyEpoch };
        const masked = { ...recipient, keyId: world.opener.recipient.keyId };
        const envelope = await sealEnvelope(context, dataKey, masked, household(9).meter);
        return withEnvelope(made, encodeEnvelope(envelope));
      },
    ],
  ];

  test("are set aside with their code, each without the others", async () => {
    const run = await bench({ readingsMax: 2 * DAY_SLOTS });
    const expected: string[] = [];
    for (const [index, [, code, make]] of cases.entries()) {
      const { item } = await make();
      expected.push(`${index} ${code}`);
      await run.bus.publish("frames", [{ id: String(index), subject: "", body: item }]);
    }
    await run.send(await frameOf(4, 6));
    await run.settle();
    const dead = (await run.dead()).map(({ id, reason }) => `${id} ${reason}`);
    assert.deepEqual(dead.toSorted(), expected.toSorted());
    assert.equal((await run.contributions()).length, 3, "the one good frame");
    await run.close();
  });

  test("a frame ahead of the registry waits for the epoch that knows it", async () => {
    const document = world.networkDocument;
    const without = {
      ...document,
      servicePoints: document.servicePoints.filter(
        ({ network }) => network !== household(6).network,
      ),
    };
    const network = mutableFeed(0, indexNetworkView(without));
    const run = await bench({ network });
    await run.send(await frameOf(6, 7));
    for (let i = 0; i < 50; i++) await turn();
    network.set(1, indexNetworkView(document));
    await run.settle();
    assert.deepEqual(await run.dead(), []);
    assert.equal((await run.contributions()).length, 3);
    await run.close();
  });
});

describe("the cache of data keys", () => {
  const name = (epoch: number) => ({
    meterId: new Uint8Array(16),
    keyEpoch: epoch,
    keyCommitment: new Uint8Array(32),
  });
  const key = () => new Uint8Array(32).fill(9);

  test("holds 1024 keys for 15 minutes and hands out copies", () => {
    let nowMs = 0;
    const cache = new DataKeyCache(() => nowMs);
    for (let epoch = 0; epoch <= DATA_KEYS_MAX; epoch++) cache.put(name(epoch), key());
    assert.equal(cache.size, DATA_KEYS_MAX);
    assert.equal(cache.get(name(0)), undefined, "the oldest went");
    const held = cache.get(name(1));
    assert.deepEqual(held, key());
    nowMs = DATA_KEY_MILLISECONDS - 1;
    assert.equal(cache.size, DATA_KEYS_MAX);
    assert.notEqual(cache.get(name(1)), undefined);
    nowMs += 1;
    assert.equal(cache.get(name(1)), undefined);
    assert.equal(cache.size, 0);
    assert.deepEqual(held, key(), "a copy in use outlives its entry");
    held?.fill(0);
  });

  test("tells commitments apart", () => {
    const cache = new DataKeyCache(() => 0);
    cache.put(name(1), key());
    const other = { ...name(1), keyCommitment: new Uint8Array(32).fill(1) };
    assert.equal(cache.get(other), undefined);
    cache.clear();
    assert.equal(cache.size, 0);
  });
});
