/** Bills with a cost (docs/protocol.md §6.6, §7.3): asked for beside its energy, or left out so that there is a bill. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  billPacking,
  decodeContribution,
  encodeRefusal,
  requestDigest,
  signRefusal,
  toHex,
  type SignedRequest,
} from "@smarter-metering/protocol";
import type { BusMessage, Store } from "@smarter-metering/runtime";
import { dayStartOf, wrapCost, type DynamicPrices } from "@smarter-metering/tariff";
import { textbookDecrypt } from "../../../../packages/paillier/test/textbook.ts";
import { dayAheadPrices, dayAheadTariff } from "../../../../test/support/day-ahead.ts";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import { askedBills, costNow, loadStates } from "./costs.ts";
import {
  contribute,
  DAY_SLOTS,
  dayOf,
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
const market = dayAheadPrices({
  startSeconds: dayStartOf("2025-01-31", "Europe/Zurich"),
  endSeconds: dayStartOf("2025-04-15", "Europe/Zurich"),
});

let store: Store;
before(async () => {
  store = await openLedger();
});
after(() => store.close());
beforeEach(() => emptyStore(store));

/** Three are billed by the same prices: as many as the policy asks. */
const worldWith = (price: DynamicPrices, policy: object = {}): Promise<World> =>
  makeWorld({
    households: 3,
    loadIntervalSeconds: HOUR,
    tariff: dayAheadTariff(),
    prices: [price],
    policy: { ...policy },
  });

/** Household 0's contributions to BILL and COST at the installation and at the end of February. */
async function bordersOf(world: World) {
  const all: BusMessage[] = [];
  const first = world.dayStart(-1);
  all.push(
    ...(await contribute(world, 0, { blockStart: first, firstSlot: DAY_SLOTS }, dayOf(0, 0, 0))),
  );
  const last = world.dayStart(MARCH - 1);
  const length = (world.dayStart(MARCH) - last) / 900;
  all.push(...(await contribute(world, 0, { blockStart: last }, dayOf(0, 0, length))));
  return { bills: onlyStream(all, "BILL"), costs: onlyStream(all, "COST") };
}

const streamsOf = (request: SignedRequest): string[] =>
  request.contributions.map((bytes) => decodeContribution(bytes).header.stream);

test("is asked for beside the energy, of the same frames, and is what the register counted", async () => {
  const world = await worldWith(market);
  const { bills, costs } = await bordersOf(world);
  assert.equal(costs.length, 2);
  const bench = await startBench(world, store, world.dayStart(MARCH) + HOUR);
  await bench.bus.deliver("contributions", bills);
  await bench.tick();
  assert.deepEqual(askedBills(bench.bus), [], "it waits for the costs of its borders");
  await bench.bus.deliver("contributions", costs);
  await bench.tick();
  const [one] = askedBills(bench.bus);
  assert(one !== undefined);
  assert.deepEqual(streamsOf(one.request), ["BILL", "BILL", "COST", "COST"]);
  const { registers } = householdOf(world, 0).frames;
  const packing = billPacking(world.paillier.publicKey.bits);
  assert.deepEqual(sumsOf(world, one.request, packing, 8), [
    registers[0],
    ...Array.from({ length: 7 }, () => 0n),
  ]);
  const product = BigInt(`0x${toHex(one.terms.costProduct)}`);
  const cost = textbookDecrypt(world.paillier.secretKey, product);
  assert.equal(wrapCost(cost), registers[2]);
  assert(cost > 0n);
  assert.equal(await costNow(store, world), "REQUESTED ASKED");
  await bench.aggregator.close();
  await world.close();
});

test("a cost that never comes, or that prices forbid, is left out of the request", async () => {
  const world = await worldWith(market);
  const { bills } = await bordersOf(world);
  const late = world.dayStart(MARCH) + CUTOFF;
  const bench = await startBench(world, store, late);
  await bench.bus.deliver("contributions", bills);
  await bench.clock.advanceTo(1000 * (late + 2 * HOUR));
  await bench.tick();
  const [one] = askedBills(bench.bus);
  assert(one !== undefined && one.terms.costProduct.length === 0);
  assert.deepEqual(streamsOf(one.request), ["BILL", "BILL"]);
  assert.equal(await costNow(store, world), "REQUESTED COST_MISSING");
  await bench.aggregator.close();
  await world.close();

  await emptyStore(store);
  const prices = market.pricesMicroPerKilowattHour.map((_, hour) => (hour === 99 ? 900_000 : 0));
  const spiked = await worldWith({ ...market, pricesMicroPerKilowattHour: prices });
  const borders = await bordersOf(spiked);
  const second = await startBench(spiked, store, spiked.dayStart(MARCH) + HOUR);
  await second.bus.deliver("contributions", [...borders.bills, ...borders.costs]);
  await second.tick();
  assert.equal(askedBills(second.bus)[0]?.terms.costProduct.length, 0);
  assert.equal(await costNow(store, spiked), "REQUESTED R9_COST_LEVERAGE,R9_COST_RESIDUE");
  await second.aggregator.close();
  await spiked.close();
});

