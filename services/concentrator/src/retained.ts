/**
 * What stands on the broker for every meter (docs/protocol.md §4.3): the registry's list of opener keys and its documents of prices, as
 * retained messages. Whoever comes later gets what stands, who is there gets each. Public data.
 */
import type { NetworkView } from "@smarter-metering/protocol";
import { TOPICS } from "./mqtt-answers.ts";
import { servedPrices } from "./served-prices.ts";

const OPENER_KEYS_TOPIC = `${TOPICS}/opener-keys`;
const PRICES_TOPIC = `${TOPICS}/prices`;
/** Frames are remembered for 40 days: a meter that is further behind asks over HTTP. */
const PRICES_STAND_SECONDS = 45 * 86_400;

export interface Retained {
  readonly payload: string;
  /** Epoch seconds; undefined for what only a newer one replaces. */
  readonly standsUntil: number | undefined;
}

/** Messages by topic. */
export function retainedOf(view: NetworkView, nowSeconds: number): ReadonlyMap<string, Retained> {
  const { openerKeys } = view.document;
  const prices = servedPrices(view).filter(
    ({ endSeconds }) => endSeconds > nowSeconds - PRICES_STAND_SECONDS,
  );
  const retained = new Map<string, Retained>();
  if (openerKeys !== undefined) {
    retained.set(OPENER_KEYS_TOPIC, { payload: openerKeys, standsUntil: undefined });
  }
  for (const { series, startSeconds, endSeconds, jws } of prices) {
    const standsUntil = endSeconds + PRICES_STAND_SECONDS;
    retained.set(`${PRICES_TOPIC}/${series}/${startSeconds}`, { payload: jws, standsUntil });
  }
  return retained;
}

/** Whether anybody may listen there. */
export const isForAll = (filter: string): boolean =>
  filter === OPENER_KEYS_TOPIC || filter.startsWith(`${PRICES_TOPIC}/`);
