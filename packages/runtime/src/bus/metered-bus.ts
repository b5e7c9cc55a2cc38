/**
 * A bus that counts what one party does with it, over any engine: what it published, how it settled
 * what it took, how far its consumers are behind. Labels name streams and consumers, which are hops
 * between parties.
 */
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../error.ts";
import type { Counter, Metrics } from "../metrics.ts";
import type { Bus, ConsumerName, Handler, Verdict } from "./bus.ts";

const batchBounds = [0.01, 0.05, 0.2, 1, 5, 20, 60];

/** The same bus; `metrics` must not have been used for another one. */
export function meteredBus(bus: Bus, metrics: Metrics, clock: Clock): Bus {
  const published = metrics.counter("bus_published_total", "Messages published, by outcome", [
    "stream",
    "outcome",
  ]);
  const failures = metrics.counter("bus_failures_total", "Calls of the bus that failed, by code", [
    "call",
    "code",
  ]);
  const consumers = meteredConsumers(bus, metrics, clock);
  const counted = async <T>(call: string, answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      failures.add(1, { call, code: error instanceof RuntimeError ? error.code : "OTHER" });
      throw error;
    }
  };
  return {
    async publish(stream, messages) {
      const result = await counted("publish", bus.publish(stream, messages));
      if ("full" in result) published.add(messages.length, { stream, outcome: "full" });
      else {
        published.add(result.accepted, { stream, outcome: "accepted" });
        published.add(result.duplicates, { stream, outcome: "duplicate" });
      }
      return result;
    },
    consume(stream, consumer, options, handle) {
      const subscription = bus.consume(
        stream,
        consumer,
        options,
        consumers.handler({ stream, consumer }, handle),
      );
      void subscription.ended.then((error) => {
        if (error !== undefined) consumers.ended.add(1, { stream, consumer });
      });
      return subscription;
    },
    last: (stream, prefix) => counted("last", bus.last(stream, prefix)),
    read: (stream, range) => counted("read", bus.read(stream, range)),
    pending: (stream, consumer) => counted("pending", bus.pending(stream, consumer)),
    deadLetters: (stream) => counted("dead-letters", bus.deadLetters(stream)),
    requeue: (letter) => counted("requeue", bus.requeue(letter)),
    discard: (letter) => counted("discard", bus.discard(letter)),
    idle: () => bus.idle(),
    close: () => bus.close(),
  };
}

/** Handlers that count, and what is pending for those that there are. */
function meteredConsumers(
  bus: Bus,
  metrics: Metrics,
  clock: Clock,
): {
  readonly ended: Counter;
  handler(name: ConsumerName, handle: Handler): Handler;
} {
  const labels = ["stream", "consumer"];
  const settled = metrics.counter("bus_settled_total", "Messages settled, by verdict", [
    ...labels,
    "verdict",
  ]);
  const thrown = metrics.counter("bus_handler_failures_total", "Batches that failed", labels);
  const seconds = metrics.histogram(
    "bus_batch_seconds",
    "Time to handle a batch",
    batchBounds,
    labels,
  );
  const ended = metrics.counter(
    "bus_subscriptions_ended_total",
    "Subscriptions that cannot go on",
    labels,
  );
  const pending = metrics.gauge("bus_pending", "Messages not yet settled", labels);
  const stalled = metrics.gauge(
    "bus_stalled_seconds",
    "Since a message was settled for good, while some are pending; else 0",
    labels,
  );
  const progressMs = new Map<ConsumerName, number>();
  metrics.collect("bus", async () => {
    for (const [name, lastMs] of progressMs) {
      const count = await bus.pending(name.stream, name.consumer);
      const nowMs = clock.nowMs();
      if (count === 0) progressMs.set(name, nowMs);
      pending.set(count, { ...name });
      stalled.set(count === 0 ? 0 : Math.max(0, nowMs - lastMs) / 1000, { ...name });
    }
  });
  return {
    ended,
    handler(name, handle) {
      // Subscriptions to parts of a stream are one consumer.
      const known = [...progressMs.keys()].find(
        ({ stream, consumer }) => stream === name.stream && consumer === name.consumer,
      );
      const key = known ?? name;
      progressMs.set(key, clock.nowMs());
      return async (batch) => {
        const startMs = clock.nowMs();
        try {
          const verdicts = await handle(batch);
          for (const verdict of verdicts) settled.add(1, { ...name, verdict: wordOf(verdict) });
          const isProgress = verdicts.some((verdict) => !("retryAfterMs" in verdict));
          if (isProgress) progressMs.set(key, clock.nowMs());
          return verdicts;
        } catch (error) {
          thrown.add(1, { ...name });
          throw error;
        } finally {
          seconds.observe(Math.max(0, clock.nowMs() - startMs) / 1000, { ...name });
        }
      };
    },
  };
}

function wordOf(verdict: Verdict): string {
  if ("retryAfterMs" in verdict) return "later";
  return "dead" in verdict ? "dead" : "done";
}
