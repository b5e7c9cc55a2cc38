/**
 * A small town whose Paillier key nobody holds (docs/protocol.md §8.6): real aggregator, trustees and MDMS over the embedded bus. The same
 * readings give the same totals as with one key holder, with trustees missing as long as t are there.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { aggregatorMigrations, startAggregator } from "@smarter-metering/aggregator";
import { migrations as mdmsMigrations, startMdms } from "@smarter-metering/mdms";
import {
  durableFile,
  createMetrics,
  manualClock,
  migrate,
  openBus,
  openStore,
  silentLogger,
  systemClock,
  type Bus,
  type BusMessage,
  type Store,
} from "@smarter-metering/runtime";
import { initialiseLedger, startTrustee, type TrusteeService } from "@smarter-metering/trustee";
import { streamsOf } from "../cli/src/serve/streams.ts";
import { testPlace } from "../packages/runtime/test/test-place.ts";
import {
  contribute,
  DAY_SLOTS,
  dayOf,
  emptyStore,
  HOUR,
} from "../services/pes/aggregator/test/bench.ts";
import { makeWorld, type World } from "./support/world.ts";

const QUORUM = { threshold: 2, trustees: 4 };
/** On the grid of two days, so that no window is too short for a bill. */
const START_DATE = "2025-02-04";
const DAYS = 2;
const HOUSEHOLDS = 4;
/** Blocks of the days, and a bill for each household. */
const RELEASES = DAYS + HOUSEHOLDS;

interface Town {
  readonly world: World;
  readonly bus: Bus;
  readonly start: (trustee: number) => Promise<void>;
  readonly stop: (trustee: number) => Promise<void>;
  /** Lets everybody who is there do what there is to do. */
  readonly settle: () => Promise<void>;
  readonly states: () => Promise<Standing[]>;
  readonly totals: () => Promise<Totals>;
  readonly alarms: () => Promise<string[]>;
  readonly close: () => Promise<void>;
}

/** A request that was made. */
interface Standing {
  readonly requestDigest: string | null;
  readonly state: string;
  readonly log: { readonly entry: number; readonly silent: readonly number[] } | null;
  readonly trustees: unknown;
}

interface Totals {
  readonly loads: readonly (readonly number[])[];
  readonly registers: readonly (readonly bigint[])[];
  readonly amounts: readonly string[];
}

