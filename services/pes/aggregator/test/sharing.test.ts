/**
 * Several aggregators over one database: who takes what, and a leader that stands still, dies or comes back late at any
 * step. Over the embedded database their transactions come one after the other; test/services/sharing.test.ts has them at
 * once.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { aggregatorMigrations } from "@smarter-metering/aggregator";
import { parseHead } from "@smarter-metering/log";
import { fromUtf8 } from "@smarter-metering/protocol";
import { openStore, partitionNames, type BusMessage, type Store } from "@smarter-metering/runtime";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import { contribute, dayOf, emptyStore, HOUR, hoursOf, LOAD_SLOTS, onlyStream } from "./bench.ts";
import { Crew, leaderStandsStill, stepsOfALead, type Member } from "./crew.ts";
import { MemoryFile } from "../../../../packages/log/test/operator.ts";

let world: World;
let store: Store;
let crew: Crew;
/** LOAD of day 0 of three households. */
let day0: BusMessage[];
before(async () => {
  world = await makeWorld({ households: 3, loadIntervalSeconds: HOUR });
  store = await openStore({
    place: { kind: "pglite" },
    schema: "aggregator",
    migrations: aggregatorMigrations,
  });
  day0 = [];
  for (const index of [0, 1, 2]) {
    const made = await contribute(world, index, { blockStart: world.dayStart(0) }, dayOf(index));
    day0.push(...onlyStream(made, "LOAD"));
  }
});
after(async () => {
  await store.close();
  await world.close();
});

async function begin(): Promise<void> {
  await emptyStore(store);
  // The store is everybody's: none of them closes it.
  const shared = { ...over(store), close: () => Promise.resolve() };
  crew = new Crew(world, world.dayStart(1) + HOUR, () => Promise.resolve(shared));
}
const over = (whole: Store): Store => ({
  kind: whole.kind,
  query: (text, params) => whole.query(text, params),
  transaction: (work, options) => whole.transaction(work, options),
  close: () => whole.close(),
});
beforeEach(begin);
afterEach(() => crew.close());

const sumOfDay0 = (): Map<string, bigint[]> => {
  const sums = Array.from({ length: LOAD_SLOTS }, (_, hour) =>
    [0, 1, 2].reduce((sum, index) => sum + (hoursOf(index)[hour] ?? 0n), 0n),
  );
  return new Map([[`north ${world.dayStart(0)}`, sums]]);
};
describe("the partitions", () => {
  const shares = (...members: Member[]): string[] =>
    members.flatMap(({ aggregator }) => aggregator.sharing().partitions).toSorted();

  test("are all one's who is alone, and shared by those who live", async () => {
    const a = await crew.join("a");
    assert.deepEqual(shares(a), partitionNames());
    const [b, c] = [await crew.join("b"), await crew.join("c")];
    await crew.pass(2.5, a, b, c);
    assert.deepEqual(shares(a, b, c), partitionNames());
    for (const { aggregator } of [a, b, c]) assert(aggregator.sharing().partitions.length <= 6);
    await b.aggregator.close();
    await crew.pass(2.5, a, c);
    assert.deepEqual(shares(a, c), partitionNames(), "who leaves is missed at once");
    await crew.pass(15, a);
    assert.deepEqual(shares(a), partitionNames(), "who dies, after ten seconds");
    const view = await (await a.aggregator.http.request("/v1/sharing")).json();
    const all = { members: ["a"], leader: "a", leads: true, partitions: partitionNames() };
    assert.deepEqual(view, all);
  });

  test("that change hands lose nothing and count nothing twice", async () => {
    const [a, b] = [await crew.join("a"), await crew.join("b")];
    await a.record(day0.slice(0, 2));
    await b.record(day0.slice(1));
    await a.record(day0);
    await crew.tick(a);
    await crew.check(store, sumOfDay0());
    const { contributions } = await b.aggregator.status();
    assert.deepEqual(contributions["LOAD"], { accepted: 3, duplicate: 4 });
  });
});

