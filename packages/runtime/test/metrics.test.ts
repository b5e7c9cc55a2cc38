/** Collectors, and what counts around a bus, a store and a process. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import {
  addProcessMetrics,
  createCollectors,
  createMetrics,
  manualClock,
  meteredBus,
  meteredStore,
  RuntimeError,
  type Bus,
  type Handler,
  type Sql,
  type Store,
  type Verdict,
} from "../src/index.ts";

/** The values of one series, such as `bus_pending{stream="s",consumer="c"}`. */
function value(text: string, series: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("collectors", () => {
  test("run before a scrape, not more often than every five seconds", async () => {
    let now = 0;
    const metrics = createMetrics(createCollectors(() => now));
    const reads = metrics.gauge("reads", "Times read");
    let count = 0;
    metrics.collect("counting", () => reads.set((count += 1)));
    assert.equal(value(metrics.render(), "reads"), 0);
    assert.equal(value(await metrics.scrape(), "reads"), 1);
    now = 4_999;
    assert.equal(value(await metrics.scrape(), "reads"), 1);
    now = 5_000;
    assert.equal(value(await metrics.scrape(), "reads"), 2);
  });

  test("two scrapes at once share one reading", async () => {
    const metrics = createMetrics(createCollectors(() => 0));
    let count = 0;
    metrics.collect("slow", async () => {
      count += 1;
      await new Promise((resolve) => setImmediate(resolve));
    });
    await Promise.all([metrics.scrape(), metrics.scrape()]);
    assert.equal(count, 1);
  });

  test("one that fails costs its own numbers alone, and says so", async () => {
    let now = 0;
    const metrics = createMetrics(createCollectors(() => now));
    const sound = metrics.gauge("sound", "Sound");
    let isBroken = true;
    metrics.collect("broken", () => {
      if (isBroken) throw new Error("secret-value");
    });
    metrics.collect("sound", () => sound.set(7));
    const text = await metrics.scrape();
    assert.equal(value(text, "sound"), 7);
    assert.equal(value(text, 'metrics_collector_up{collector="broken"}'), 0);
    assert.equal(value(text, 'metrics_collector_up{collector="sound"}'), 1);
    assert.doesNotMatch(text, /secret-value/);
    isBroken = false;
    now = 5_000;
    assert.equal(value(await metrics.scrape(), 'metrics_collector_up{collector="broken"}'), 1);
  });

  test("a cleared gauge forgets its series", () => {
    const metrics = createMetrics();
    const gauge = metrics.gauge("waiting", "Waiting", ["stream"]);
    gauge.set(3, { stream: "a" });
    gauge.clear();
    gauge.set(1, { stream: "b" });
    assert.doesNotMatch(metrics.render(), /stream="a"/);
    assert.match(metrics.render(), /waiting\{stream="b"\} 1/);
  });
});

/** A bus whose consumer is called by hand. */
function handBus() {
  let handle: Handler = () => Promise.reject(new Error("nobody consumes"));
  let pending = 0;
  let end: (error: Error | undefined) => void = () => undefined;
  const unused = () => Promise.reject(new RuntimeError("BUS_CLOSED", "closed"));
  const bus: Bus = {
    publish: (_, messages) =>
      messages.length > 2
        ? Promise.resolve({ full: true })
        : Promise.resolve({ accepted: messages.length - 1, duplicates: 1 }),
    consume: (_stream, _consumer, _options, given) => {
      handle = given;
      const ended = new Promise<Error | undefined>((resolve) => (end = resolve));
      return { ended, stop: () => Promise.resolve() };
    },
    pending: () => Promise.resolve(pending),
    last: unused,
    read: unused,
    deadLetters: unused,
    requeue: unused,
    discard: unused,
    idle: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const deliveries = [1n, 2n, 3n].map((sequence) => {
    return { id: `${sequence}`, subject: "", body: new Uint8Array(), sequence, attempt: 1 };
  });
  return {
    bus,
    deliver: () => handle(deliveries),
    setPending: (count: number) => void (pending = count),
    end: (error: Error) => end(error),
  };
}

test("a metered bus counts what is published, settled, pending, stalled and over", async () => {
  const clock = manualClock(0);
  let scrapeMs = 0;
  const metrics = createMetrics(createCollectors(() => scrapeMs));
  const hand = handBus();
  const bus = meteredBus(hand.bus, metrics, clock);
  const message = { id: "m", subject: "", body: new Uint8Array() };
  await bus.publish("s", [message, message]);
  await bus.publish("s", [message, message, message]);
  await assert.rejects(bus.read("s", { from: 0n, limit: 1 }), { code: "BUS_CLOSED" });

  let verdicts: readonly Verdict[] = [{ ack: true }, { dead: "BAD" }, { retryAfterMs: 1 }];
  bus.consume("s", "c", { batchMax: 3 }, () =>
    verdicts.length === 0 ? Promise.reject(new Error("bug")) : Promise.resolve(verdicts),
  );
  assert.equal(await hand.deliver(), verdicts);
  hand.setPending(4);
  await clock.advanceTo(60_000);
  verdicts = [{ retryAfterMs: 1 }, { retryAfterMs: 1 }, { retryAfterMs: 1 }];
  await hand.deliver();
  let text = await metrics.scrape();
  const consumer = 'stream="s",consumer="c"';
  assert.equal(value(text, 'bus_published_total{stream="s",outcome="accepted"}'), 1);
  assert.equal(value(text, 'bus_published_total{stream="s",outcome="duplicate"}'), 1);
  assert.equal(value(text, 'bus_published_total{stream="s",outcome="full"}'), 3);
  assert.equal(value(text, 'bus_failures_total{call="read",code="BUS_CLOSED"}'), 1);
  assert.equal(value(text, `bus_settled_total{${consumer},verdict="done"}`), 1);
  assert.equal(value(text, `bus_settled_total{${consumer},verdict="dead"}`), 1);
  assert.equal(value(text, `bus_settled_total{${consumer},verdict="later"}`), 4);
  assert.equal(value(text, `bus_pending{${consumer}}`), 4);
  assert.equal(value(text, `bus_stalled_seconds{${consumer}}`), 60);

  verdicts = [];
  await assert.rejects(hand.deliver());
  hand.setPending(0);
  hand.end(new RuntimeError("BUS_FORBIDDEN", "no"));
  await new Promise((resolve) => setImmediate(resolve));
  scrapeMs = 5_000;
  text = await metrics.scrape();
  assert.equal(value(text, `bus_handler_failures_total{${consumer}}`), 1);
  assert.equal(value(text, `bus_stalled_seconds{${consumer}}`), 0);
  assert.equal(value(text, `bus_subscriptions_ended_total{${consumer}}`), 1);
  assert.equal(value(text, `bus_batch_seconds_count{${consumer}}`), 3);
});

test("a metered store counts calls, and failures of its own alone", async () => {
  const metrics = createMetrics();
  const sql: Sql = {
    query: <Row>(text: string) => {
      if (text === "bad") return Promise.reject(new RuntimeError("STORE_QUERY", "no"));
      return Promise.resolve([{ bytes: 4096n }] as Row[]);
    },
  };
  const base: Store = {
    kind: "pglite",
    query: (text) => sql.query(text),
    transaction: (work) => work(sql),
    close: () => Promise.resolve(),
  };
  const store = meteredStore(base, metrics, manualClock(0));
  await store.query("select 1");
  await assert.rejects(store.query("bad"), { code: "STORE_QUERY" });
  await assert.rejects(store.transaction(() => Promise.reject(new Error("the work's own"))));
  const text = await metrics.scrape();
  assert.equal(value(text, 'store_call_seconds_count{call="query"}'), 2);
  assert.equal(value(text, 'store_call_seconds_count{call="transaction"}'), 1);
  assert.equal(value(text, 'store_failures_total{code="STORE_QUERY"}'), 1);
  assert.equal(text.match(/^store_failures_total\{/gm)?.length, 1);
  assert.equal(value(text, "store_calls_open"), 0);
  assert.equal(value(text, "store_size_bytes"), 4096);
});

test("a process shows its memory, processor, event loop, files and disk", async () => {
  const metrics = createMetrics();
  addProcessMetrics(metrics, { version: "1.2.3", folder: tmpdir() });
  const text = await metrics.scrape();
  assert.equal(value(text, `build_info{version="1.2.3",node="${process.version}"}`), 1);
  for (const name of [
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_heap_used_bytes",
    "process_heap_max_bytes",
    "process_cpu_seconds_total",
    "process_open_files",
    "process_open_files_max",
    "disk_free_bytes",
    "disk_size_bytes",
  ]) {
    assert((value(text, name) ?? 0) > 0, name);
  }
  const busy = value(text, "event_loop_busy_ratio") ?? -1;
  assert(busy >= 0 && busy <= 1, `busy ${busy}`);
  assert((value(text, 'event_loop_delay_seconds{quantile="0.99"}') ?? -1) >= 0);
});
