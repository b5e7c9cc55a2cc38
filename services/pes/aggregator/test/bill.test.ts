/** Bills: windows, borders, extensions; what happens between two borders changes nothing. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Engine } from "@smarter-metering/paillier";
import {
  billPacking,
  decodeContribution,
  encodeRefusal,
  fromBase64Url,
  fromHex,
  indexNetworkView,
  instantOf,
  requestDigest,
  signRefusal,
  toHex,
  type BillRequest,
  type ContributionHeader,
  type SignedRequest,
} from "@smarter-metering/protocol";
import type { BusMessage, Store } from "@smarter-metering/runtime";
import * as fc from "fast-check";
import { makeWorld, named, type World } from "../../../../test/support/world.ts";
import { decideWindow, type Border, type OpenWindow } from "../src/bill-window.ts";
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
  TestBus,
  type Bench,
  type CrashPlan,
} from "./bench.ts";

const CUTOFF = 72 * HOUR;
const never: CrashPlan = { step: Number.POSITIVE_INFINITY, afterEffect: false };

let world: World;
let store: Store;
/**
 * BILL contributions of household 0 by the day at whose start they stand; 0 is the installation.
 */
const bills = new Map<number, BusMessage>();
/** Its registers then. */
const registers = new Map<number, readonly bigint[]>();
/** February has 28 days, March 31. */
const MARCH = 28;
const APRIL = 59;
const DAYS = [0, 5, 12, 13, 27, MARCH, MARCH + 1, MARCH + 2, 40, 58, APRIL, APRIL + 1];

before(async () => {
  world = await makeWorld({ households: 2, loadIntervalSeconds: HOUR });
  store = await openLedger();
  for (const day of DAYS) {
    const blockStart = world.dayStart(day - 1);
    const length = (world.dayStart(day) - blockStart) / 900;
    const messages =
      day === 0
        ? await contribute(world, 0, { blockStart, firstSlot: DAY_SLOTS }, dayOf(0, 0, 0))
        : await contribute(world, 0, { blockStart }, dayOf(0, 0, length));
    const [bill] = onlyStream(messages, "BILL");
    assert(bill !== undefined);
    assert.equal(instantOf(decodeContribution(bill.body).header), world.dayStart(day));
    bills.set(day, bill);
    registers.set(day, [...householdOf(world, 0).frames.registers]);
  }
});
after(async () => {
  await store.close();
  await world.close();
});
beforeEach(() => emptyStore(store));

const bill = (day: number): BusMessage => {
  const found = bills.get(day);
  assert(found !== undefined);
  return found;
};

interface Asked {
  readonly id: string;
  readonly request: SignedRequest;
  readonly terms: BillRequest;
  /** Days at whose start the borders stand. */
  readonly borders: readonly number[];
}

function billRequests(bus: TestBus): Asked[] {
  return bus.requests().flatMap(({ id, subject, request }) => {
    const { terms } = request;
    if (terms.kind !== "BILL") return [];
    assert.equal(subject, "bill");
    const instants = request.contributions.map((bytes) =>
      instantOf(decodeContribution(bytes).header),
    );
    assert.deepEqual([terms.fromBorder, terms.toBorder], instants);
    const banks = request.contributions.map(
      (bytes) => decodeContribution(bytes).header.registerBank,
    );
    assert.deepEqual(banks, [terms.registerBank, terms.registerBank]);
    const borders = instants.map((at) => DAYS.find((day) => world.dayStart(day) === at) ?? -1);
    return [{ id, request, terms, borders }];
  });
}

function assertExact({ request, borders: [from = -1, to = -1] }: Asked): void {
  const sums = sumsOf(world, request, billPacking(world.paillier.publicKey.bits), 8);
  const [earlier, later] = [registers.get(from), registers.get(to)];
  assert(earlier !== undefined && later !== undefined);
  assert.deepEqual(
    sums,
    later.map((register, index) => register - (earlier[index] ?? 0n)),
  );
}

/**
 * Delivers the given days and lets time pass to `untilDay` (and `seconds`), with a tick at each of
 * `ticks`.
 */