describe("who does not lead", () => {
  test("seals and asks nothing, says who does, and shows what stands in the log", async () => {
    const [a, b] = [await crew.join("a"), await crew.join("b")];
    await b.record(day0);
    await b.aggregator.tick();
    assert.deepEqual(crew.entries(), []);
    await assert.rejects(b.aggregator.askDue({ cohort: "north" }), { code: "GROUP_NOT_LEADER" });
    const refused = await b.aggregator.http.request("/v1/release-requests", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ cohort: "north" }),
    });
    assert.equal(refused.status, 409);
    const problem = (await refused.json()) as { code: string; title: string };
    assert.equal(problem.code, "AGGREGATOR_NOT_LEADING");
    assert.match(problem.title, /\ba leads/);
    await crew.tick(a);
    for (const path of ["/v1/log/head", "/v1/log/entries", "/v1/sets", "/v1/bills"]) {
      const [one, other] = await Promise.all(
        [a, b].map(async ({ aggregator }) => (await aggregator.http.request(path)).json()),
      );
      assert.deepEqual(one, other, path);
    }
    const head = (await (await b.aggregator.http.request("/v1/log/head")).json()) as {
      size: number;
    };
    assert.equal(head.size, 6);
  });

  test("keeps the newest head too, and works with no database that lost it", async () => {
    const [a, b] = [await crew.join("a"), await crew.join("b")];
    await a.record(day0.slice(0, 2));
    await crew.tick(a);
    const older = a.file.bytes;
    await a.record(day0.slice(2));
    await crew.tick(a);
    await crew.pass(2.5, b);
    assert.equal(parseHead(fromUtf8(b.file.bytes ?? assert.fail())).size, 6);
    await a.aggregator.close();
    await store.query("delete from log_head where size > 3");
    // The machine of `a` knows less; that of `b` still knows.
    const late = crew.join("a", undefined, fileOf(older));
    await assert.rejects(late, { code: "LOG_TRUNCATED" }, "by the bus");
    await b.aggregator.tick().then(
      () => assert.fail("goes on"),
      (error: unknown) => assert.equal((error as { code?: string }).code, "LOG_TRUNCATED"),
    );
    assert.deepEqual(b.aggregator.sharing().partitions, [], "and takes nothing any more");
    await assert.rejects(crew.join("b", undefined, b.file), { code: "LOG_TRUNCATED" });
  });

  test("comes without a file once: the bus speaks for the database", async () => {
    const a = await crew.join("a");
    await a.record(day0);
    await crew.tick(a);
    const b = await crew.join("b");
    assert.equal(parseHead(fromUtf8(b.file.bytes ?? assert.fail())).size, 6);
    await b.aggregator.close();
    await assert.rejects(crew.join("b"), { code: "LOG_STATE_MISSING" });
    const messages = crew.bus.log.splice(0);
    await assert.rejects(crew.join("c"), { code: "LOG_STATE_MISSING" }, "nothing speaks for it");
    crew.bus.log.push(...messages);
    await crew.join("c");
  });
});

const fileOf = (bytes: Uint8Array | undefined): MemoryFile => {
  const file = new MemoryFile();
  file.bytes = bytes;
  return file;
};

test("another process under the same name: the first one takes nothing any more", async () => {
  const old = await crew.join("a");
  const again = await crew.join("a", undefined, old.file);
  await assert.rejects(old.aggregator.tick(), { code: "GROUP_REPLACED" });
  assert.deepEqual(old.aggregator.sharing().partitions, []);
  await old.aggregator.close();
  await again.record(day0);
  await crew.tick(again);
  await crew.check(store, sumOfDay0());
});

describe("a change of the leader", () => {
  test("at any step: one that stood still there finds another leading, and can write nothing", async () => {
    // More steps, and transactions that run at once, in test/services/sharing.test.ts.
    const stride = 6;
    const begun = async (): Promise<Crew> => {
      await begin();
      return crew;
    };
    const steps = await stepsOfALead(await begun(), day0);
    assert(steps > 20, `${steps}`);
    for (let step = 1; step < steps; step += stride) {
      await leaderStandsStill(await begun(), step, day0, (now) => now.check(store, sumOfDay0()));
    }
  });
});
