/** Reads stored messages of a stream in order, by the stream's leader, so that none is old news. */
import type { MsgRequest, StoredMsg } from "@nats-io/jetstream";
import type { ReadRange } from "../bus.ts";
import type { Link } from "./link.ts";

/** Requests on their way at once. */
const readsMax = 32;

/**
 * The first `limit` messages from `from` on whose subject fits. Each request asks for the next one at
 * or after a sequence of its own: where a stream has no gaps each brings another message, and where
 * it has, the next round goes on behind them.
 */
export async function storedFrom(
  link: Link,
  stream: string,
  filter: string,
  { from, limit }: ReadRange,
): Promise<StoredMsg[]> {
  const found: StoredMsg[] = [];
  const { streams } = link.manager;
  let next = Math.max(1, Number(from));
  for (;;) {
    const wanted = Math.min(readsMax, limit - found.length);
    if (wanted === 0) return found;
    const asked = Array.from({ length: wanted }, (_, index) => next + index);
    const answers = await link.call(`read ${stream}`, () =>
      Promise.all(asked.map((seq) => streams.getMessage(stream, nextOf(seq, filter)))),
    );
    for (const message of answers) {
      if (message === null) return found;
      if (message.seq < next) continue;
      found.push(message);
      next = message.seq + 1;
    }
  }
}

/** The library's type does not have this form; servers do, since 2.9. */
function nextOf(seq: number, filter: string): MsgRequest {
  const query = { seq, next_by_subj: filter };
  return query;
}
