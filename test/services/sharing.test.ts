/**
 * Several aggregators over one PostgreSQL database, with transactions that really run at once: whatever they record
 * together, whoever dies, and whenever another leads, each set is asked for once with the exact sum, and each
 * contribution stands in the log once, before the request it is part of.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { aggregatorMigrations } from "@smarter-metering/aggregator";
import { toHex } from "@smarter-metering/protocol";
import {
  openStore,
  partitionOf,
  type BusMessage,
  type Sql,
  type Store,
} from "@smarter-metering/runtime";
import { queueEntries } from "../../services/pes/aggregator/src/entry-queue.ts";
import {
  contribute,
  dayOf,
  emptyStore,
  HOUR,
  hoursOf,
  LOAD_SLOTS,
  onlyStream,
  stepsUntil,
} from "../../services/pes/aggregator/test/bench.ts";
import {
  Crew,
  leaderStandsStill,
  splitCohorts,
  stepsOfALead,
  type Member,
} from "../../services/pes/aggregator/test/crew.ts";
import { Chance } from "../simulation/chance.ts";
import { makeWorld, named, type World } from "../support/world.ts";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

const COHORTS = ["north", "east", "south", "west"];
const HOUSEHOLDS = 3 * COHORTS.length;
const DAYS = 3;
const CUTOFF = 6 * HOUR;
const SEEDS = [1, 2];

/** What a contribution of LOAD says, for the plaintext model. */
interface Known {
  readonly set: string;
  readonly household: number;
}

let world: World;
let server: PostgresServer;
let openOwn: () => Promise<Store>;
/** The test's own. */
let store: Store;
/** LOAD of some days of all households, in the order of days. */
let messages: BusMessage[];
/** By the frame's hash. */
const known = new Map<string, Known>();
before(async () => {
  server = await startPostgres();
  const connection = await server.createDatabase("sharing");
  openOwn = () =>
    openStore({
      place: { kind: "postgres", connection, readers: 1 },
      schema: "aggregator",
      migrations: aggregatorMigrations,
    });
  store = await openOwn();
  world = await makeWorld({ households: HOUSEHOLDS, loadIntervalSeconds: HOUR });
  splitCohorts(world, COHORTS);
  assert(new Set(COHORTS.map((id) => partitionOf(id))).size === COHORTS.length);
  messages = [];
  for (let day = 0; day < DAYS; day++) {
    for (let household = 0; household < HOUSEHOLDS; household++) {
      const blockStart = world.dayStart(day);
      const made = await contribute(world, household, { blockStart }, dayOf(household));
      messages.push(...made.filter(({ id }) => !id.endsWith("/COST")));
      const set = `${COHORTS[Math.floor(household / 3)] ?? ""} ${blockStart}`;
      known.set((made[0]?.id ?? "").split("/")[0] ?? "", { set, household });
    }
  }
});
after(async () => {
  await store.close();
  await world.close();
  await server.remove();
});

let crew: Crew;
async function begin(nowSeconds: number): Promise<Crew> {
  await emptyStore(store);
  crew = new Crew(world, nowSeconds, openOwn);
  return crew;
}
afterEach(() => crew.close());

/** What every set is to be asked for with: the sum of what was accepted and is not contradicted. */
async function sumsOfLedger(): Promise<Map<string, bigint[]>> {
  const rows = await store.query<{ hash: Uint8Array }>(
    "select frame_hash as hash from contribution where stream = 'LOAD' and not excluded",
  );
  const sums = new Map<string, bigint[]>();
  for (const { hash } of rows) {
    const { set, household } = known.get(toHex(hash)) ?? assert.fail();
    const before = sums.get(set) ?? Array.from({ length: LOAD_SLOTS }, () => 0n);
    const hours = hoursOf(household);
    sums.set(
      set,
      before.map((sum, hour) => sum + (hours[hour] ?? 0n)),
    );
  }
  return sums;
}

