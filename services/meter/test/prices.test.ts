/**
 * Meters that count a cost (docs/protocol.md §6.6): exact registers, days that wait for their prices, and who is believed what a kWh
 * costs.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  customerMac,
  decodeEnvelope,
  decodeOffer,
  encodeEnrolmentRequest,
  openEnvelope,
  openFrame,
  signDocument,
  signerFromSeed,
  toHex,
  type Signer,
} from "@smarter-metering/protocol";
import { createLogger } from "@smarter-metering/runtime";
import type { CostTerms, DynamicPrices } from "@smarter-metering/tariff";
import { Aedes } from "aedes";
import { dayAheadTariff, dayAheadTerms } from "../../../test/support/day-ahead.ts";
import { named } from "../../../test/support/world.ts";
import { QUALITY } from "../src/checks.ts";
import { PriceBook, PriceSeries } from "../src/price-book.ts";
import {
  httpUplink,
  MeterError,
  mqttUplink,
  parseProvisioning,
  type MeterSource,
  type Uplink,
} from "../src/index.ts";
import { TestOpener, type FakeConcentrator } from "./fake-concentrator.ts";
import {
  closeRig,
  energyAt,
  exportAt,
  home,
  JOURNAL,
  newConcentrator,
  newFolder,
  provisioningOf,
  sourceOf,
  startRig,
  testClock,
  world,
  type RigOptions,
} from "./rig.ts";

after(closeRig);

const HOUR = 3600;
const hourly = dayAheadTerms;
/** Below 0 by the hour, as low as the floor now and then. */
const spotAt = (instant: number): number => {
  const step = Math.floor(instant / HOUR);
  return step % 7 === 0 ? -500_000 : 1000 * (((step * 7919) % 800) - 200);
};
const withCost = (cost: CostTerms = hourly, changes: object = {}, root: Signer = world.root) => ({
  calendar: dayAheadTariff(cost).calendar,
  prices: { registryRootKey: toHex(root.publicKey) },
  ...changes,
});

interface Priced {
  readonly terms?: CostTerms;
  readonly priceAt?: (instant: number) => number;
  readonly root?: Signer;
}

/** The document of [from, to). */
function signed(from: number, to: number, options: Priced & object = {}): Promise<string> {
  const { terms = hourly, priceAt = spotAt, root = world.root } = options;
  const { stepSeconds } = terms;
  const count = (to - from) / stepSeconds;
  const document: DynamicPrices = {
    kind: "smarter-metering/prices",
    ...terms,
    currency: "CHF",
    startSeconds: from,
    pricesMicroPerKilowattHour: Array.from({ length: count }, (_, i) =>
      priceAt(from + i * stepSeconds),
    ),
  };
  return signDocument("smarter-metering/prices", document, root);
}

const dayOf = (day: number, options: Priced = {}): Promise<string> =>
  signed(world.dayStart(day), world.dayStart(day + 1), options);
const daysOf = (from: number, to: number, options: Priced = {}): Promise<string[]> =>
  Promise.all(Array.from({ length: to - from }, (_, index) => dayOf(from + index, options)));

const serving = (documents: readonly string[]): NonNullable<Uplink["prices"]> => {
  return () => Promise.resolve(documents);
};

interface Reference {
  readonly terms?: CostTerms;
  readonly priceAt?: (instant: number) => number;
  readonly intervalSeconds?: number;
  readonly from?: number;
  readonly to: number;
  /** Given, the source's own readings; without, those of the frames. */
  readonly energy?: typeof energyAt;
}

/** Every register of every BLOCK of meter `index`, one interval at a time. */
async function checkCosts(concentrator: FakeConcentrator, index: number, reference: Reference) {
  const { terms = hourly, priceAt = spotAt, intervalSeconds = 900 } = reference;
  const opener = new TestOpener(world.opener.secret);
  let [total, exported, cost] = [0n, 0n, 0n];
  let at = reference.from ?? world.startSeconds;
  for (const block of concentrator.accepted) {
    const { header } = block.frame;
    if (header.kind !== "BLOCK" || toHex(header.meterId) !== home(index).meterId) continue;
    const body = await opener.open(block);
    assert.equal(
      header.blockStart + header.firstSlot * intervalSeconds,
      at,
      "none missing or twice",
    );
    for (const energy of body.importMilliwattHours) {
      if (reference.energy) assert.equal(energy, reference.energy(index, at));
      const price = priceAt(at) - terms.floorMicroPerKilowattHour;
      total += BigInt(energy);
      cost = (cost + BigInt(energy) * BigInt(price / terms.priceStepMicro)) % 2n ** 48n;
      at += intervalSeconds;
    }
    for (const energy of body.exportMilliwattHours) exported += BigInt(energy);
    assert.deepEqual(body.registersMilliwattHours, [total, exported, cost, 0n, 0n, 0n, 0n, 0n]);
  }
  assert.equal(at, reference.to);
  return { total, exported, cost };
}

