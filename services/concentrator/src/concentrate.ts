/**
 * What both uplinks call: have the items judged, count them, and hand back what waits for the meters
 * behind them (docs/protocol.md §4).
 */
import type { Metrics } from "@smarter-metering/runtime";
import type { ChainStore } from "./chain-store.ts";
import type { Intake, Taken } from "./intake.ts";
import { QUEUE_FULL } from "./verdict.ts";

/**
 * Undefined when there is no room: come again later. Rejects when bus or store fail. Either way
 * nothing was acknowledged.
 */
export type Concentrate = (items: readonly Uint8Array[]) => Promise<Taken | undefined>;

export interface ConcentrateParts {
  readonly intake: Intake;
  readonly chain: ChainStore;
  readonly metrics: Metrics;
}

export function makeConcentrate(parts: ConcentrateParts): Concentrate {
  const { intake, chain, metrics } = parts;
  const itemCount = metrics.counter(
    "concentrator_items_total",
    "Uplink items by verdict, and by code where there is one",
    ["verdict", "code"],
  );
  const byteCount = metrics.counter("concentrator_bytes_total", "Bytes of uplink items");
  const forked = metrics.gauge(
    "concentrator_service_points_forked",
    "Service points of which a fork was seen in the last 40 days",
  );
  const waiting = metrics.gauge(
    "concentrator_waiting_items",
    "Items that wait for a round: fresh ones, and those of an outage",
    ["age"],
  );
  const showWaiting = (): void => {
    waiting.set(intake.waiting.fresh, { age: "fresh" });
    waiting.set(intake.waiting.old, { age: "old" });
  };
  return async (items) => {
    const taking = intake.take(items);
    showWaiting();
    const taken = await taking;
    showWaiting();
    if (taken === undefined) {
      itemCount.add(items.length, { verdict: QUEUE_FULL.status, code: QUEUE_FULL.code });
      return undefined;
    }
    const { verdicts } = taken;
    for (const verdict of verdicts) {
      itemCount.add(1, {
        verdict: verdict.status,
        code: "code" in verdict ? verdict.code : "",
      });
    }
    byteCount.add(items.reduce((sum, item) => sum + item.length, 0));
    if (verdicts.some((verdict) => "code" in verdict && verdict.code === "FRAME_FORKED")) {
      forked.set(await chain.servicePointsForked());
    }
    return taken;
  };
}
