/** A store that counts its calls: how long they take with their waiting, how many wait, what fails. */
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../error.ts";
import type { Metrics } from "../metrics.ts";
import type { Store } from "./store.ts";

const secondsBounds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** The same store; `metrics` must not have been used for another one. */
export function meteredStore(store: Store, metrics: Metrics, clock: Clock): Store {
  const seconds = metrics.histogram(
    "store_call_seconds",
    "Time of a query or transaction, with its waiting for a connection",
    secondsBounds,
    ["call"],
  );
  const failures = metrics.counter("store_failures_total", "Calls of the store that failed", [
    "code",
  ]);
  const open = metrics.gauge("store_calls_open", "Calls that run or wait for a connection");
  const bytes = metrics.gauge("store_size_bytes", "Size of the database");
  let calls = 0;
  metrics.collect("store", async () => {
    open.set(calls);
    const [row] = await store.query<{ bytes: bigint }>(
      "select pg_database_size(current_database())::int8 as bytes",
    );
    bytes.set(Number(row?.bytes ?? 0n));
  });

  const counted = async <T>(call: string, run: () => Promise<T>): Promise<T> => {
    const startMs = clock.nowMs();
    calls += 1;
    try {
      return await run();
    } catch (error) {
      // What a transaction's own work throws is not the store's failure.
      if (error instanceof RuntimeError) failures.add(1, { code: error.code });
      throw error;
    } finally {
      calls -= 1;
      seconds.observe(Math.max(0, clock.nowMs() - startMs) / 1000, { call });
    }
  };
  return {
    kind: store.kind,
    query: (sql, params) => counted("query", () => store.query(sql, params)),
    transaction: (work, transactionOptions) =>
      counted("transaction", () => store.transaction(work, transactionOptions)),
    close: () => store.close(),
  };
}
