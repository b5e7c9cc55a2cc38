/** What waits in an embedded bus, from its tables: ages and dead letters. Served by the bus's role. */
import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics.ts";
import type { Store } from "../store/store.ts";

/** `store` is the one that the bus was opened over. */
export function addBacklogMetrics(metrics: Metrics, store: Store, clock: Clock): void {
  const labels = ["stream", "consumer"];
  const oldest = metrics.gauge(
    "bus_oldest_seconds",
    "Age of the oldest message that a consumer has not settled; absent: there is none",
    labels,
  );
  const dead = metrics.gauge("bus_dead_letters", "Messages set aside, by reason", [
    ...labels,
    "reason",
  ]);
  metrics.collect("backlog", async () => {
    const waiting = await store.query<{ stream: string; consumer: string; at_ms: bigint | null }>(
      `select c.stream, c.consumer, least(
           (select m.at_ms from bus_message m
             where m.stream = c.stream and m.sequence > c.cursor order by m.sequence limit 1),
           (select min(m.at_ms) from bus_open o join bus_message m using (stream, sequence)
             where o.stream = c.stream and o.consumer = c.consumer)) as at_ms
         from bus_consumer c`,
    );
    const letters = await store.query<{
      stream: string;
      consumer: string;
      reason: string;
      count: number;
    }>(
      `select stream, consumer, reason, count(*)::int4 as count
         from bus_dead group by stream, consumer, reason`,
    );
    oldest.clear();
    for (const { stream, consumer, at_ms } of waiting) {
      if (at_ms === null) continue;
      oldest.set(Math.max(0, clock.nowMs() - Number(at_ms)) / 1000, { stream, consumer });
    }
    dead.clear();
    for (const { count, ...letter } of letters) dead.set(count, letter);
  });
}
