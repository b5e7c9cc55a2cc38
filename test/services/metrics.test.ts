/** What metrics read from databases, over all of the tables: that each collector's statements run, and count what is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregatorMigrations } from "@smarter-metering/aggregator";
import { openLog } from "@smarter-metering/log/store";
import { migrations as mdmsMigrations } from "@smarter-metering/mdms";
import { signerFromSeed } from "@smarter-metering/protocol";
import {
  addBacklogMetrics as addBusBacklog,
  createMetrics,
  manualClock,
  migrate,
  openBus,
  openStore,
  silentLogger,
} from "@smarter-metering/runtime";
import { testPlace } from "../../packages/runtime/test/test-place.ts";
import { addBacklogMetrics as addMdmsBacklog } from "../../services/mdms/src/backlog-metrics.ts";
import { addBacklogMetrics as addAggregatorBacklog } from "../../services/pes/aggregator/src/backlog-metrics.ts";

test("what is read from a database is read, and counts what is there", async () => {
  const clock = manualClock(1_000_000);
  const store = await openStore({
    place: await testPlace(),
    schema: "aggregator",
    migrations: aggregatorMigrations,
  });
  try {
    await migrate(store, "mdms", mdmsMigrations);
    const streams = [{ name: "frames", consumers: ["opener"], messagesMax: 10 }];
    const bus = await openBus({ store, streams, clock, log: silentLogger });
    const published = { load: () => Promise.resolve(undefined), save: () => Promise.resolve() };
    const signer = await signerFromSeed(new Uint8Array(32).fill(7));
    await openLog({ store, signer, published, nowSeconds: () => 1_000 });
    await bus.publish("frames", [{ id: "a", subject: "", body: new Uint8Array(1) }]);
    for (const statement of [
      `insert into load_set (cohort, version, stream, block, block_end, members, slots, state, sealed_at)
        values ('c', 1, 'LOAD', 1, 2, 100, 96, 'SEALED', 940), ('c', 1, 'LOAD', 3, 4, 100, 96, 'OPEN', null)`,
      "insert into log_head values (3, 900, true, ''), (5, 970, false, ''), (9, 990, false, '')",
      "insert into alarm (digest, code, subject, first_at, last_at) values ('\\x01', 'CODE', 'bill', 1, 1)",
      "insert into bus_dead values ('frames', 'opener', 1, 1, 'FRAME_FOREIGN', 1)",
    ]) {
      await store.query(statement);
    }
    const metrics = createMetrics();
    addBusBacklog(metrics, store, manualClock(1_030_000));
    const text = [
      await scraped((each) => addAggregatorBacklog(each, store, clock)),
      await scraped((each) => addMdmsBacklog(each, store)),
      await metrics.scrape(),
    ].join("");
    assert.doesNotMatch(text, /metrics_collector_up\{.*\} 0/);
    for (const line of [
      'aggregator_sets_waiting{kind="LOAD",state="SEALED"} 1',
      'aggregator_sets_waiting{kind="BILL",state="REQUESTED"} 0',
      'aggregator_release_lag_seconds{kind="LOAD",state="SEALED"} 60',
      'aggregator_release_lag_seconds{kind="BILL",state="SEALED"} 0',
      "aggregator_log_entries 9",
      "aggregator_log_standing_entries 3",
      "aggregator_log_waiting_seconds 30",
      "mdms_alarms_open 1",
      "mdms_bills_unsent 0",
      'bus_oldest_seconds{stream="frames",consumer="opener"} 30',
      'bus_dead_letters{stream="frames",consumer="opener",reason="FRAME_FOREIGN"} 1',
    ]) {
      assert(text.includes(`${line}\n`), `${line} is not in:\n${text}`);
    }
    await bus.close();
  } finally {
    await store.close();
  }
});

async function scraped(add: (metrics: ReturnType<typeof createMetrics>) => void): Promise<string> {
  const metrics = createMetrics();
  add(metrics);
  return metrics.scrape();
}
