/** How many messages a consumer has still to settle, by all its durable consumers. */
import type { StreamOptions } from "../stream-options.ts";
import type { Link } from "./link.ts";
import { durablesOf, streamName } from "./names.ts";

export async function backlogOf(
  link: Link,
  stream: StreamOptions,
  consumer: string,
): Promise<number> {
  const { consumers } = link.manager;
  const infos = await link.call(`look at ${consumer} of ${stream.name}`, () =>
    Promise.all(
      durablesOf(stream, consumer).map(({ name }) => consumers.info(streamName(stream.name), name)),
    ),
  );
  return infos.reduce((sum, info) => sum + info.num_pending + info.num_ack_pending, 0);
}