/** A logger that keeps codes. */
function codesOf() {
  const codes: string[] = [];
  const log = createLogger({
    fields: { errorCode: "text", count: "number", meterId: "text" },
    clock: testClock(),
    sink: (line) => {
      const { errorCode, count } = JSON.parse(line) as { errorCode?: string; count?: number };
      if (errorCode !== undefined) {
        codes.push(count === undefined ? errorCode : `${errorCode} ${count}`);
      }
    },
  });
  return { codes, log };
}

describe("the cost register", () => {
  const quarterly: CostTerms = {
    prices: "quarters",
    stepSeconds: 900,
    priceStepMicro: 1,
    floorMicroPerKilowattHour: 0,
  };
  const rows: readonly (readonly [
    name: string,
    intervalSeconds: number,
    priced: Required<Pick<Priced, "terms" | "priceAt">>,
    changes: { readonly installedAt?: number; readonly servedUntil?: number },
  ])[] = [
    ["quarters by the hour, below zero too", 900, { terms: hourly, priceAt: spotAt }, {}],
    ["minutes by the hour, a day in parts", 60, { terms: hourly, priceAt: spotAt }, {}],
    [
      "past 48 bits, again and again",
      900,
      { terms: quarterly, priceAt: (at) => 10 ** 12 - (at % 977) },
      {},
    ],
    [
      "of a meter that took another's place and is taken away in the middle of an hour: from 0",
      900,
      { terms: hourly, priceAt: spotAt },
      { installedAt: world.dayStart(1), servedUntil: world.dayStart(2) + 23 * HOUR - 900 },
    ],
  ];
  for (const [name, intervalSeconds, priced, changes] of rows) {
    test(`is exact over a day of 23 hours: ${name}`, async () => {
      const concentrator = newConcentrator();
      const documents = await daysOf(0, 3, priced);
      const { fleet } = await startRig((entries) => concentrator.take(entries), {
        provisioning: withCost(priced.terms, { intervalSeconds, ...changes }),
        source: (index) => sourceOf(index, intervalSeconds),
        prices: serving(documents),
      });
      const report = await fleet.sendDay(world.dayStart(3));
      assert.deepEqual([report.complete, report.lackingPrices], [true, 0]);
      const { installedAt, servedUntil } = changes;
      for (const index of [0, 1]) {
        const { total, exported, cost } = await checkCosts(concentrator, index, {
          ...priced,
          intervalSeconds,
          from: installedAt ?? world.startSeconds,
          to: servedUntil ?? world.dayStart(3),
          energy: energyAt,
        });
        assert(cost > 0n && exported > 0n);
        const shown = fleet.status()[index]?.registersMilliwattHours.slice(0, 4);
        assert.deepEqual(shown, [total, exported, cost, 0n]);
      }
      await fleet.close();
    });
  }

  test("counts what a gap is estimated to be, and no register of the device is taken for it", async () => {
    const concentrator = newConcentrator();
    const whole = sourceOf(0);
    const gap = { from: world.dayStart(1) + 8 * HOUR, to: world.dayStart(1) + 11 * HOUR };
    const source: MeterSource = {
      ...whole,
      day(from, to) {
        const readings = whole.day(from, to);
        const isGone = (i: number): boolean =>
          from + i * 900 >= gap.from && from + i * 900 < gap.to;
        const quality = Array.from(readings?.quality ?? [], (value, i) =>
          isGone(i) ? QUALITY.missing : value,
        );
        return readings && { ...readings, quality };
      },
      registersAt(at) {
        let [total, exported] = [0n, 0n];
        for (let from = world.startSeconds; from < at; from += 900) {
          total += BigInt(energyAt(0, from));
          exported += BigInt(exportAt(0, from));
        }
        return [total, exported];
      },
    };
    const { fleet } = await startRig((entries) => concentrator.take(entries), {
      households: 1,
      provisioning: withCost(),
      source: () => source,
      prices: serving(await daysOf(0, 2)),
    });
    assert((await fleet.sendDay(world.dayStart(2))).complete);
    assert.deepEqual([...(fleet.status()[0]?.findings ?? [])], [["GAP_ESTIMATED", 12]]);
    await fleet.close();
    const { total } = await checkCosts(concentrator, 0, { to: world.dayStart(2) });
    assert.equal(total, source.registersAt?.(world.dayStart(2))?.[0]);
  });

  test("is right after a restart at any write, before or after any request", async () => {
    const concentrator = newConcentrator();
    const path = newFolder();
    const history = [{ bytes: 0, state: concentrator.clone() }];
    const options: RigOptions = {
      households: 1,
      provisioning: withCost(hourly, { intervalSeconds: 60 }),
      source: (index) => sourceOf(index, 60),
      prices: serving(await daysOf(0, 3)),
    };
    const { fleet } = await startRig(
      async (entries) => {
        const answer = await concentrator.take(entries);
        history.push({ bytes: statSync(join(path, JOURNAL)).size, state: concentrator.clone() });
        return answer;
      },
      { ...options, path },
    );
    await fleet.sendDay(world.dayStart(1));
    await fleet.sendDay(world.dayStart(2));
    await fleet.close();
    const journal = readFileSync(join(path, JOURNAL));
    const ends = [8];
    for (let end = 8; end < journal.length; ends.push(end)) end += 12 + journal.readUInt32LE(end);
    assert(ends.length > 8);
    for (const end of ends) {
      const late = history.findLast(({ bytes }) => bytes <= end);
      const early = history.findLast(({ bytes }) => bytes < end);
      for (const moment of new Set([late, early])) {
        const state = moment?.state.clone();
        assert(state !== undefined);
        const again = await startRig((entries) => state.take(entries), {
          ...options,
          path: newFolder(journal.subarray(0, end)),
        });
        assert((await again.fleet.sendDay(world.dayStart(3))).complete);
        await again.fleet.close();
        const to = world.dayStart(3);
        await checkCosts(state, 0, { intervalSeconds: 60, to, energy: energyAt });
      }
    }
  });
});

