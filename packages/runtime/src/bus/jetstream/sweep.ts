/**
 * Removes messages that all consumers have settled and a server that was killed has still: nats-server
 * 2.9 may note the acknowledgement and lose the removal, and such a message would count against the
 * stream's limit for ever. Run by the operator's user.
 */
import type { ConsumerInfo } from "@nats-io/jetstream";
import type { StreamOptions } from "../stream-options.ts";
import type { Link } from "./link.ts";
import { allOf, durablesOf, streamName } from "./names.ts";

/** Nothing is removed of a stream that keeps its messages, or while a consumer is missing. */
export async function sweep(
  link: Link,
  stream: StreamOptions,
  infos: readonly ConsumerInfo[],
): Promise<void> {
  if ((stream.retainAcked ?? false) !== false) return;
  const floors = new Map(infos.map(({ name, ack_floor }) => [name, ack_floor.stream_seq]));
  const durables = stream.consumers.flatMap((consumer) => durablesOf(stream, consumer));
  const filters = new Set(durables.map(({ filter = allOf(stream.name) }) => filter));
  // With partitions, what takes all subjects has no part of its own to sweep.
  if (filters.size > 1) filters.delete(allOf(stream.name));
  for (const filter of filters) {
    const its = durables.filter((durable) => (durable.filter ?? filter) === filter);
    // Up to here each of them has settled all that it takes.
    const floor = Math.min(...its.map(({ name }) => floors.get(name) ?? 0));
    if (floor === 0) continue;
    const name = streamName(stream.name);
    await link.call(`sweep ${name}`, () =>
      link.manager.streams.purge(name, { filter, seq: floor + 1 }),
    );
  }
}
