/**
 * The documents of prices that a concentrator has for meters (docs/protocol.md §6.6): those of its newest network view, as the registry
 * signed them. It carries them and cannot change one.
 */
import { unverifiedDocument, type NetworkView } from "@smarter-metering/protocol";
import { parseDynamicPrices, pricesEndSeconds } from "@smarter-metering/tariff";

/** What one answer holds: months of days. */
const DOCUMENTS_MAX = 128;
const CHARACTERS_MAX = 1024 * 1024;

export interface ServedPrices {
  readonly series: string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly jws: string;
}

const served = new WeakMap<NetworkView, readonly ServedPrices[]>();

/** All of a view, oldest first. */
export function servedPrices(view: NetworkView): readonly ServedPrices[] {
  let list = served.get(view);
  if (list === undefined) {
    // The epoch's signature vouches for what stands in a view.
    list = (view.document.prices ?? [])
      .map((jws): ServedPrices => {
        const prices = parseDynamicPrices(unverifiedDocument("smarter-metering/prices", jws));
        const { prices: series, startSeconds } = prices;
        return { series, startSeconds, endSeconds: pricesEndSeconds(prices), jws };
      })
      .toSorted((a, b) => a.startSeconds - b.startSeconds);
    served.set(view, list);
  }
  return list;
}

/**
 * Of a series, what ends after `fromSeconds`, oldest first and as much as one answer holds (one document at least); undefined when
 * the view has nothing of it.
 */
export function pricesFrom(
  view: NetworkView,
  series: string,
  fromSeconds: number,
): readonly string[] | undefined {
  const all = servedPrices(view).filter((prices) => prices.series === series);
  if (all.length === 0) return undefined;
  const wanted = all.filter(({ endSeconds }) => endSeconds > fromSeconds).slice(0, DOCUMENTS_MAX);
  const answer: string[] = [];
  let characters = 0;
  for (const { jws } of wanted) {
    characters += jws.length;
    if (answer.length > 0 && characters > CHARACTERS_MAX) break;
    answer.push(jws);
  }
  return answer;
}