describe("a day without all of its prices", () => {
  test("waits, whole, and is sealed exactly when they come; what is live waits for nothing else", async () => {
    const concentrator = newConcentrator();
    const household = home(0);
    const { codes, log } = codesOf();
    const documents = await daysOf(0, 1);
    const asked: number[] = [];
    const { fleet, clock } = await startRig((entries) => concentrator.take(entries), {
      log,
      provisioning: withCost(),
      prices: (_meterId, series, from) => {
        assert.equal(series, hourly.prices);
        asked.push(from);
        return Promise.resolve(documents);
      },
    });
    const first = await fleet.sendDay(world.dayStart(2));
    assert.deepEqual([first.complete, first.lackingPrices, first.accepted], [false, 2, 4]);
    assert.deepEqual(codes, ["METER_PRICES_MISSING 2"]);
    assert.equal(fleet.nextBlock(), world.dayStart(1));
    // All but the day's last hour.
    const almost = world.dayStart(2) - HOUR;
    documents.push(await signed(world.dayStart(1), almost));
    assert.equal((await fleet.sendDay(world.dayStart(2))).framesSealed, 0);
    documents.push(await signed(almost, world.dayStart(2)));
    const then = await fleet.sendDay(world.dayStart(2));
    assert.deepEqual([then.complete, then.lackingPrices, then.accepted], [true, 0, 2]);
    assert.deepEqual(codes, ["METER_PRICES_MISSING 2", "METER_PRICES_MISSING 2"]);
    // From the oldest instant that a meter still has to count, then behind what came.
    assert.deepEqual(asked.slice(0, 2), [world.startSeconds, world.dayStart(1)]);
    assert.equal(asked.at(-2), world.dayStart(1));

    const offer = concentrator.messages
      .filter(({ kind }) => kind === "ENROLMENT_OFFER")
      .map(({ message }) => decodeOffer(message))
      .find(({ meterId }) => toHex(meterId) === household.meterId);
    assert(offer !== undefined);
    const { meterId, networkPseudonym, nonce } = offer;
    const { spki: customerSpki } = world.customer.recipient;
    const context = { meterId, networkPseudonym, nonce, customerSpki, account: "anna" };
    const mac = await customerMac(household.enrolmentCode, context);
    const message = encodeEnrolmentRequest({ ...context, mac });
    concentrator.downlink = [{ meterId: household.meterId, message }];
    clock.seconds = world.dayStart(2) + 1800;
    await fleet.poll();
    const live = () => concentrator.accepted.filter(({ frame }) => frame.header.kind === "LIVE");
    await fleet.sendLive(world.dayStart(2), world.dayStart(2) + 900);
    assert.equal(live().length, 0, "its registers would say what is not known");
    documents.push(await dayOf(2));
    await fleet.poll();
    await fleet.sendLive(world.dayStart(2), world.dayStart(2) + 900);
    await fleet.close();
    const [newest] = live();
    assert(newest !== undefined);
    const { keyEpoch } = newest.frame.header;
    const envelope = concentrator.messages
      .filter(({ kind }) => kind === "ENVELOPE")
      .map(({ message: bytes }) => decodeEnvelope(bytes))
      .find((each) => each.keyEpoch === keyEpoch);
    assert(envelope !== undefined);
    const body = await openFrame(newest.frame, await openEnvelope(envelope, world.customer.secret));
    const sums = await checkCosts(concentrator, 0, { to: world.dayStart(2), energy: energyAt });
    const [energy] = body.importMilliwattHours;
    const counted = BigInt(energy ?? 0) * BigInt((spotAt(world.dayStart(2)) + 500_000) / 1000);
    assert.equal(body.registersMilliwattHours[2], sums.cost + counted);
    await checkCosts(concentrator, 1, { to: world.dayStart(2), energy: energyAt });
  });

  test("is asked about hourly, at once while one waits, page by page; a concentrator that is away costs nothing", async () => {
    const concentrator = newConcentrator();
    const { codes, log } = codesOf();
    const documents = await daysOf(0, 12);
    let away = true;
    const asked: number[] = [];
    const { fleet, clock } = await startRig((entries) => concentrator.take(entries), {
      households: 1,
      log,
      provisioning: withCost(),
      prices: (_meterId, _series, from) => {
        asked.push(from);
        if (away) return Promise.reject(new MeterError("UPLINK_UNREACHABLE", "away"));
        const first = documents.findIndex((_, day) => world.dayStart(day + 1) > from);
        return Promise.resolve(first < 0 ? [] : documents.slice(first, first + 5));
      },
    });
    assert.equal((await fleet.sendDay(world.dayStart(1))).lackingPrices, 1);
    assert.deepEqual(codes, ["UPLINK_UNREACHABLE", "METER_PRICES_MISSING 1"]);
    away = false;
    assert((await fleet.sendDay(world.dayStart(10))).complete);
    const pages = [0, 5, 10, 12].map((day) => world.dayStart(day));
    assert.deepEqual(asked, [world.dayStart(0), ...pages]);
    await fleet.poll();
    assert.equal(asked.length, 5, "nothing is lacking and no hour has passed");
    clock.seconds += HOUR;
    await fleet.poll();
    assert.deepEqual(asked.slice(5), [world.dayStart(10), world.dayStart(12)]);
    await fleet.close();
    await checkCosts(concentrator, 0, { to: world.dayStart(10), energy: energyAt });
  });
});

