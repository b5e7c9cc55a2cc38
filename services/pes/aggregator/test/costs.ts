/** What tests of bills with a cost look at: bills that were asked for, what became of a window's cost, and of days of load. */
import type { BillRequest, SignedRequest } from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";
import type { FrameValues, World } from "../../../../test/support/world.ts";
import { contribute, HOUR, householdOf, onlyStream, startBench, type TestBus } from "./bench.ts";

export interface AskedBill {
  readonly request: SignedRequest;
  readonly terms: BillRequest;
}

export const askedBills = (bus: TestBus): AskedBill[] =>
  bus.requests().flatMap(({ request }) => {
    const { terms } = request;
    return terms.kind === "BILL" ? [{ request, terms }] : [];
  });

/** State and cost of household 0's first window. */
export async function costNow(store: Store, world: World): Promise<string> {
  const [row] = await store.query<{ line: string }>(
    `select state || ' ' || cost as line from bill_window where service_point = $1
      order by from_grid limit 1`,
    [householdOf(world, 0).network],
  );
  return row?.line ?? "";
}

/** Day, state and codes of these days of load, to which all three households contribute. */
export async function loadStates(
  store: Store,
  world: World,
  days: readonly number[],
  valuesOf: (index: number, slots: number) => FrameValues,
): Promise<string[]> {
  const bench = await startBench(world, store, world.dayStart(0));
  const states: string[] = [];
  for (const day of days) {
    const blockStart = world.dayStart(day);
    const end = world.dayStart(day + 1);
    await bench.clock.advanceTo(1000 * (end + 60));
    for (const index of [0, 1, 2]) {
      const values = valuesOf(index, (end - blockStart) / 900);
      const made = await contribute(world, index, { blockStart }, values);
      await bench.bus.deliver("contributions", onlyStream(made, "LOAD"));
    }
    await bench.clock.advanceTo(1000 * (end + 6 * HOUR));
    await bench.tick();
    const [row] = await store.query<{ line: string }>(
      "select state || ' ' || codes as line from load_set where block = $1",
      [blockStart],
    );
    states.push(`${day} ${row?.line}`.trim());
  }
  await bench.aggregator.close();
  return states;
}
