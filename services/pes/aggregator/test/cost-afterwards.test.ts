/**
 * Costs by prices that are known only afterwards (docs/protocol.md §6.6, §7.1, §7.3): the steps of a window and its prices are waited for, and
 * the product of the request is Σ price · energy.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  billPacking,
  decodeContribution,
  indexNetworkView,
  signDocument,
  toHex,
  type ContributionHeader,
} from "@smarter-metering/protocol";
import type { BusMessage, Store } from "@smarter-metering/runtime";
import { dayStartOf, type DynamicPrices } from "@smarter-metering/tariff";
import { textbookDecrypt } from "../../../../packages/paillier/test/textbook.ts";
import {
  afterwardsTerms,
  dayAheadPrices,
  dayAheadTariff,
} from "../../../../test/support/day-ahead.ts";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import { askedBills, costNow, loadStates } from "./costs.ts";
import {
  contribute,
  DAY_SLOTS,
  emptyStore,
  HOUR,
  householdOf,
  onlyStream,
  openLedger,
  startBench,
  sumsOf,
} from "./bench.ts";

const MARCH = 28;
const CUTOFF = 72 * HOUR;
const DAYS = Array.from({ length: MARCH }, (_, day) => day);
const span = {
  startSeconds: dayStartOf("2025-01-31", "Europe/Zurich"),
  endSeconds: dayStartOf("2025-03-01", "Europe/Zurich"),
};
const balancing = dayAheadPrices(span, afterwardsTerms);
const { priceStepMicro, floorMicroPerKilowattHour: floor } = afterwardsTerms;

let store: Store;
before(async () => {
  store = await openLedger();
});
after(() => store.close());
beforeEach(() => emptyStore(store));

const worldWith = (prices: readonly DynamicPrices[], policy: object = {}): Promise<World> =>
  makeWorld({
    policy: { ...policy },
    households: 3,
    loadIntervalSeconds: HOUR,
    tariff: dayAheadTariff(afterwardsTerms),
    prices,
  });

const quarterly = (day: number): number[] =>
  Array.from({ length: 96 }, (_, quarter) => 1000 * ((quarter + 7 * day) % 96) + day);

interface February {
  readonly bills: BusMessage[];
  readonly steps: BusMessage[];
}

/** Household 0 from its installation to the end of February; `missing` is a day with a quarter that has no reading. */
async function february(world: World, missing = -1): Promise<February> {
  const first = world.dayStart(-1);
  const all = await contribute(
    world,
    0,
    { blockStart: first, firstSlot: DAY_SLOTS },
    { importMilliwattHours: [] },
  );
  for (const day of DAYS) {
    const importMilliwattHours = quarterly(day);
    const quality = importMilliwattHours.map((_, at) => Number(day === missing && at === 9));
    const values = { importMilliwattHours, quality };
    all.push(...(await contribute(world, 0, { blockStart: world.dayStart(day) }, values)));
  }
  const bills = onlyStream(all, "BILL");
  // A border for each day: two are enough.
  return {
    bills: [bills[0], bills.at(-1)].flatMap((each) => each ?? []),
    steps: onlyStream(all, "STEPS"),
  };
}

const wanted = DAYS.flatMap((day) =>
  Array.from({ length: 24 }, (_, hour) => {
    const at = (span.endSeconds - span.startSeconds) / 3600 - 24 * (MARCH - day) + hour;
    const price = balancing.pricesMicroPerKilowattHour[at] ?? 0;
    const energies = quarterly(day).slice(4 * hour, 4 * hour + 4);
    const energy = energies.reduce((sum, value) => sum + value, 0);
    return BigInt(energy) * BigInt((price - floor) / priceStepMicro);
  }),
).reduce((sum, cost) => sum + cost, 0n);

async function publish(world: World, prices: readonly DynamicPrices[]): Promise<void> {
  const signed = prices.map((each) => signDocument("smarter-metering/prices", each, world.root));
  const document = { ...world.networkDocument, prices: await Promise.all(signed) };
  world.network.set(1, indexNetworkView(document));
}

test("is asked for when all steps and all prices are there: Σ price · energy, of steps in the order of time", async () => {
  const world = await worldWith([]);
  const { bills, steps } = await february(world);
  assert.equal(steps.length, MARCH);
  const bench = await startBench(world, store, world.dayStart(MARCH) + HOUR);
  await bench.bus.deliver("contributions", [...bills, ...steps.slice(1).toReversed()]);
  await bench.tick();
  await publish(world, [balancing]);
  await bench.tick();
  assert.deepEqual(askedBills(bench.bus), [], "a day's steps are still to come");
  await bench.bus.deliver("contributions", steps.slice(0, 1));
  await bench.tick();
  const [one] = askedBills(bench.bus);
  assert(one !== undefined);
  const headers = one.request.contributions.map((bytes) => decodeContribution(bytes).header);
  assert.deepEqual(
    headers.map(({ stream, blockStart }) => `${stream} ${blockStart}`),
    [
      `BILL ${world.dayStart(-1)}`,
      `BILL ${world.dayStart(MARCH - 1)}`,
      ...DAYS.map((day) => `STEPS ${world.dayStart(day)}`),
    ],
  );
  const { registers } = householdOf(world, 0).frames;
  const packing = billPacking(world.paillier.publicKey.bits);
  assert.equal(sumsOf(world, one.request, packing, 8)[0], registers[0]);
  const product = BigInt(`0x${toHex(one.terms.costProduct)}`);
  assert.equal(textbookDecrypt(world.paillier.secretKey, product), wanted);
  assert.equal(await costNow(store, world), "REQUESTED ASKED");
  await bench.aggregator.close();
  await world.close();
});