const outcomes = async (): Promise<Record<string, number>> => {
  const rows = await store.query<{ outcome: string; total: number }>(
    "select outcome, sum(total)::int4 as total from tally group by outcome order by outcome",
  );
  return Object.fromEntries(rows.map(({ outcome, total }) => [outcome, total]));
};

describe("at once", () => {
  for (const seed of SEEDS) {
    test(`recording, contradicting, sealing and asking, some of it twice: seed ${seed}`, async () => {
      await begin(world.dayStart(DAYS) + HOUR);
      const chance = new Chance(seed);
      const members = [await crew.join("a"), await crew.join("b"), await crew.join("c")];
      // Of every set one contribution comes only when the cutoff does.
      const isHeld = ({ id }: BusMessage): boolean => {
        const { household } = known.get(id.split("/")[0] ?? "") ?? assert.fail();
        return household % 3 === seed % 3 && id.endsWith("/LOAD");
      };
      const early = messages.filter((message) => !isHeld(message));
      const late = messages.filter(isHeld);
      const blockStart = world.dayStart(0);
      const forked = onlyStream(
        await contribute(world, (seed + 1) % 3, { blockStart }, dayOf(50)),
        "LOAD",
      );
      const all = [...early, ...forked];
      const rounds = members.map((member, at) => {
        const own = chance.shuffled(`${at}`, [...all, ...all.slice(at * 7)]);
        return recordInBatches(member, own, 1 + ((seed + at) % 9));
      });
      await Promise.all(rounds);
      await crew.clock.advanceTo(1000 * (world.dayStart(DAYS) + CUTOFF));
      const [leader = assert.fail(), ...others] = members;
      await Promise.all([
        leader.aggregator.tick(),
        ...others.map((member, at) =>
          recordInBatches(member, chance.shuffled(`late ${at}`, late), 4),
        ),
      ]);
      await crew.tick(leader);
      await crew.check(store, await sumsOfLedger());
      const { accepted = 0, late: missed = 0 } = await outcomes();
      // Each of two members brought those that were held back: the first may be late, the second then is too.
      const kept = await store.query("select 1 as one from contribution");
      assert.equal(accepted, kept.length);
      assert.equal(accepted + missed / 2, messages.length);
      const twice = await store.query("select 1 as one from contribution_conflict");
      assert.equal(twice.length, 1, "both sides of the fork are kept, once");
      for (const state of ["OPEN", "SEALED"]) {
        const left = await store.query("select 1 as one from load_set where state = $1", [state]);
        assert.equal(left.length, 0, state);
      }
    });
  }

  test("members that die in the middle, join and leave: nothing is lost, nothing counted twice", async () => {
    await begin(world.dayStart(DAYS) + HOUR);
    const chance = new Chance(7);
    const a = await crew.join("a");
    const dying = ["b", "c", "d"].map((name, at) => {
      const steps = stepsUntil({ step: 9 + 3 * at, afterEffect: at % 2 === 0 });
      return crew.join(name, steps);
    });
    const mortals = await Promise.all(dying);
    await crew.pass(2.5, a, ...mortals);
    const unsettled: BusMessage[] = [];
    const works = mortals.map(async (member, at) => {
      for (const message of chance.shuffled(`${at}`, messages)) {
        await member.record([message]).catch((error: unknown) => {
          assert.match(String(error), /crashed/);
          unsettled.push(message);
        });
      }
    });
    await Promise.all([...works, recordInBatches(a, messages.slice(0, 20), 5)]);
    assert(unsettled.length > 0);
    await crew.pass(15, a);
    assert.equal(a.aggregator.sharing().partitions.length, 16);
    await recordInBatches(a, unsettled, 16);
    const e = await crew.join("e");
    await crew.pass(2.5, a, e);
    await recordInBatches(e, messages.slice(20), 16);
    await a.aggregator.close();
    await crew.pass(2.5, e);
    await crew.tick(e);
    const sums = await sumsOfLedger();
    assert.equal(sums.size, DAYS * COHORTS.length);
    await crew.check(store, sums);
    const { accepted } = await outcomes();
    assert.equal(accepted, messages.length);
  });
});