async function runBills(
  days: readonly number[],
  ticks: readonly number[],
  plan: CrashPlan = never,
  bus = new TestBus(),
): Promise<{ readonly bus: TestBus; readonly windows: readonly string[]; readonly steps: number }> {
  let steps = 0;
  for (const crash of plan === never ? [never] : [plan, never]) {
    let bench: Bench | undefined;
    try {
      bench = await startBench(world, store, world.dayStart(APRIL + 1) + HOUR, bus, crash);
      for (const day of days) await bus.deliver("contributions", [bill(day)]);
      for (const seconds of ticks) {
        await bench.clock.advanceTo(Math.max(bench.clock.nowMs(), seconds * 1000));
        await bench.tick();
      }
    } catch (error) {
      assert.match(String(error), /crashed/);
    }
    steps = Math.max(steps, bench?.steps.taken ?? 0);
    await bench?.aggregator.close();
  }
  return { bus, windows: await windowsNow(), steps };
}

/** Windows of household 0: days, state and codes. */
async function windowsNow(): Promise<string[]> {
  const rows = await store.query<{ line: string }>(
    `select from_grid || ' ' || to_grid || ' ' || state || ' ' || codes as line
      from bill_window where service_point = $1 order by from_grid`,
    [householdOf(world, 0).network],
  );
  const day = (seconds: string): string =>
    String(
      Array.from({ length: 130 }, (_, i) => i).find((i) => world.dayStart(i) === Number(seconds)),
    );
  return rows.map(({ line }) => {
    const [from = "", to = "", state = "", codes = ""] = line.split(" ");
    return [day(from), day(to), state, codes].join(" ").trim();
  });
}

/** The trustee's refusal, delivered twice. */
async function refuse(bus: TestBus, { request }: Asked, code: string): Promise<void> {
  const refusal = { requestDigest: await requestDigest(request), reasons: [{ code, reason: "" }] };
  const body = encodeRefusal(await signRefusal(refusal, world.parties.trustee.signer));
  const twice = [1, 2].map((time) => ({ id: `${code} ${time}`, subject: "", body }));
  assert.deepEqual(await bus.deliver("refusals", twice), [{ ack: true }, { ack: true }]);
}

const aprilTick = () => world.dayStart(APRIL + 1) + HOUR;
const pastCutoffs = () => world.dayStart(APRIL) + CUTOFF;