test("a cost that trustees refuse is billed without, once, under another name", async () => {
  const world = await worldWith(market);
  const { bills, costs } = await bordersOf(world);
  const bench = await startBench(world, store, world.dayStart(MARCH) + HOUR);
  await bench.bus.deliver("contributions", [...bills, ...costs]);
  await bench.tick();
  const refuse = async (request: SignedRequest, id: string): Promise<void> => {
    const reasons = [{ code: "R5_EXPOSED", reason: "" }];
    const refusal = { requestDigest: await requestDigest(request), reasons };
    const body = encodeRefusal(await signRefusal(refusal, world.parties.trustee.signer));
    await bench.bus.deliver("refusals", [{ id, subject: "", body }]);
    await bench.tick();
  };
  const [first] = askedBills(bench.bus);
  assert(first !== undefined && first.terms.costProduct.length > 0);
  await refuse(first.request, "first");
  const [, second] = askedBills(bench.bus);
  assert(second !== undefined && second.terms.costProduct.length === 0);
  assert.equal(await costNow(store, world), "REQUESTED R5_EXPOSED");
  assert.notDeepEqual(await requestDigest(second.request), await requestDigest(first.request));
  // Then the energy itself is what would expose somebody: the window goes on to the next border.
  await refuse(second.request, "second");
  assert.equal(await costNow(store, world), "OPEN ");
  assert.equal(askedBills(bench.bus).length, 2);
  await bench.aggregator.close();
  await world.close();
});

test("one day of a window has no load where all are billed with a cost", async () => {
  const prices = market.pricesMicroPerKilowattHour.map((price, hour) =>
    // The first day of February, a day after the prices begin, has one price.
    hour >= 24 && hour < 48 ? 100_000 : price,
  );
  const flatDay = { ...market, pricesMicroPerKilowattHour: prices };
  const world = await worldWith(flatDay, { auditMembersMin: 2 });
  const states = await loadStates(store, world, [0, 1, 2, MARCH], (index, slots) =>
    dayOf(index, 0, slots),
  );
  assert.deepEqual(states, [
    "0 REQUESTED", // its one price hides nothing
    "1 SUPPRESSED WITHHELD_FOR_BILLS",
    "2 REQUESTED",
    `${MARCH} SUPPRESSED WITHHELD_FOR_BILLS`,
  ]);
  await world.close();
});

/** All that the aggregator keeps: names, times, counts, hashes, and what is encrypted or signed (`encoded`, `request`, `body`). */
const COLUMNS = {
  contribution:
    "service_point stream block first_slot slots valued cohort version instant origin excluded frame_hash encoded",
  contribution_conflict: "service_point stream block first_slot frame_hash encoded outcome seen_at",
  load_set:
    "cohort version stream block block_end members slots covered valued state codes digest request sealed_at entry contributors",
  load_watermark: "cohort next_block",
  bill_window:
    "service_point from_grid to_grid from_block from_slot from_border to_block to_slot to_border state codes digest request sealed_at entry cost",
  tally: "stream outcome total shard",
  request_answer: "digest trustee codes",
  entry: "position kind body",
  group_member: "group_name member session beat",
  group_lead: "group_name term member session",
  head_keeper: "member",
};

test("every column of every table is on the list", async () => {
  const rows = await store.query<{ table: string; columns: string }>(
    `select table_name::text as table,
        string_agg(column_name::text, ' ' order by ordinal_position) as columns
      from information_schema.columns
      where table_schema = 'public' and table_name not like 'log\\_%'
        and table_name <> 'runtime_migration'
      group by table_name`,
  );
  const found = Object.fromEntries(rows.map(({ table, columns }) => [table, columns]));
  assert.deepEqual(found, COLUMNS);
});
