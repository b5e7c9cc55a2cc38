/**
 * The concentrator: every refusal, the chain, crashes, the way down, HTTP and MQTT
 * (docs/protocol.md §2.7, §2.8, §4).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  customerMac,
  decodeUplinkItem,
  encodeEnrolmentAnswer,
  encodeEnrolmentRequest,
  encodeEnvelope,
  encodeFrame,
  encodeOffer,
  encodeUplink,
  encodeUplinkItem,
  fromHex,
  indexNetworkView,
  keyCommitment,
  meterMac,
  primitives,
  sealEnvelope,
  sealFrame,
  signDocument,
  signEnrolmentAnswer,
  signerFromSeed,
  signOffer,
  toBase64Url,
  toHex,
  UPLINK_BYTES_MAX,
  type FrameHeader,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger } from "@smarter-metering/runtime";
import { addLocalDays } from "@smarter-metering/tariff";
import mqtt from "mqtt";
import { dayAheadDays, dayAheadTerms } from "../../../test/support/day-ahead.ts";
import { named, type MadeFrame, type World } from "../../../test/support/world.ts";
import { startConcentrator, type Verdict } from "../src/index.ts";
import { day, openLab, post, short, SLOTS, type Lab } from "./lab.ts";

let lab: Lab;
before(async () => {
  lab = await openLab();
});
after(() => lab.close());

/** A copy of `bytes` with one bit of byte `at` turned. */
function bent(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

const frameItem = (made: MadeFrame, changes: { frame?: Uint8Array; openerEnvelope?: Uint8Array }) =>
  encodeUplinkItem({
    kind: "FRAME",
    frame: changes.frame ?? made.bytes,
    openerEnvelope: changes.openerEnvelope ?? made.openerEnvelope,
  });

test("each refusal has its code, and a refused item leaves nothing behind", async () => {
  const { world, clock } = lab;
  const household = lab.home(2);
  const start = world.startSeconds;
  const zone = world.zone;
  const good = await household.frames.next({ blockStart: start }, day());
  const live = await household.frames.next({ blockStart: start, kind: "LIVE" }, day());
  const make = (header: Partial<FrameHeader>, values = day()): Promise<MadeFrame> =>
    household.frames.next({ blockStart: start, counter: 0, ...header }, values);
  const other = lab.home(1);
  const tomorrow = addLocalDays(Math.floor(clock.nowMs() / 1000), 0, zone);
  const customer = world.customer.recipient;
  const context = {
    recipient: "customer",
    networkPseudonym: fromHex(household.network),
    meterId: fromHex(household.meterId),
    keyEpoch: 1,
  } as const;
  const key = named("some key");
  const stranger = await signerFromSeed(named("stranger"));
  const envelope = (recipient: "customer" | "opener", signer = household.meter) =>
    sealEnvelope({ ...context, recipient }, key, customer, signer);
  const message = (kind: "ENVELOPE" | "ENROLMENT_OFFER" | "ENROLMENT_ANSWER", bytes: Uint8Array) =>
    encodeUplinkItem({ kind, message: bytes });
  const offer = { ...context, nonce: named("nonce", 16) };
  const answer = { ...offer, accepted: false, mac: new Uint8Array(32) };
  const forged = await signEnrolmentAnswer(answer, stranger);
  const item = async (made: Promise<MadeFrame>): Promise<Uint8Array> => (await made).item;

  const cases: readonly (readonly [name: string, item: Uint8Array, code: string])[] = [
    ["empty item", new Uint8Array(0), "FRAME_MALFORMED"],
    ["unknown kind of item", Uint8Array.of(9, 0, 1, 0), "FRAME_MALFORMED"],
    ["trailing byte", new Uint8Array([...good.item, 0]), "FRAME_MALFORMED"],
    ["short frame", frameItem(good, { frame: good.bytes.slice(0, -1) }), "FRAME_MALFORMED"],
    ["unknown version", frameItem(good, { frame: bent(good.bytes, 0) }), "FRAME_MALFORMED"],
    [
      "no opener envelope",
      frameItem(good, { openerEnvelope: new Uint8Array(0) }),
      "FRAME_MALFORMED",
    ],
    [
      "opener envelope with LIVE",
      frameItem(live, { openerEnvelope: good.openerEnvelope }),
      "FRAME_MALFORMED",
    ],
    [
      "another frame's opener envelope",
      frameItem(good, { openerEnvelope: encodeEnvelope(await envelope("opener")) }),
      "FRAME_MALFORMED",
    ],
    ["over 16 KiB", frameItem(good, { frame: new Uint8Array(16_385).fill(1) }), "FRAME_TOO_LARGE"],
    ["unknown meter", await item(make({ meterId: named("nobody", 16) })), "FRAME_FOREIGN"],
    [
      "another service point",
      await item(make({ networkPseudonym: fromHex(other.network) })),
      "FRAME_FOREIGN",
    ],
    [
      "before the contract",
      await item(make({ blockStart: addLocalDays(start, -1, zone) })),
      "FRAME_FOREIGN",
    ],
    ["wrong profile", await item(make({ profile: "meter-encrypts" })), "FRAME_PROFILE"],
    ["block not at midnight", await item(make({ blockStart: start + 900 })), "FRAME_OFF_GRID"],
    ["absurd block", await item(make({ blockStart: 2 ** 52, kind: "LIVE" })), "FRAME_OFF_GRID"],
    ["another interval", await item(make({ intervalSeconds: 1800 })), "FRAME_OFF_GRID"],
    ["slots beyond the block", await item(make({ firstSlot: 1 })), "FRAME_OFF_GRID"],
    [
      "installation inside a contract",
      await item(make({ firstSlot: SLOTS }, { importMilliwattHours: [] })),
      "FRAME_OFF_GRID",
    ],
    ["tomorrow", await item(make({ blockStart: tomorrow })), "FRAME_FUTURE"],
    ["bent signature", frameItem(good, { frame: bent(good.bytes, -1) }), "FRAME_BAD_SIGNATURE"],
    ["bent body", frameItem(good, { frame: bent(good.bytes, 200) }), "FRAME_BAD_SIGNATURE"],
    [
      "bent opener envelope",
      frameItem(good, { openerEnvelope: bent(good.openerEnvelope, -1) }),
      "FRAME_BAD_SIGNATURE",
    ],
    ["short message", message("ENVELOPE", Uint8Array.of(1)), "FRAME_MALFORMED"],
    [
      "opener envelope alone",
      message("ENVELOPE", encodeEnvelope(await envelope("opener"))),
      "FRAME_MALFORMED",
    ],
    [
      "stranger's envelope",
      message("ENVELOPE", encodeEnvelope(await envelope("customer", stranger))),
      "FRAME_BAD_SIGNATURE",
    ],
    [
      "stranger's offer",
      message("ENROLMENT_OFFER", encodeOffer(await signOffer(offer, stranger))),
      "FRAME_BAD_SIGNATURE",
    ],
    [
      "offer of a meter nobody knows",
      message(
        "ENROLMENT_OFFER",
        encodeOffer(await signOffer({ ...offer, meterId: named("nobody", 16) }, stranger)),
      ),
      "FRAME_FOREIGN",
    ],
    [
      "stranger's refusal",
      message("ENROLMENT_ANSWER", encodeEnrolmentAnswer(forged)),
      "FRAME_BAD_SIGNATURE",
    ],
    [
      "stranger's refusal in the meter's name",
      message(
        "ENROLMENT_ANSWER",
        encodeEnrolmentAnswer({ ...forged, meterKey: household.meter.publicKey }),
      ),
      "FRAME_BAD_SIGNATURE",
    ],
  ];
  const before = await lab.published("sealed");
  const verdicts = await lab.verdicts(...cases.map(([, bytes]) => bytes));
  for (const [index, [name, , code]] of cases.entries()) {
    assert.equal(verdicts[index], `refused ${code}`, name);
  }
  assert.deepEqual(await lab.published("sealed"), before);
  // The same meter goes on as if nothing had been: nothing of the above is remembered.
  assert.deepEqual(await lab.verdicts(good.item, live.item), ["accepted", "accepted"]);
});

test("chain: accepted once, repeats acknowledged, gaps kept back, forks quarantined, stale refused", async () => {
  const { world } = lab;
  const household = lab.home(0);
  const installation = await household.frames.next(
    { blockStart: addLocalDays(world.startSeconds, -1, world.zone), firstSlot: SLOTS },
    { importMilliwattHours: [] },
  );
  const days = [];
  for (let index = 0; index < 4; index++) {
    days.push(await household.frames.next({ blockStart: world.dayStart(index) }, day()));
  }
  const [first, second, third, fourth] = days;
  assert(
    first !== undefined && second !== undefined && third !== undefined && fourth !== undefined,
  );
  assert.deepEqual(await lab.verdicts(installation.item, first.item), ["accepted", "accepted"]);
  const { verdicts } = await lab.send(first.item, third.item, second.item, third.item, third.item);
  assert.deepEqual(verdicts, [
    { status: "duplicate" },
    { status: "retry", code: "FRAME_GAP", expectedCounter: 2 },
    { status: "accepted" },
    { status: "accepted" },
    { status: "duplicate" },
  ]);

  const sameCounter = await household.frames.next(
    { blockStart: world.dayStart(3), counter: 3, previousFrameHash: second.hash },
    day(2),
  );
  const wrongPredecessor = await household.frames.next(
    { blockStart: world.dayStart(3), counter: 4, previousFrameHash: first.hash },
    day(2),
  );
  household.frames.restart(household.label);
  const sameBlock = await household.frames.next({ blockStart: world.dayStart(1) }, day(2));
  assert.deepEqual(await lab.verdicts(sameCounter.item, wrongPredecessor.item, sameBlock.item), [
    "refused FRAME_FORKED",
    "refused FRAME_FORKED",
    "refused FRAME_FORKED",
  ]);
  const forks = await lab.store.query<{
    hash: Uint8Array;
    known_hash: Uint8Array;
    proof: Uint8Array;
  }>("select * from concentrator_fork where meter = $1 and known_proof is not null", [
    fromHex(household.meterId),
  ]);
  const known = new Map(forks.map((fork) => [toHex(fork.hash), toHex(fork.known_hash)]));
  assert.deepEqual(
    known,
    new Map([
      [toHex(sameCounter.hash), toHex(third.hash)],
      [toHex(wrongPredecessor.hash), toHex(third.hash)],
      [toHex(sameBlock.hash), toHex(second.hash)],
    ]),
  );
  assert.match(lab.metrics.render(), /concentrator_service_points_forked 1\n/);

  // A later epoch starts at counter 0; then the earlier one is over.
  const restarted = await household.frames.next(
    { blockStart: world.dayStart(3), counter: 0 },
    day(),
  );
  assert.deepEqual(await lab.verdicts(restarted.item), ["accepted"]);
  const old = {
    keyEpoch: 1,
    keyCommitment: await keyCommitment(fromHex(household.meterId), 1, named("x")),
  };
  const stale = await household.frames.next(
    { ...old, blockStart: world.dayStart(4), counter: 9 },
    day(),
  );
  const staleLive = await sealFrame(
    { ...stale.frame.header, kind: "LIVE" },
    {
      importMilliwattHours: new Uint32Array(SLOTS),
      exportMilliwattHours: new Uint32Array(SLOTS),
      quality: new Uint8Array(SLOTS),
      registersMilliwattHours: Array.from({ length: 8 }, () => 0n),
    },
    named("x"),
    household.meter,
  );
  const staleItem = encodeUplinkItem({
    kind: "FRAME",
    frame: encodeFrame(staleLive),
    openerEnvelope: new Uint8Array(0),
  });
  assert.deepEqual(await lab.verdicts(staleItem, restarted.item), [
    "refused FRAME_STALE_EPOCH",
    "duplicate",
  ]);
  const accepted = [installation, first, second, third, restarted].map(({ hash }) => toHex(hash));
  const frames = await lab.bus.read("frames", { from: 0n, limit: 1000 });
  const mine = frames.filter(({ id }) => accepted.includes(id));
  assert.deepEqual(
    mine.map(({ id }) => id),
    accepted,
  );
  assert.deepEqual(mine[1]?.body, first.item);
  const sealed = (await lab.bus.read("sealed", { from: 0n, limit: 1000 })).filter(
    ({ id }) => id === toHex(first.hash),
  );
  assert.deepEqual(sealed[0]?.body, first.bytes);
});

test("a crash between bus and memory, and a full bus: nothing lost, nothing twice", async () => {
  const { world, faults } = lab;
  const household = lab.home(1);
  const first = await household.frames.next({ blockStart: world.dayStart(0) }, day());
  const live = await household.frames.next({ blockStart: world.dayStart(1), kind: "LIVE" }, day());
  const second = await household.frames.next({ blockStart: world.dayStart(1) }, day());
  const count = async (made: MadeFrame, stream: string): Promise<number> =>
    (await lab.published(stream)).filter((id) => id === toHex(made.hash)).length;

  faults.full.add("frames");
  assert.deepEqual(await lab.verdicts(first.item, live.item), [
    "retry FRAME_QUEUE_FULL",
    "retry FRAME_QUEUE_FULL",
  ]);
  faults.full.clear();

  // The concentrator's own transactions; the bus holds the real store.
  faults.transactions = 2;
  const body = encodeUplink([first.item, live.item]);
  const failing = async (): Promise<number> => (await post(lab.service.url, body)).status;
  assert.equal(await failing(), 503);
  assert.equal(await count(first, "frames"), 1, "published before the memory was written");
  assert.equal(await failing(), 503);
  assert.deepEqual(await lab.verdicts(first.item, live.item, second.item), [
    "accepted",
    "accepted",
    "accepted",
  ]);
  for (const made of [first, second]) {
    assert.equal(await count(made, "frames"), 1);
    assert.equal(await count(made, "sealed"), 1);
  }
  assert.equal(await count(live, "frames"), 0);
  assert.equal(await count(live, "sealed"), 1);
});

test("down: a request waits for proof of the meter, goes until it is answered, and for a day at most", async () => {
  const { world, clock, bus } = lab;
  const household = lab.home(1);
  const meterId = fromHex(household.meterId);
  const names = { meterId, networkPseudonym: fromHex(household.network) };
  const request = async (nonce: Uint8Array) => {
    const context = {
      ...names,
      account: "anna",
      customerSpki: world.customer.recipient.spki,
      nonce,
    };
    const mac = await customerMac(household.enrolmentCode, context);
    const bytes = encodeEnrolmentRequest({ ...context, mac });
    const id = toHex(await primitives.sha256(bytes));
    await bus.publish("downlink", [{ id, subject: household.meterId, body: bytes }]);
    return { context, bytes };
  };
  await bus.publish("downlink", [
    { id: "junk", subject: household.meterId, body: Uint8Array.of(7) },
  ]);
  const asked = await request(named("nonce a", 16));
  await bus.idle();
  assert.deepEqual(
    (await bus.deadLetters("downlink")).map(({ reason }) => reason),
    ["DOWNLINK_MALFORMED"],
  );

  const offerOf = async (nonce: Uint8Array) =>
    encodeUplinkItem({
      kind: "ENROLMENT_OFFER",
      message: encodeOffer(await signOffer({ ...names, nonce }, household.meter)),
    });
  const offer = await offerOf(asked.context.nonce);
  const otherMeter = await lab.home(2).frames.next({ blockStart: world.dayStart(3) }, day());
  assert.deepEqual((await lab.send(otherMeter.item)).downlink, []);
  assert.deepEqual((await lab.send(bent(offer, -1))).downlink, []);
  const expected = [{ meterId: household.meterId, message: toBase64Url(asked.bytes) }];
  assert.deepEqual((await lab.send(offer)).downlink, expected);
  assert.deepEqual((await lab.send(offer)).downlink, expected, "until it is answered");

  const meterKey = household.meter.publicKey;
  const answer = encodeUplinkItem({
    kind: "ENROLMENT_ANSWER",
    message: encodeEnrolmentAnswer(
      await signEnrolmentAnswer(
        {
          ...names,
          nonce: asked.context.nonce,
          accepted: true,
          mac: await meterMac(household.enrolmentCode, asked.context, meterKey),
        },
        household.meter,
      ),
    ),
  });
  assert.deepEqual((await lab.send(bent(answer, -1), offer)).downlink, expected, "a forged answer");
  const { verdicts, downlink } = await lab.send(answer, offer);
  assert.deepEqual(verdicts.map(short), ["accepted", "accepted"]);
  assert.deepEqual(downlink, []);
  const keys = await bus.read("customer-keys", { from: 0n, limit: 100 });
  assert(keys.some(({ body }) => decodeUplinkItem(body).kind === "ENROLMENT_ANSWER"));

  for (let index = 0; index < 9; index++) await request(named(`nonce ${index}`, 16));
  await bus.idle();
  assert.equal((await lab.send(offer)).downlink.length, 8, "bounded");
  await clock.advanceTo(clock.nowMs() + 7 * 86_400_000);
  assert.deepEqual((await lab.send(offer)).downlink, [], "for a week");
});

test("memory lasts 40 days; heads stay", async () => {
  const count = async (table: string): Promise<number> => {
    const [row] = await lab.store.query<{ count: number }>(
      `select count(*)::int4 as count from ${table}`,
    );
    return row?.count ?? 0;
  };
  assert(
    (await count("concentrator_frame")) > 5 && (await count("concentrator_fork")) > 2,
    "there is something to forget",
  );
  const heads = await count("concentrator_head");
  // Timers would run hour by hour: one far step, then one tick.
  const { store, world } = lab;
  const clock = manualClock(lab.clock.nowMs() + 41 * 86_400_000);
  const bus = {
    ...lab.bus,
    consume: () => ({ stop: async () => {}, ended: Promise.resolve(undefined) }),
  };
  const service = await startConcentrator(
    {
      uplinkItemsMax: 8,
      futureToleranceSeconds: 300,
      http: { host: "127.0.0.1", port: 0 },
      mqtt: null,
    },
    { clock, log: silentLogger, metrics: createMetrics(), bus, store, registry: world.network },
  );
  await clock.advanceTo(clock.nowMs() + 3_600_000);
  await service.close();
  assert.equal(await count("concentrator_frame"), 0);
  assert.equal(await count("concentrator_fork"), 0);
  assert.equal(await count("concentrator_head"), heads);
});

test("HTTP: bodies that are no uplink are problems with a code", async () => {
  const { url } = lab.service;
  const cases = [
    ["too large", new Uint8Array(UPLINK_BYTES_MAX + 1), 413, "FRAME_TOO_LARGE"],
    ["no items", new Uint8Array(0), 400, "FRAME_MALFORMED"],
    ["short item", Uint8Array.of(0, 0, 0, 9, 1), 400, "FRAME_MALFORMED"],
  ] as const;
  for (const [name, body, status, code] of cases) {
    const response = await post(url, body);
    assert.equal(response.status, status, name);
    assert.equal(((await response.json()) as { code: string }).code, code, name);
  }
  const json = await post(url, Uint8Array.of(1), { "content-type": "application/json" });
  assert.equal(json.status, 415);
  const tooMany = encodeUplink(Array.from({ length: 256 }, () => Uint8Array.of(9)));
  assert.equal((await post(url, tooMany)).status, 200);
});

test("HTTP: tells the time by its own clock, for meters to compare theirs with", async () => {
  const answer = await fetch(`${lab.service.url}/v1/time`);
  assert.equal(await answer.text(), String(Math.floor(lab.clock.nowMs() / 1000)));
  assert.equal(answer.headers.get("cache-control"), "no-store");
});

test("HTTP: the list of opener keys goes down as the registry signed it", async () => {
  const { world } = lab;
  const address = `${lab.service.url}/v1/opener-keys`;
  const answer = await fetch(address);
  assert.equal(await answer.text(), world.networkDocument.openerKeys);
  assert.equal(answer.headers.get("content-type"), "application/jose");
  const { openerKeys: _, ...without } = world.networkDocument;
  const before = world.network.current();
  world.network.set(before.epoch, indexNetworkView(without));
  assert.equal((await fetch(address)).status, 404);
  world.network.set(before.epoch, before.view);
});

/** Signed documents of the days [from, to) after the first of `world`. */
const pricesOf = (world: World, series: string, from: number, to: number) =>
  Promise.all(
    dayAheadDays(world.dayStart(from), to - from, world.zone, {
      ...dayAheadTerms,
      prices: series,
    }).map((document) => signDocument("smarter-metering/prices", document, world.root)),
  );

test("HTTP: prices go down as the registry signed them, from any instant, as much as an answer holds", async () => {
  const { world } = lab;
  const before = world.network.current();
  const [daily, other] = await Promise.all([
    pricesOf(world, "day-ahead", 0, 130),
    pricesOf(world, "intraday", 3, 4),
  ]);
  const prices = [...other, ...daily.toReversed()];
  world.network.set(before.epoch, indexNetworkView({ ...world.networkDocument, prices }));
  const ask = (query: string) => fetch(`${lab.service.url}/v1/prices?${query}`);
  const rows: readonly (readonly [from: number, documents: readonly string[]])[] = [
    [0, daily.slice(0, 128)],
    [world.dayStart(1) - 1, daily.slice(0, 128)],
    [world.dayStart(1), daily.slice(1, 129)],
    [world.dayStart(128), daily.slice(128)],
    [world.dayStart(130), []],
  ];
  for (const [from, documents] of rows) {
    const answer = await ask(`series=day-ahead&from=${from}`);
    assert.deepEqual(await answer.json(), documents, `from ${from}`);
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
  assert.deepEqual(await (await ask("series=intraday&from=0")).json(), other);
  assert.equal((await ask("series=unknown&from=0")).status, 404);
  for (const query of ["series=day-ahead", "series=day-ahead&from=-1", "series=day-ahead&from=x"]) {
    assert.equal((await ask(query)).status, 400, query);
  }
  world.network.set(before.epoch, before.view);
  assert.equal((await ask("series=day-ahead&from=0")).status, 404);
});

test("a registry that has lost a meter refuses it; one that knows it again takes it", async () => {
  const { world } = lab;
  const household = lab.home(2);
  household.frames.restart(household.label);
  const made = await household.frames.next({ blockStart: world.dayStart(5), counter: 0 }, day());
  const without = world.networkDocument.servicePoints.filter(
    ({ network }) => network !== household.network,
  );
  world.network.set(1, indexNetworkView({ ...world.networkDocument, servicePoints: without }));
  assert.deepEqual(await lab.verdicts(made.item), ["refused FRAME_FOREIGN"]);
  world.network.set(2, indexNetworkView(world.networkDocument));
  assert.deepEqual(await lab.verdicts(made.item), ["accepted"]);
});

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    assert(turns < 100_000, "it does not come");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("MQTT: prices stand for 45 days, for everybody, and only the broker says them", async () => {
  const own = await openLab({ mqtt: true });
  try {
    const { world, clock, service } = own;
    const connect = (index: number) =>
      mqtt.connectAsync(service.mqttUrl ?? "", {
        protocolVersion: 4,
        clientId: own.home(index).meterId,
        reconnectPeriod: 0,
      });
    // The clock stands at day 20.
    const [first, days] = [-27, 48];
    const documents = await pricesOf(world, "day-ahead", first, first + days);
    const jwsOf = (day: number): string => documents[day - first] ?? "";
    const others = await pricesOf(world, "intraday", 3, 4);
    const { epoch } = world.network.current();
    const list = (prices: readonly string[]): void =>
      world.network.set(epoch, indexNetworkView({ ...world.networkDocument, prices: [...prices] }));
    const passes = async (seconds: number): Promise<void> =>
      clock.advanceTo(clock.nowMs() + 1000 * seconds);
    list([...documents.slice(0, -1), ...others]);
    await passes(60);

    const listener = await connect(0);
    const standing = new Map<string, string>();
    listener.on("message", (topic, payload) => {
      if (payload.length === 0) standing.delete(topic);
      else standing.set(topic, payload.toString());
    });
    const topicOf = (day: number): string =>
      `smarter-metering/v1/prices/day-ahead/${world.dayStart(day)}`;
    const heard = async (from: number, to: number): Promise<void> => {
      const isThere = (): boolean =>
        standing.has(topicOf(to - 1)) && !standing.has(topicOf(from - 1));
      await until(() => standing.size === to - from && isThere());
      for (let day = from; day < to; day++) assert.equal(standing.get(topicOf(day)), jwsOf(day));
    };
    await listener.subscribeAsync("smarter-metering/v1/prices/day-ahead/+");
    await heard(-25, 20);
    list(documents);
    await passes(60);
    await heard(-25, 21);
    await passes(86_400);
    await heard(-24, 21);
    const late = await connect(1);
    const lateTopics = new Set<string>();
    late.on("message", (topic) => lateTopics.add(topic));
    await late.subscribeAsync("smarter-metering/v1/prices/#");
    await until(() => lateTopics.size === standing.size);
    assert.deepEqual(lateTopics, new Set(standing.keys()));
    const gone = new Promise((resolve) => late.once("close", () => resolve(undefined)));
    late.publish(topicOf(2), "cheaper", { retain: true });
    await gone;
    assert.equal(standing.get(topicOf(2)), jwsOf(2));
    await listener.endAsync();
  } finally {
    await own.close();
  }
});

const OPENER_KEYS_TOPIC = "smarter-metering/v1/opener-keys";

test("MQTT: verdict before PUBACK, own topics only, no PUBACK without a durable write", async () => {
  const own = await openLab({ mqtt: true });
  try {
    const { world, faults, service } = own;
    const household = own.home(0);
    const { meterId } = household;
    assert(service.mqttUrl !== undefined);
    const connect = (clientId: string) =>
      mqtt.connectAsync(service.mqttUrl ?? "", {
        protocolVersion: 4,
        clientId,
        reconnectPeriod: 0,
      });
    const client = await connect(meterId);
    const seen: string[] = [];
    client.on("message", (_topic, payload) => {
      const { verdict } = JSON.parse(payload.toString()) as { verdict: Verdict };
      seen.push(short(verdict));
    });
    const up = `smarter-metering/v1/up/${meterId}`;
    await client.subscribeAsync(`smarter-metering/v1/down/${meterId}`);
    const first = await household.frames.next({ blockStart: world.dayStart(0) }, day());
    const second = await household.frames.next({ blockStart: world.dayStart(1) }, day());
    const third = await household.frames.next({ blockStart: world.dayStart(2) }, day());
    const publish = (target: typeof client, made: MadeFrame) =>
      target.publishAsync(up, Buffer.from(made.item), { qos: 1 }).then(() => seen.at(-1));
    assert.equal(await publish(client, first), "accepted");
    assert.equal(await publish(client, first), "duplicate");
    assert.equal(await publish(client, third), "retry FRAME_GAP");
    await Promise.all([publish(client, second), publish(client, third)]);
    assert.deepEqual(seen.slice(-2), ["accepted", "accepted"]);
    assert.equal((await own.published("frames")).length, 3);

    const stranger = await connect(own.home(1).meterId);
    const refused = await stranger.subscribeAsync(`smarter-metering/v1/down/${meterId}`).then(
      (granted) => granted[0]?.qos === 128,
      () => true,
    );
    assert(refused, "another meter's topic");
    const cut = new Promise((resolve) => stranger.once("close", () => resolve(undefined)));
    stranger.publish(up, Buffer.from(first.item), { qos: 1 }, () => undefined);
    await cut;

    // Whoever comes hears the list of opener keys, and each that follows; nobody but the broker says it.
    const listener = await connect(own.home(2).meterId);
    const lists: string[] = [];
    const heard = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => (lists.length >= count ? resolve() : void setImmediate(look));
        look();
      });
    listener.on("message", (topic, payload) => {
      assert.equal(topic, OPENER_KEYS_TOPIC);
      lists.push(payload.toString());
    });
    await listener.subscribeAsync(OPENER_KEYS_TOPIC);
    await heard(1);
    const listed = world.networkDocument.openerKeys ?? "";
    const { epoch, view } = world.network.current();
    const newer = indexNetworkView({ ...world.networkDocument, openerKeys: `${listed}newer` });
    world.network.set(epoch, newer);
    await own.clock.advanceTo(own.clock.nowMs() + 60_000);
    await heard(2);
    assert.deepEqual(lists, [listed, `${listed}newer`]);
    world.network.set(epoch, view);
    const gone = new Promise((resolve) => listener.once("close", () => resolve(undefined)));
    listener.publish(OPENER_KEYS_TOPIC, "a list of one's own", { retain: true });
    await gone;

    const fourth = await household.frames.next({ blockStart: world.dayStart(3) }, day());
    faults.transactions = 1;
    let acknowledged = false;
    const ended = new Promise((resolve) => client.once("close", () => resolve(undefined)));
    client.publish(up, Buffer.from(fourth.item), { qos: 1 }, (error) => {
      acknowledged = error === null || error === undefined;
    });
    await ended;
    assert.equal(acknowledged, false);
    const again = await connect(meterId);
    await again.publishAsync(up, Buffer.from(fourth.item), { qos: 1 });
    assert.equal((await own.published("frames")).length, 4);
    await again.endAsync();
  } finally {
    await own.close();
  }
});