describe("prices are believed", () => {
  test("under the root that a meter pins, whatever another meter of the fleet believes", async () => {
    const concentrator = newConcentrator();
    const { codes, log } = codesOf();
    const other = await signerFromSeed(named("another root"));
    const dearer = (at: number): number => spotAt(at) + 1000;
    const documents = await daysOf(0, 1);
    const { fleet } = await startRig((entries) => concentrator.take(entries), {
      log,
      provisioning: (index) => withCost(hourly, {}, index === 0 ? world.root : other),
      prices: () => Promise.resolve(documents),
    });
    const report = await fleet.sendDay(world.dayStart(1));
    assert.deepEqual([report.lackingPrices, report.accepted], [1, 3]);
    assert.deepEqual(new Set(codes), new Set(["PRICES_INVALID", "METER_PRICES_MISSING 1"]));
    documents.push(...(await daysOf(0, 1, { priceAt: dearer, root: other })));
    assert((await fleet.sendDay(world.dayStart(1))).complete);
    await fleet.close();
    await checkCosts(concentrator, 0, { to: world.dayStart(1) });
    await checkCosts(concentrator, 1, { to: world.dayStart(1), priceAt: dearer });
  });

  test("once: what is said later of a known instant is refused unless it is the same", async () => {
    const now = world.dayStart(3);
    const rootKey = world.root.publicKey;
    const series = new PriceSeries({ rootKey, terms: hourly });
    const [from, to] = [world.dayStart(0), world.dayStart(2)];
    const span = { fromSeconds: from, toSeconds: to };
    const costOf = (): bigint =>
      series.costOf({ energiesMilliwattHours: [1000], fromSeconds: from, intervalSeconds: HOUR });
    assert(!series.isKnown(span));
    assert.throws(costOf, { code: "TARIFF_PRICES_MISSING" });
    const first = await dayOf(0);
    assert.equal(await series.take(first, now), "taken");
    assert.equal(await series.take(first, now), "known");
    const before = costOf();
    const other = await signerFromSeed(named("another root"));
    const off = (at: number): number => spotAt(at) + (at === world.dayStart(1) - HOUR ? 1000 : 0);
    const tampered = `${first.slice(0, -3)}${first.endsWith("AAA") ? "BBB" : "AAA"}`;
    const refused: readonly (readonly [string, Promise<string> | string, string])[] = [
      ["one hour at another price", signed(from, to, { priceAt: off }), "PRICES_CONFLICT"],
      ["the same day, cheaper", dayOf(0, { priceAt: () => 0 }), "PRICES_CONFLICT"],
      ["another root", dayOf(1, { root: other }), "PRICES_INVALID"],
      ["tampered with", tampered, "PRICES_INVALID"],
      ["no document", "AAAA", "PRICES_INVALID"],
      [
        "of another kind",
        signDocument("smarter-metering/tariff", JSON.parse(payloadOf(first)), world.root),
        "PRICES_INVALID",
      ],
      ["no prices", signDocument("smarter-metering/prices", {}, world.root), "PRICES_INVALID"],
      ["another series", dayOf(1, { terms: { ...hourly, prices: "intraday" } }), "PRICES_INVALID"],
      [
        "another floor",
        dayOf(1, { terms: { ...hourly, floorMicroPerKilowattHour: -501_000 } }),
        "PRICES_INVALID",
      ],
      [
        "another step of prices",
        dayOf(1, { terms: { ...hourly, priceStepMicro: 100 } }),
        "PRICES_INVALID",
      ],
      [
        "another step of time",
        dayOf(1, { terms: { ...hourly, stepSeconds: 900 } }),
        "PRICES_INVALID",
      ],
    ];
    for (const [name, making, outcome] of refused) {
      assert.equal(await series.take(await making, now), outcome, name);
      assert(!series.isKnown(span), name);
      assert.equal(costOf(), before, name);
    }
    assert.equal(await series.take(await signed(from, to), now), "taken", "it says the same");
    assert(series.isKnown(span));
    assert.equal(costOf(), before);
  });

  test("for 400 days, and in one series for all who pin one root and count alike", async () => {
    const rootKey = world.root.publicKey;
    const day = 86_400;
    const series = new PriceSeries({ rootKey, terms: hourly });
    const first = await dayOf(0);
    const [from, to] = [world.dayStart(0), world.dayStart(1)];
    const span = { fromSeconds: from, toSeconds: to };
    assert.equal(await series.take(first, to + 400 * day), "unneeded");
    assert.equal(await series.take(first, from - 400 * day), "unneeded");
    assert.equal(await series.take(first, to + 400 * day - 1), "taken");
    assert(series.isKnown(span));
    assert.equal(await series.take(await dayOf(2), to + 400 * day), "taken");
    assert(!series.isKnown(span));
    assert.equal(series.endOf(first), undefined);

    const book = new PriceBook();
    const { publicKey: otherKey } = await signerFromSeed(named("another root"));
    const own = book.of({ rootKey, terms: hourly });
    assert.equal(book.of({ rootKey: Uint8Array.from(rootKey), terms: { ...hourly } }), own);
    assert.notEqual(book.of({ rootKey: otherKey, terms: hourly }), own);
    assert.notEqual(book.of({ rootKey, terms: { ...hourly, priceStepMicro: 10 } }), own);
  });

  test("by a meter that was told whom to believe, and whose intervals no price divides", async () => {
    const good = withCost();
    const bad: readonly object[] = [
      { ...good, prices: undefined },
      { prices: good.prices },
      { ...good, prices: { registryRootKey: "00" } },
      { ...good, prices: { ...good.prices, more: 1 } },
      { ...good, intervalSeconds: 2400 },
      withCost({ ...hourly, stepSeconds: 900 }, { intervalSeconds: HOUR }),
      // Local midnights of this zone lie between two hours.
      {
        ...good,
        zone: "Asia/Kolkata",
        intervalSeconds: HOUR,
        contractStart: Date.UTC(2025, 2, 28, 18, 30) / 1000,
      },
    ];
    const prices = await parseProvisioning(provisioningOf(home(0), good));
    assert.deepEqual(prices.prices, { rootKey: world.root.publicKey, terms: hourly });
    for (const changes of bad) {
      const parsing = parseProvisioning(provisioningOf(home(0), changes));
      await assert.rejects(parsing, { code: "METER_PROVISIONING" }, JSON.stringify(changes));
    }
  });
});