let folder: string;
let store: Store;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "threshold-"));
  store = await openStore({ place: await testPlace(), schema: "threshold", migrations: [] });
  await migrate(store, "aggregator", aggregatorMigrations);
  await migrate(store, "mdms", mdmsMigrations);
});
after(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** All contributions of the days, made by an opener. */
async function contributionsOf(world: World): Promise<BusMessage[]> {
  const all: BusMessage[] = [];
  for (const index of world.households.keys()) {
    const before = { blockStart: world.dayStart(-1), firstSlot: DAY_SLOTS };
    all.push(...(await contribute(world, index, before, dayOf(index, 0, 0))));
    for (let day = 0; day < DAYS; day++) {
      all.push(...(await contribute(world, index, { blockStart: world.dayStart(day) })));
    }
  }
  return all;
}

let towns = 0;
async function found(quorum: typeof QUORUM | undefined): Promise<Town> {
  await emptyStore(store);
  const world = await makeWorld({
    ...(quorum && { quorum }),
    households: HOUSEHOLDS,
    startDate: START_DATE,
    loadIntervalSeconds: HOUR,
    policy: { billWindowDaysMin: 2, billGrid: { unit: "day", days: 2 } },
  });
  const home = join(folder, `town ${towns++}`);
  await mkdir(home);
  const bus = await openBus({
    store,
    streams: streamsOf(quorum?.trustees ?? 0),
    clock: systemClock,
  });
  const ports = {
    clock: manualClock(1000 * (world.dayStart(DAYS) + 4 * 24 * HOUR)),
    log: silentLogger,
    bus,
    store,
    engine: world.engine,
    registry: world.network,
  };
  const named = () => ({ ...ports, metrics: createMetrics() });
  const aggregator = await startAggregator(
    { tickMs: 365 * 24 * 3_600_000 },
    {
      ...named(),
      signer: world.parties.aggregator.signer,
      published: durableFile(join(home, "log.head")),
    },
  );
  const mdms = await startMdms(
    {},
    {
      ...named(),
      registry: world.mdmsFeed,
      signer: world.parties.mdms.signer,
      recipientSecret: world.mdms.secret,
      rootKey: world.root.publicKey,
      totpKey: new Uint8Array(32),
    },
  );
  const running = new Map<number, TrusteeService>();
  await bus.publish("contributions", await contributionsOf(world));
  await bus.idle();
  return {
    world,
    bus,
    async start(trustee) {
      const ledgerFolder = join(home, `trustee ${trustee}`);
      await mkdir(ledgerFolder, { recursive: true });
      await initialiseLedger(ledgerFolder, ledgerFolder);
      const holder = world.shareHolders[trustee - 1];
      const secretKey = holder?.share ?? world.paillier.secretKey;
      const signer = holder?.signer ?? world.parties.trustee.signer;
      const own = { ...named(), secretKey, signer, ledgerFolder };
      running.set(trustee, await startTrustee({ policyId: "UNSAFE-test" }, own));
    },
    async stop(trustee) {
      await running.get(trustee)?.close();
      running.delete(trustee);
    },
    async settle() {
      // The request's entry, its cosignatures, the request, its answers.
      for (let step = 0; step < 3; step++) {
        await aggregator.tick();
        await bus.idle();
      }
    },
    async states() {
      const list = async (kind: "sets" | "bills") => {
        const answer = await (await aggregator.http.request(`/v1/${kind}`)).json();
        return (answer as Record<string, Standing[]>)[kind] ?? [];
      };
      const all = [...(await list("sets")), ...(await list("bills"))];
      return all.filter(({ requestDigest }) => requestDigest !== null);
    },
    totals: () => totalsOf(store),
    async alarms() {
      const rows = await store.query<{ code: string }>("select code from alarm order by code");
      return rows.map(({ code }) => code);
    },
    async close() {
      for (const service of [...running.values(), aggregator, mdms]) await service.close();
      await bus.close();
      await world.close();
    },
  };
}

async function totalsOf(sql: Store): Promise<Totals> {
  const loads = await sql.query<{ energy: number[] }>(
    `select array_to_json(energy_watt_hours) as energy from load_block order by block_start`,
  );
  const registers = await sql.query<{ energy: bigint }>(
    `select energy_milliwatt_hours as energy from statement_register
      order by service_point, from_grid, position`,
  );
  const statements = await sql.query<{ amount: string }>(
    "select amount from statement order by service_point, from_grid",
  );
  return {
    loads: loads.map(({ energy }) => energy),
    registers: registers.map(({ energy }) => [energy]),
    amounts: statements.map(({ amount }) => amount),
  };
}

describe("any two of four trustees", () => {
  let expected: Totals;
  before(async () => {
    const alone = await found(undefined);
    await alone.start(1);
    await alone.settle();
    expected = await alone.totals();
    await alone.close();
    assert.deepEqual([expected.loads.length, expected.amounts.length], [DAYS, HOUSEHOLDS]);
  });

  test("release the totals that one key holder releases", async () => {
    const town = await found(QUORUM);
    for (const trustee of [1, 2, 3, 4]) await town.start(trustee);
    await town.settle();
    assert.deepEqual(await town.totals(), expected);
    assert.deepEqual(await town.alarms(), []);
    assert.deepEqual(
      new Set((await town.states()).map(({ state }) => state)),
      new Set(["RELEASED"]),
    );
    const kept = await store.query("select 1 from share where verdict = 'GOOD'");
    assert.equal(kept.length, 4 * RELEASES);
    await town.close();
  });

  test("one stopped changes nothing", async () => {
    const town = await found(QUORUM);
    for (const trustee of [1, 2, 3, 4]) await town.start(trustee);
    await town.stop(1);
    await town.settle();
    assert.deepEqual(await town.totals(), expected);
    assert.deepEqual(
      new Set((await town.states()).map(({ state }) => state)),
      new Set(["RELEASED"]),
    );
    await town.close();
  });

  test("two stopped: requests wait for the log, and say for whom; all comes out when one returns", async () => {
    const town = await found(QUORUM);
    for (const trustee of [2, 4]) await town.start(trustee);
    await town.settle();
    const waiting = await town.states();
    assert.equal(waiting.length, RELEASES);
    for (const { state, log, trustees } of waiting) {
      assert.deepEqual([state, trustees], ["SEALED", null]);
      const { entry, ...others } = log ?? {};
      assert.equal(typeof entry, "number");
      assert.deepEqual(others, { needed: 3, cosigned: [2, 4], silent: [1, 3] });
    }
    assert.deepEqual(await town.totals(), { loads: [], registers: [], amounts: [] });
    await town.start(3);
    await town.settle();
    assert.deepEqual(await town.totals(), expected);
    // The last is late, and finds nothing left to decide.
    await town.start(1);
    await town.settle();
    assert.deepEqual(await town.totals(), expected);
    assert.deepEqual(await town.alarms(), []);
    await town.close();
  });

  test("a trustee with the share of another, or of another ceremony, does not start", async () => {
    const town = await found(QUORUM);
    const other = await makeWorld({ quorum: { threshold: 2, trustees: 3 } });
    const [foreign] = other.shareHolders;
    const ledgerFolder = join(folder, "foreign");
    await mkdir(ledgerFolder);
    await initialiseLedger(ledgerFolder, ledgerFolder);
    assert(foreign !== undefined);
    for (const secretKey of [foreign.share, town.world.paillier.secretKey]) {
      const ports = { clock: manualClock(0), log: silentLogger, metrics: createMetrics() };
      const { bus } = town;
      const wrong = startTrustee(
        { policyId: "UNSAFE-test" },
        {
          ...ports,
          bus,
          registry: town.world.network,
          engine: town.world.engine,
          secretKey,
          signer: foreign.signer,
          ledgerFolder,
        },
      );
      await assert.rejects(wrong, { code: "TRUSTEE_WRONG_KEY" });
    }
    await other.close();
    await town.close();
  });
});
