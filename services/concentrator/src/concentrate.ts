/**
 * What both uplinks call: judge the items, count them, and fetch what waits for the meters behind
 * them (docs/protocol.md §4).
 */
import type { Clock, Metrics } from "@smarter-metering/runtime";
import type { ChainStore } from "./chain-store.ts";
import type { Intake } from "./intake.ts";
import type { DownlinkMessage, Mailbox } from "./mailbox.ts";
import type { Verdict } from "./verdict.ts";

export interface Concentrated {
  /** One per item, in order. */
  readonly verdicts: readonly Verdict[];
  /** For meters that sent a frame or an offer under a good signature, and for no one else. */
  readonly downlink: readonly DownlinkMessage[];
}

/** Rejects when bus or store fail: nothing was acknowledged. */
export type Concentrate = (items: readonly Uint8Array[]) => Promise<Concentrated>;

export interface ConcentrateParts {
  readonly intake: Intake;
  readonly mailbox: Mailbox;
  readonly chain: ChainStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export function makeConcentrate(parts: ConcentrateParts): Concentrate {
  const { intake, mailbox, chain, clock, metrics } = parts;
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
  return async (items) => {
    const { verdicts, proven } = await intake.take(items);
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
    const downlink = await mailbox.waiting(proven, Math.floor(clock.nowMs() / 1000));
    return { verdicts, downlink };
  };
}