const payloadOf = (jws: string): string =>
  Buffer.from(jws.split(".")[1] ?? "", "base64url").toString("utf8");

describe("prices come", () => {
  test("over HTTP; every answer that is none has its code", async () => {
    let reply = (): Promise<Response> => Promise.resolve(Response.json(["a", "b"]));
    const uplink = httpUplink({
      url: "http://concentrator",
      fetch: (address) => {
        assert.equal(address, "http://concentrator/v1/prices?series=day-ahead&from=1743202800");
        return reply();
      },
    });
    const ask = async () => uplink.prices?.(home(0).meterId, "day-ahead", 1_743_202_800);
    assert.deepEqual(await ask(), ["a", "b"]);
    reply = () => Promise.resolve(new Response("", { status: 404 }));
    assert.equal(await ask(), undefined);
    const many = Array.from({ length: 129 }, () => "a");
    const rows: readonly (readonly [() => Promise<Response>, string])[] = [
      [() => Promise.resolve(new Response("", { status: 503 })), "UPLINK_UNREACHABLE"],
      [() => Promise.resolve(new Response("", { status: 400 })), "UPLINK_ANSWER"],
      [() => Promise.resolve(new Response("[")), "UPLINK_ANSWER"],
      [() => Promise.resolve(Response.json([1])), "UPLINK_ANSWER"],
      [() => Promise.resolve(Response.json(many)), "UPLINK_ANSWER"],
      [() => Promise.reject(new TypeError("refused")), "UPLINK_UNREACHABLE"],
    ];
    for (const [answer, code] of rows) {
      reply = answer;
      await assert.rejects(ask, { code });
    }
  });

  test("over MQTT, as they stand on the broker", async () => {
    const broker = await Aedes.createBroker();
    const server = createServer(broker.handle);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const stand = (topic: string, text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const message = { cmd: "publish", qos: 0, dup: false, retain: true } as const;
        const payload = Buffer.from(text);
        broker.publish(
          { ...message, topic: `smarter-metering/v1/prices/${topic}`, payload },
          (error) => (error ? reject(error) : resolve()),
        );
      });
    await stand("day-ahead/20000", "second");
    await stand("day-ahead/3000", "first");
    await stand("intraday/1", "another");
    const uplink = mqttUplink({ url: `mqtt://127.0.0.1:${port}` });
    const { meterId } = home(0);
    const ask = async (series = "day-ahead") => uplink.prices?.(meterId, series, 0);
    assert.deepEqual(await ask(), ["first", "second"]);
    assert.deepEqual(await ask("intraday"), ["another"]);
    await stand("intraday/1", "");
    await stand("day-ahead/3000", "");
    await stand("day-ahead/90000", "third");
    let heard = await ask();
    while (heard?.at(-1) !== "third") {
      await new Promise((resolve) => setImmediate(resolve));
      heard = await ask();
    }
    assert.deepEqual(heard, ["second", "third"]);
    assert.equal(await ask("intraday"), undefined, "nothing of it stands any more");
    await uplink.close();
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(() => ask(), { code: "UPLINK_UNREACHABLE" });
  });
});
