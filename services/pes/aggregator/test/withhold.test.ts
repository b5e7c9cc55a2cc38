/** Days of load that are left out, so that bills and loads together expose nobody. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { Store } from "@smarter-metering/runtime";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import {
  contribute,
  dayOf,
  emptyStore,
  HOUR,
  onlyStream,
  openLedger,
  startBench,
} from "./bench.ts";

/** 1 February 2025 is a Saturday; on Sundays the band "low" holds all day. */
const [SATURDAY, SUNDAY, MONDAY, TUESDAY] = [0, 1, 2, 3] as const;
/** The next window; the days between have no load at all, so they hide all others of February. */
const MARCH = 28;
const ALL = [0, 1, 2, 3];
const FEW_ABSENT = [0, 1, 2];
const CUTOFF = 6 * HOUR;

let store: Store;
before(async () => {
  store = await openLedger();
});
after(() => store.close());
beforeEach(() => emptyStore(store));

/** State and codes of each day, to which these households contribute. */
async function statesOf(
  world: World,
  days: readonly (readonly [day: number, present: readonly number[]])[],
): Promise<Record<number, string>> {
  const bench = await startBench(world, store, world.dayStart(0));
  for (const [day, present] of days) {
    const blockStart = world.dayStart(day);
    const length = (world.dayStart(day + 1) - blockStart) / 900;
    await bench.clock.advanceTo(1000 * (world.dayStart(day + 1) + 60));
    for (const index of present) {
      const made = await contribute(world, index, { blockStart }, dayOf(index, 0, length));
      await bench.bus.deliver("contributions", onlyStream(made, "LOAD"));
    }
    await bench.clock.advanceTo(1000 * (world.dayStart(day + 1) + CUTOFF));
    await bench.tick();
  }
  await bench.aggregator.close();
  const rows = await store.query<{ block: bigint; state: string; codes: string }>(
    "select block, state, codes from load_set where covered > 0",
  );
  const found = new Map(rows.map(({ block, ...row }) => [Number(block), row]));
  return Object.fromEntries(
    days.map(([day]) => {
      const row = found.get(world.dayStart(day));
      return [day, `${row?.state} ${row?.codes}`.trim()];
    }),
  );
}

test("a day on which few are absent is left out, until the window has one for each band", async () => {
  const world = await makeWorld({
    households: 4,
    loadIntervalSeconds: HOUR,
    policy: { auditMembersMin: 2 },
  });
  try {
    const states = await statesOf(world, [
      [SATURDAY, ALL],
      [SUNDAY, FEW_ABSENT],
      [MONDAY, FEW_ABSENT],
      [TUESDAY, FEW_ABSENT],
      [MARCH, FEW_ABSENT],
    ]);
    assert.deepEqual(states, {
      [SATURDAY]: "REQUESTED",
      [SUNDAY]: "SUPPRESSED WITHHELD_FOR_BILLS",
      [MONDAY]: "SUPPRESSED WITHHELD_FOR_BILLS",
      [TUESDAY]: "REQUESTED",
      [MARCH]: "SUPPRESSED WITHHELD_FOR_BILLS",
    });
  } finally {
    await world.close();
  }
});

test("nothing is left out when nobody is absent, enough are, or no audit is asked for", async () => {
  const audited = { households: 4, loadIntervalSeconds: HOUR, policy: { auditMembersMin: 2 } };
  const cases = [
    { world: await makeWorld(audited), present: ALL },
    { world: await makeWorld(audited), present: [0, 1] },
    { world: await makeWorld({ ...audited, policy: {} }), present: FEW_ABSENT },
  ];
  for (const { world, present } of cases) {
    await emptyStore(store);
    assert.deepEqual(await statesOf(world, [[SATURDAY, present]]), { [SATURDAY]: "REQUESTED" });
    await world.close();
  }
});