test("an entry that was written first and committed last is in the log too, once", async () => {
  await begin(world.dayStart(DAYS) + HOUR);
  const a = await crew.join("a");
  const slow = openGate();
  const writing = store.transaction(async (sql) => {
    await queueEntries(sql, [{ kind: "contribution", body: named("slow") }]);
    slow.reach();
    await slow.resumed;
  });
  await slow.reached;
  await a.record(messages);
  await crew.tick(a);
  const before = crew.entries().length;
  slow.resume();
  await writing;
  await crew.tick(a);
  const bodies = crew.entries().map(({ body }) => toHex(body));
  assert.equal(bodies.length, before + 1);
  assert.deepEqual(
    bodies.filter((body) => body === toHex(named("slow"))),
    [bodies.at(-1)],
  );
});

test("a cutoff waits for what is being recorded: it counts, and what comes after is late", async () => {
  await begin(world.dayStart(1) + CUTOFF);
  const gate = openGate();
  const a = await crew.join("a");
  const b = await crew.join("b", undefined, undefined, (own) => ({
    ...over(own),
    transaction: (work, options) =>
      own.transaction(async (sql) => {
        const query: Sql["query"] = async (text, params) => {
          if (text.includes("insert into contribution (")) {
            gate.reach();
            await gate.resumed;
          }
          return sql.query(text, params);
        };
        return work({ query });
      }, options),
  }));
  const day0 = messages.filter(({ id }) => {
    const { set } = known.get(id.split("/")[0] ?? "") ?? assert.fail();
    return set === `north ${world.dayStart(0)}` && id.endsWith("/LOAD");
  });
  await a.record(day0.slice(0, 1));
  const recording = b.record(day0.slice(1, 2));
  await gate.reached;
  const ticked = a.aggregator.tick();
  // A tick that does not wait is over, and has sealed without what is under way.
  await Promise.race([ticked, untilWaiting()]);
  gate.resume();
  await Promise.all([recording, ticked]);
  await a.record(day0.slice(2));
  await crew.tick(a);
  assert.deepEqual(await outcomes(), { accepted: 2, late: 1 });
  await crew.check(store, await sumsOfLedger());
});

const over = (whole: Store): Store => ({
  kind: whole.kind,
  query: (text, params) => whole.query(text, params),
  transaction: (work, options) => whole.transaction(work, options),
  close: () => whole.close(),
});

/** Somebody waits for an advisory lock; looked at a hundred times. */
async function untilWaiting(): Promise<void> {
  for (let looks = 0; looks < 100; looks++) {
    const [row] = await server.admin(
      "select count(*)::int4 as waiting from pg_locks where locktype = 'advisory' and not granted",
    );
    if (row?.["waiting"] !== 0) return;
  }
}

function openGate() {
  let [reach, resume] = [(): void => undefined, (): void => undefined];
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const resumed = new Promise<void>((resolve) => (resume = resolve));
  return { reached, resumed, reach, resume };
}

describe("a change of the leader", () => {
  test("at every second step: one that stood still there finds another leading, and can write nothing", async () => {
    const own = messages.filter(({ id }) => {
      const { household, set } = known.get(id.split("/")[0] ?? "") ?? assert.fail();
      return household < 3 && set.endsWith(` ${world.dayStart(0)}`);
    });
    const begun = (): Promise<Crew> => begin(world.dayStart(1) + HOUR);
    const steps = await stepsOfALead(await begun(), own);
    for (let step = 0; step < steps; step += 2) {
      const check = async (now: Crew): Promise<void> => now.check(store, await sumsOfLedger());
      await leaderStandsStill(await begun(), step, own, check);
    }
  });
});

async function recordInBatches(
  member: Member,
  list: readonly BusMessage[],
  size: number,
): Promise<void> {
  for (let start = 0; start < list.length; start += size) {
    const verdicts = await member.record(list.slice(start, start + size));
    assert(verdicts.every((verdict) => "ack" in verdict));
  }
}
