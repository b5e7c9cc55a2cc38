/**
 * Puts accepted items on the bus, each on the streams it is meant for: BLOCK frames with their
 * envelope to the opener, or their meters' own contributions to the aggregator; all frames to the
 * UCS, customers' keys and enrolment to the UCS. Closed bytes in, the same bytes out. The subject is
 * the partition of the cohort: what one aggregator adds up goes to one aggregator.
 */
import { primitives, toHex, type NetworkView, type RegistryFeed } from "@smarter-metering/protocol";
import { partitionOf, type Bus, type BusMessage } from "@smarter-metering/runtime";
import type { ExaminedFrame, ExaminedMessage } from "./examine.ts";

/**
 * False when a stream is full. What did get through is recognised by its id when it comes again.
 */
export type Forward = (items: readonly (ExaminedFrame | ExaminedMessage)[]) => Promise<boolean>;

export function forwardTo(bus: Bus, registry: RegistryFeed<NetworkView>): Forward {
  return async (items) => {
    const frames: BusMessage[] = [];
    const sealed: BusMessage[] = [];
    const contributions: BusMessage[] = [];
    const customerKeys: BusMessage[] = [];
    const { view } = registry.current();
    for (const entry of items) {
      if (entry.kind === "message") {
        const id = toHex(await primitives.sha256(entry.item));
        customerKeys.push({ id, subject: "", body: entry.item });
        continue;
      }
      const id = toHex(entry.hash);
      const { kind, profile, blockStart } = entry.frame.header;
      const cohort = view.cohortOf(entry.network, blockStart);
      const subject = partitionOf(cohort?.id ?? entry.network);
      sealed.push({ id, subject, body: entry.frameBytes });
      for (const { stream, bytes } of entry.contributions) {
        contributions.push({ id: `${id}/${stream}`, subject, body: bytes });
      }
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