describe("a window", () => {
  test("is the exact difference of its borders; adjacent windows share one", async () => {
    const { bus, windows } = await runBills(DAYS, [aprilTick()]);
    const asked = billRequests(bus);
    assert.deepEqual(
      asked.map(({ borders }) => borders),
      [
        [0, MARCH],
        [MARCH, APRIL],
      ],
    );
    for (const one of asked) assertExact(one);
    assert.deepEqual(
      asked.map(({ terms }) => [terms.fromGrid, terms.toGrid, terms.networkPseudonym]),
      [
        [0, MARCH],
        [MARCH, APRIL],
      ].map(([from = 0, to = 0]) => [
        world.dayStart(from),
        world.dayStart(to),
        fromHex(householdOf(world, 0).network),
      ]),
    );
    assert.deepEqual(windows, [
      `0 ${MARCH} REQUESTED`,
      `${MARCH} ${APRIL} REQUESTED`,
      `${APRIL} 89 OPEN`,
    ]);
  });

  test("is asked for together with all that are due: one difference for the engine", async () => {
    let subtractions = 0;
    const { engine } = world;
    const counting = new Proxy(engine, {
      get(target, property: keyof Engine) {
        if (property === "subtract") subtractions += 1;
        const value = target[property];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const bus = new TestBus();
    const counted = { ...world, engine: counting };
    const bench = await startBench(counted, store, aprilTick(), bus);
    await bus.deliver("contributions", [bill(0), bill(MARCH), bill(APRIL)]);
    await bench.tick();
    const asked = billRequests(bus);
    assert.deepEqual([asked.length, subtractions], [2, 1]);
    for (const one of asked) assertExact(one);
    await bench.aggregator.close();
  });

  test("is the same whatever is lost or doubled in between, and wherever it crashes", async () => {
    const calm = await runBills([0, MARCH, APRIL], [aprilTick()]);
    const expected = billRequests(calm.bus).map(({ id }) => id);
    assert.equal(expected.length, 2);
    const between = DAYS.filter((day) => ![0, MARCH, APRIL].includes(day));
    await fc.assert(
      fc.asyncProperty(
        fc
          .subarray(between)
          .chain((kept) =>
            fc.tuple(
              fc.shuffledSubarray([...kept, 0, MARCH, APRIL], { minLength: kept.length + 3 }),
              fc.shuffledSubarray([...kept, 0, MARCH, APRIL]),
            ),
          ),
        fc.integer({ min: 0, max: 2 * calm.steps }),
        fc.boolean(),
        async ([order, again], step, afterEffect) => {
          await emptyStore(store);
          const plan = { step, afterEffect };
          const { bus } = await runBills([...order, ...again], [aprilTick()], plan);
          const asked = billRequests(bus);
          assert.deepEqual(asked.map(({ id }) => id).toSorted(), expected.toSorted());
        },
      ),
      { numRuns: 10 },
    );
  });

  test("takes the first border after its grid instant, once no earlier one can come", async () => {
    const days = [0, 27, MARCH + 2, APRIL];
    const { bus } = await runBills(days, [aprilTick()]);
    assert.deepEqual(
      billRequests(bus).map(({ borders }) => borders),
      [
        [0, MARCH + 2],
        [MARCH + 2, APRIL],
      ],
    );
    for (const one of billRequests(bus)) assertExact(one);
    await emptyStore(store);
    const waiting = await runBills([0, MARCH, APRIL + 1], [aprilTick()]);
    assert.deepEqual(waiting.windows, [`0 ${MARCH} REQUESTED`, `${MARCH} ${APRIL} OPEN`]);
    const later = await runBills([], [pastCutoffs()], never, waiting.bus);
    assert.deepEqual(later.windows[1], `${MARCH} ${APRIL} REQUESTED`);
    assert.deepEqual(billRequests(later.bus)[1]?.borders, [MARCH, APRIL + 1]);
  });

  test("is extended to the next grid instant when its border never comes", async () => {
    const { bus, windows } = await runBills([0, 5, 27, 40, 58, APRIL], [aprilTick()]);
    assert.deepEqual(windows, [`0 ${APRIL} REQUESTED`, `${APRIL} 89 OPEN`]);
    const [one, ...others] = billRequests(bus);
    assert(one !== undefined);
    assert.deepEqual([one.borders, others], [[0, APRIL], []]);
    assertExact(one);
  });

  test("without an installation cannot be billed; the next one can", async () => {
    const { bus, windows } = await runBills([5, MARCH, 40, APRIL], [aprilTick()]);
    assert.deepEqual(windows, [
      `0 ${MARCH} SUPPRESSED NO_INSTALLATION_BORDER`,
      `${MARCH} ${APRIL} REQUESTED`,
      `${APRIL} 89 OPEN`,
    ]);
    const [one] = billRequests(bus);
    assert(one !== undefined);
    assertExact(one);
  });

  test("is extended when its bill would expose somebody, while the next one is open", async () => {
    const bus = new TestBus();
    const bench = await startBench(world, store, world.dayStart(MARCH) + HOUR, bus);
    const ask = async (day: number, until: number): Promise<Asked> => {
      await bench.clock.advanceTo(until * 1000);
      await bus.deliver("contributions", [bill(day)]);
      await bench.tick();
      const asked = billRequests(bus).at(-1);
      assert(asked !== undefined);
      return asked;
    };
    await bus.deliver("contributions", [bill(0)]);
    await refuse(bus, await ask(MARCH, world.dayStart(MARCH) + HOUR), "R5_EXPOSED");
    assert.deepEqual(await windowsNow(), [`0 ${APRIL} OPEN R5_EXPOSED`]);
    const extended = await ask(APRIL, aprilTick());
    assert.deepEqual(extended.borders, [0, APRIL]);
    assertExact(extended);
    await refuse(bus, extended, "R8_OVERLAP");
    assert.deepEqual(await windowsNow(), [`0 ${APRIL} SUPPRESSED R8_OVERLAP`, `${APRIL} 89 OPEN`]);
    await bench.aggregator.close();
    await emptyStore(store);
    // Both months at once: the second is asked for when the first is refused.
    const late = new TestBus();
    const behind = await startBench(world, store, aprilTick(), late);
    await late.deliver("contributions", [bill(0), bill(MARCH), bill(APRIL)]);
    await behind.tick();
    const [first] = billRequests(late);
    assert(first !== undefined);
    await refuse(late, first, "R5_EXPOSED");
    assert.deepEqual(await windowsNow(), [
      `0 ${MARCH} SUPPRESSED R5_EXPOSED`,
      `${MARCH} ${APRIL} REQUESTED`,
      `${APRIL} 89 OPEN`,
    ]);
    await behind.aggregator.close();
  });

  test("never ends at a contribution that another one contradicts", async () => {
    const blockStart = world.dayStart(MARCH - 1);
    const forked = onlyStream(await contribute(world, 0, { blockStart }, dayOf(5)), "BILL");
    const bus = new TestBus();
    const bench = await startBench(world, store, world.dayStart(MARCH) + CUTOFF, bus);
    await bus.deliver("contributions", [bill(0), bill(MARCH), ...forked, bill(MARCH + 1)]);
    await bench.tick();
    assert.deepEqual(
      billRequests(bus).map(({ borders }) => borders),
      [[0, MARCH + 1]],
    );
    await bench.aggregator.close();
  });
});

describe("an exchange of meters", () => {
  const SLOT = 40; // 10 h on the first of March
  const newMeter = named("exchanged meter", 16);
  const registersOf = new Map<BusMessage, readonly bigint[]>();

  /** What household 0 contributes to BILL next, under another header. */
  async function border(blockStart: number, change: Partial<ContributionHeader>) {
    const options = {
      change: ({ stream }: ContributionHeader) => (stream === "BILL" ? change : {}),
    };
    const [message] = onlyStream(
      await contribute(world, 0, { blockStart }, dayOf(0), options),
      "BILL",
    );
    assert(message !== undefined);
    registersOf.set(message, [...householdOf(world, 0).frames.registers]);
    return message;
  }

  test("is no border of a window, and both sides of it make one number", async () => {
    const { view } = world.network.current();
    const { network } = householdOf(world, 0);
    const at = world.dayStart(MARCH) + 900 * SLOT;
    const servicePoints = view.document.servicePoints.map((point) => {
      const [old] = point.meters;
      assert(old !== undefined);
      const next = { ...old, meterId: toHex(newMeter), from: at };
      return point.network === network ? { ...point, meters: [{ ...old, to: at }, next] } : point;
    });
    world.network.set(1, indexNetworkView({ ...view.document, servicePoints }));
    try {
      const march = world.dayStart(MARCH);
      const ends = await border(march, { count: SLOT });
      const begins = await border(march, { firstSlot: SLOT, count: 0, meterId: newMeter });
      // The end of that day: of the same block and slot as the installation, and no contradiction to it.
      const rest = { firstSlot: SLOT, count: DAY_SLOTS - SLOT, meterId: newMeter };
      const midnight = await border(march, rest);
      const to = await border(world.dayStart(APRIL - 1), { meterId: newMeter });
      const bus = new TestBus();
      const bench = await startBench(world, store, march + CUTOFF, bus);
      // The border of the first of March never came.
      await bus.deliver("contributions", [bill(0), ends]);
      await bench.tick();
      assert.deepEqual(await windowsNow(), [`0 ${APRIL} OPEN`]);
      await bench.clock.advanceTo(1000 * (world.dayStart(APRIL) + HOUR));
      await bus.deliver("contributions", [to]);
      await bench.tick();
      assert.deepEqual(
        await windowsNow(),
        [`0 ${APRIL} OPEN`],
        "it waits for the new meter's first",
      );
      await bus.deliver("contributions", [midnight, begins]);
      assert.deepEqual(await store.query("select outcome from contribution_conflict"), []);
      await bench.tick();
      const [request, ...others] = bus.requests().map((one) => one.request);
      assert(request !== undefined);
      assert.deepEqual(others, []);
      assert.deepEqual(
        request.contributions,
        [bill(0), ends, begins, to].map(({ body }) => body),
      );
      const sums = sumsOf(world, request, billPacking(world.paillier.publicKey.bits), 8);
      const of = (message: BusMessage, index: number): bigint =>
        registersOf.get(message)?.[index] ?? 0n;
      const truth = sums.map((_, index) => {
        const installed = registers.get(0)?.[index] ?? 0n;
        return of(ends, index) - installed + of(to, index) - of(begins, index);
      });
      assert.deepEqual(sums, truth);
      const id = toHex(await requestDigest(request));
      const answer = await bench.aggregator.http.request(`/v1/requests/${id}`);
      const { contributions } = (await answer.json()) as { contributions: string[] };
      assert.deepEqual(contributions.map(fromBase64Url), request.contributions);
      await bench.aggregator.close();
    } finally {
      world.network.set(2, view);
    }
  });
});

describe("the decision on a window", () => {
  const toGrid = 1_740_783_600; // 2025-03-01 in Zurich
  const encoded = new Uint8Array(0);
  const from: Border = { block: 0, slot: 96, instant: 0, origin: "meter", encoded };
  const at = (instant: number, origin = "meter"): Border => ({
    block: 1,
    slot: 0,
    instant,
    origin,
    encoded,
  });
  const contract = {
    grid: { unit: "month" },
    zone: "Europe/Zurich",
    contractStartSeconds: 1_738_364_400,
    contractEndSeconds: null,
  } as const;
  const april = 1_743_458_400;
  const cases: readonly (readonly [string, Partial<OpenWindow>, number, object, number?])[] = [
    ["on time", { to: at(toGrid) }, toGrid, { kind: "seal", from, to: at(toGrid) }],
    ["not there yet", {}, toGrid, { kind: "wait" }],
    ["perhaps not the first", { to: at(toGrid + 1) }, toGrid + CUTOFF - 1, { kind: "wait" }],
    [
      "the first there was",
      { to: at(toGrid + 1) },
      toGrid + CUTOFF,
      { kind: "seal", from, to: at(toGrid + 1) },
    ],
    ["never came", {}, toGrid + CUTOFF, { kind: "extend", toGrid: april }],
    ["contract goes on", {}, toGrid + CUTOFF, { kind: "extend", toGrid: april }, april],
    ["contract ends", {}, toGrid + CUTOFF, { kind: "extend", toGrid: april - 1 }, april - 1],
    [
      "contract ended",
      {},
      toGrid + CUTOFF,
      { kind: "suppress", code: "CONTRACT_ENDED", to: undefined },
      toGrid,
    ],
    ["installation may come", { from: undefined, to: at(toGrid) }, toGrid, { kind: "wait" }],
    [
      "no installation",
      { from: undefined, to: at(toGrid) },
      toGrid + CUTOFF,
      { kind: "suppress", code: "NO_INSTALLATION_BORDER", to: at(toGrid) },
    ],
    [
      "another meter, exchanged",
      { to: at(toGrid, "new meter"), hasExchanges: true },
      toGrid,
      { kind: "seal", from, to: at(toGrid, "new meter") },
    ],
    [
      "another meter, whose first registers may come",
      { to: at(toGrid, "new meter") },
      toGrid + CUTOFF - 1,
      { kind: "wait" },
    ],
    [
      "another meter",
      { to: at(toGrid, "new meter") },
      toGrid + CUTOFF,
      { kind: "suppress", code: "METER_OR_KEY_CHANGED", to: at(toGrid, "new meter") },
    ],
  ];
  for (const [name, change, now, expected, contractEndSeconds = null] of cases) {
    test(name, () => {
      const window = { servicePoint: "", fromGrid: 0, toGrid, from, to: undefined, ...change };
      const decision = decideWindow(window, { ...contract, contractEndSeconds }, CUTOFF, now);
      assert.deepEqual(decision, expected);
    });
  }
});