test("prices are waited for up to the window's cutoff", async () => {
  const world = await worldWith([]);
  const { bills, steps } = await february(world);
  const bench = await startBench(world, store, world.dayStart(MARCH) + HOUR);
  await bench.bus.deliver("contributions", [...bills, ...steps]);
  await bench.tick();
  const tooFew = dayAheadPrices({ ...span, endSeconds: span.endSeconds - 3600 }, afterwardsTerms);
  await publish(world, [tooFew]);
  await bench.tick();
  assert.deepEqual(askedBills(bench.bus), []);
  await bench.clock.advanceTo(1000 * (world.dayStart(MARCH) + CUTOFF));
  await bench.tick();
  const [one] = askedBills(bench.bus);
  assert(one !== undefined && one.terms.costProduct.length === 0);
  assert.equal(one.request.contributions.length, 2);
  assert.equal(await costNow(store, world), "REQUESTED TARIFF_PRICES_MISSING");
  await bench.aggregator.close();
  await world.close();
});

test("an hour without all of its readings has no cost, and nobody's bill waits for ever", async () => {
  const world = await worldWith([balancing]);
  const { bills, steps } = await february(world, 4);
  const bench = await startBench(world, store, world.dayStart(MARCH) + HOUR);
  await bench.bus.deliver("contributions", [...bills, ...steps]);
  await bench.tick();
  assert.deepEqual(askedBills(bench.bus), []);
  await bench.clock.advanceTo(1000 * (world.dayStart(MARCH) + CUTOFF));
  await bench.tick();
  const [one] = askedBills(bench.bus);
  assert(one !== undefined && one.terms.costProduct.length === 0);
  assert.equal(await costNow(store, world), "REQUESTED COST_MISSING");
  await bench.aggregator.close();
  await world.close();
});

test("steps that are not what the registry prescribes do not enter the ledger", async () => {
  const world = await worldWith([balancing]);
  const blockStart = world.dayStart(0);
  const values = { importMilliwattHours: quarterly(0) };
  const steps = async (
    change: Partial<ContributionHeader>,
    ciphertext = (bytes: Uint8Array): Uint8Array => bytes,
  ): Promise<BusMessage> => {
    const made = await contribute(world, 0, { blockStart }, values, {
      change: ({ stream }) => (stream === "STEPS" ? change : {}),
      ciphertext,
    });
    const [own] = made.slice(-1);
    assert(own !== undefined);
    return own;
  };
  const width = world.paillier.publicKey.bits / 4;
  const zeroHour = (bytes: Uint8Array): Uint8Array => bytes.fill(0, 5 * width, 6 * width);
  const rows: readonly (readonly [string, BusMessage])[] = [
    ["CONTRIBUTION_OFF_GRID", await steps({ intervalSeconds: 900 })],
    ["CONTRIBUTION_OFF_GRID", await steps({ firstSlot: 1 })],
    ["CONTRIBUTION_OFF_GRID", await steps({ registerBank: new Uint8Array(8) })],
    [
      "CONTRIBUTION_CIPHERTEXT",
      await steps({ count: 23, bitmap: new Uint8Array([255, 255, 127]) }),
    ],
    ["CONTRIBUTION_CIPHERTEXT", await steps({}, zeroHour)],
    ["CONTRIBUTION_PACKING", await steps({ slotBits: 57 })],
    ["CONTRIBUTION_FOREIGN", await steps({ stream: "COST", bitmap: new Uint8Array(0) })],
  ];
  const bench = await startBench(world, store, world.dayStart(2));
  const bad = rows.map(([, message], index) => ({ ...message, id: String(index) }));
  // What a newer registry epoch may know is refused at the last of six attempts.
  const verdicts = await bench.bus.deliver("contributions", [...bad, await steps({})], 6);
  assert.deepEqual(verdicts, [...rows.map(([dead]) => ({ dead })), { ack: true }]);
  await bench.aggregator.close();
  await world.close();
});

test("the first day of a window has no load where all are billed so: nobody knows yet whether its prices differ", async () => {
  const world = await worldWith([], { auditMembersMin: 2 });
  const states = await loadStates(store, world, [0, 1], (index) => {
    return { importMilliwattHours: quarterly(index) };
  });
  assert.deepEqual(states, ["0 SUPPRESSED WITHHELD_FOR_BILLS", "1 REQUESTED"]);
  await world.close();
});
