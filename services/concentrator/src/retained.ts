/**
 * What stands on the broker for every meter (docs/protocol.md §4.3): the registry's list of opener keys and its documents of prices, as
 * retained messages. Whoever comes later gets what stands, who is there gets each. Public data.
 */
import type { NetworkView } from "@smarter-metering/protocol";
import { servedPrices } from "./served-prices.ts";

export const TOPICS = "smarter-metering/v1";
const OPENER_KEYS_TOPIC = `${TOPICS}/opener-keys`;
const PRICES_TOPIC = `${TOPICS}/prices`;
/** Frames are remembered for 40 days: a meter that is further behind asks over HTTP. */
const PRICES_STAND_SECONDS = 45 * 86_400;

/** Messages by topic. */
export function retainedOf(view: NetworkView, nowSeconds: number): ReadonlyMap<string, string> {
  const { openerKeys } = view.document;
  const prices = servedPrices(view).filter(
    ({ endSeconds }) => endSeconds > nowSeconds - PRICES_STAND_SECONDS,
  );
  return new Map([
    ...(openerKeys === undefined ? [] : [[OPENER_KEYS_TOPIC, openerKeys] as const]),
    ...prices.map(
      ({ series, startSeconds, jws }) =>
        [`${PRICES_TOPIC}/${series}/${startSeconds}`, jws] as const,
    ),
  ]);
}

/** Whether anybody may listen there. */
export const isForAll = (filter: string): boolean =>
  filter === OPENER_KEYS_TOPIC || filter.startsWith(`${PRICES_TOPIC}/`);
