/**
 * Puts accepted items on the bus, each on the streams it is meant for: BLOCK frames with their
 * envelope to the opener, or their meters' own contributions to the aggregator; all frames to the
 * UCS, customers' keys and enrolment to the UCS. Closed bytes in, the same bytes out.
 */
import { primitives, toHex } from "@smarter-metering/protocol";
import type { Bus, BusMessage } from "@smarter-metering/runtime";
import type { ExaminedFrame, ExaminedMessage } from "./examine.ts";

/**
 * False when a stream is full. What did get through is recognised by its id when it comes again.
 */
export type Forward = (items: readonly (ExaminedFrame | ExaminedMessage)[]) => Promise<boolean>;

export function forwardTo(bus: Bus): Forward {
  return async (items) => {
    const frames: BusMessage[] = [];
    const sealed: BusMessage[] = [];
    const contributions: BusMessage[] = [];
    const customerKeys: BusMessage[] = [];
    for (const entry of items) {
      const subject = entry.network;
      if (entry.kind === "message") {
        const id = toHex(await primitives.sha256(entry.item));
        customerKeys.push({ id, subject, body: entry.item });
        continue;
      }
      const id = toHex(entry.hash);
      sealed.push({ id, subject, body: entry.frameBytes });
      for (const { stream, bytes } of entry.contributions) {
        contributions.push({ id: `${id}/${stream}`, subject, body: bytes });
      }
      const { kind, profile } = entry.frame.header;
      const isForOpener = kind === "BLOCK" && profile === "pes-encrypts";
      if (isForOpener) frames.push({ id, subject, body: entry.item });
    }
    const results = await Promise.all([
      bus.publish("frames", frames),
      bus.publish("sealed", sealed),
      bus.publish("contributions", contributions),
      bus.publish("customer-keys", customerKeys),
    ]);
    return results.every((result) => !("full" in result));
  };
}
