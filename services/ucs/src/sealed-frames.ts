/**
 * Consumes the stream `sealed`: frames from the concentrator, closed (docs/protocol.md §2). Each is checked against the registry's key of
 * its meter and stored; nothing here could open one.
 */
import {
  decodeFrame,
  frameHash,
  placeInBlock,
  verifyFrame,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import type { Clock, Delivery, Handler, Logger, Metrics, Verdict } from "@smarter-metering/runtime";
import type { FrameStore, StoredFrame } from "./frame-store.ts";
import type { LiveHub } from "./live-hub.ts";
import { senderOf, servicePointsOf, type ServicePoints } from "./service-points.ts";
import { deadReason, settleForeign } from "./settle.ts";

export interface SealedFramesPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly registry: RegistryFeed<UcsView>;
  readonly frames: FrameStore;
  readonly hub: LiveHub;
}

export function sealedFramesHandler(ports: SealedFramesPorts): Handler {
  const { clock, log, registry, frames, hub } = ports;
  const total = ports.metrics.counter("ucs_frames_total", "Sealed frames by what became of them", [
    "outcome",
  ]);
  return async (batch) => {
    const points = servicePointsOf(registry.current().view);
    const examined = await Promise.all(batch.map((delivery) => examine(points, delivery)));
    const good = examined.filter((entry) => "sealed" in entry);
    const { fresh, flagged } = await frames.add(good, Math.floor(clock.nowMs() / 1000));
    for (const { servicePoint, sealed } of fresh) hub.publish(servicePoint, sealed);
    for (const frameHash of flagged) log.warn("two frames stand in one place", { frameHash });
    total.add(fresh.length, { outcome: "stored" });
    total.add(good.length - fresh.length, { outcome: "no effect" });
    return examined.map((entry): Verdict => {
      if ("sealed" in entry) return { ack: true };
      if ("dead" in entry) total.add(1, { outcome: entry.dead });
      return entry;
    });
  };
}

async function examine(points: ServicePoints, delivery: Delivery): Promise<StoredFrame | Verdict> {
  try {
    const frame = decodeFrame(delivery.body);
    const { header } = frame;
    const sender = senderOf(points, header);
    if (sender === undefined) return settleForeign(delivery);
    await verifyFrame(frame, sender.meterKey);
    const starts = header.blockStart + header.firstSlot * header.intervalSeconds;
    return {
      hash: await frameHash(frame),
      servicePoint: sender.servicePoint,
      meter: sender.meter,
      kind: header.kind,
      block: header.blockStart,
      firstSlot: placeInBlock(header),
      starts,
      ends: starts + header.count * header.intervalSeconds,
      sealed: delivery.body,
    };
  } catch (error) {
    return deadReason(error);
  }
}
