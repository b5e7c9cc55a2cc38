/** Ciphertexts of load go 40 days after their set was sealed; what bills are made of stays, and so does what is not answered yet. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeRefusal, fromHex, signRefusal } from "@smarter-metering/protocol";
import type { Store } from "@smarter-metering/runtime";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import { AGGREGATOR_KEPT_DAYS, forgetLoads } from "../src/retention.ts";
import { contribute, HOUR, openLedger, startBench, type Bench } from "./bench.ts";

const KEPT_SECONDS = AGGREGATOR_KEPT_DAYS.loads * 24 * HOUR;
const TOKEN = "token-of-the-ledgers-door";

let world: World;
let store: Store;
let bench: Bench;
before(async () => {
  world = await makeWorld({ households: 4, loadIntervalSeconds: HOUR });
  store = await openLedger();
  bench = await startBench(world, store, world.dayStart(2) + HOUR);
});
after(async () => {
  await bench.aggregator.close();
  await store.close();
  await world.close();
});

/** What the ledger has, by stream and day. */
async function held(table: "contribution" | "contribution_conflict"): Promise<string[]> {
  const rows = await store.query<{ item: string }>(
    `select stream || ' ' || (block - $1) / 86400 || ' ' || count(*) as item from ${table}
      group by stream, block order by stream, block`,
    [world.dayStart(0)],
  );
  return rows.map(({ item }) => item);
}

test("40 days after it was sealed a set that was answered loses its ciphertexts, and nothing else goes", async () => {
  const sealedSeconds = world.dayStart(2) + HOUR;
  const days = await Promise.all(
    [0, 1].map(async (day) => {
      const blockStart = world.dayStart(day);
      const made = [0, 1, 2, 3].map((index) => contribute(world, index, { blockStart }));
      return (await Promise.all(made)).flat();
    }),
  );
  for (const messages of days) await bench.bus.deliver("contributions", messages);
  // A second frame for the first day.
  const other = await contribute(world, 0, { blockStart: world.dayStart(0) });
  await bench.bus.deliver("contributions", other);
  await bench.tick();
  const requests = bench.bus.requests().filter(({ request }) => request.terms.kind === "LOAD");
  assert.equal(requests.length, 2);
  const first = requests.find(({ request: { terms } }) => {
    return terms.kind === "LOAD" && terms.blockStart === world.dayStart(0);
  });
  assert(first !== undefined);
  const refusal = await signRefusal(
    { requestDigest: fromHex(first.id), reasons: [{ code: "R5_EXPOSED", reason: "" }] },
    world.parties.trustee.signer,
  );
  await bench.bus.deliver("refusals", [
    { id: "1", subject: "refusal", body: encodeRefusal(refusal) },
  ]);

  const asked = async () => bench.aggregator.http.request(`/v1/requests/${first.id}`);
  const contributors = async () => {
    const door = bench.aggregator.ledgerHttp(TOKEN);
    const headers = { authorization: `Bearer ${TOKEN}` };
    const range = `from=${world.dayStart(0)}&to=${world.dayStart(2)}`;
    const answer = await door.request(`/v1/ledger/blocks?${range}`, { headers });
    const { blocks } = (await answer.json()) as { blocks: { contributors: number }[] };
    return blocks.map((block) => block.contributors);
  };
  const everything = await held("contribution");
  assert(everything.includes("LOAD 0 4"), everything.join());
  assert(everything.includes("BILL 0 4"), everything.join());
  assert.deepEqual(await held("contribution_conflict"), ["BILL 0 1", "LOAD 0 1"]);

  bench.clock.advanceTo((sealedSeconds + KEPT_SECONDS - 1) * 1000);
  await bench.tick();
  assert.deepEqual(await held("contribution"), everything);
  assert.equal((await asked()).status, 200);

  bench.clock.advanceTo((sealedSeconds + KEPT_SECONDS) * 1000);
  await bench.tick();
  // The second day waits for its answer.
  assert.deepEqual(
    await held("contribution"),
    everything.filter((item) => item !== "LOAD 0 4"),
  );
  assert.deepEqual(await held("contribution_conflict"), ["BILL 0 1"]);
  const whole = await store.query<{ n: number }>(
    `select count(*)::int4 as n from load_set where state = 'SUPPRESSED' and request is not null`,
  );
  assert.deepEqual(whole, [{ n: 0 }], "a request holds the ciphertexts, too");
  assert.deepEqual(await contributors(), [4, 4]);
  const forgotten = await asked();
  assert.equal(forgotten.status, 410);
  assert.equal(((await forgotten.json()) as { code: string }).code, "REQUEST_FORGOTTEN");

  // What comes a second time does not come back.
  await bench.bus.deliver("contributions", days.flat());
  assert(!(await held("contribution")).includes("LOAD 0 4"));
});

test("a call takes a bounded number of sets, and the next goes on", async () => {
  await store.query(
    `insert into load_set (cohort, version, stream, block, block_end, members, slots, state, sealed_at)
      select 'many', 1, 'LOAD', n, n + 1, 4, 24, 'RELEASED', n from generate_series(1, 70) as t (n)`,
  );
  const left = async () =>
    (
      await store.query<{ n: number }>(
        `select count(*)::int4 as n from load_set where cohort = 'many' and contributors is null`,
      )
    )[0]?.n;
  await forgetLoads(store, 50 + KEPT_SECONDS);
  assert.equal(await left(), 20);
  await store.query("update load_set set contributors = null where cohort = 'many'");
  await forgetLoads(store, 100 + KEPT_SECONDS);
  assert.equal(await left(), 6);
  await forgetLoads(store, 100 + KEPT_SECONDS);
  assert.equal(await left(), 0);
});
