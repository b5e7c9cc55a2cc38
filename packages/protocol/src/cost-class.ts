/** How many are billed by the same prices (docs/protocol.md §8.3, R9): public data only. Asked by aggregator and trustee. */
import type { NetworkView } from "./network-view.ts";

/** One window of the grid is asked about once for each of its bills. */
const sizes = new WeakMap<NetworkView, Map<string, number>>();

/** Service points that these prices bill from `fromSeconds` to `toSeconds`, all of that time. */
export function costClassSize(
  view: NetworkView,
  { prices, fromSeconds, toSeconds }: CostWindow,
): number {
  let known = sizes.get(view);
  if (known === undefined) sizes.set(view, (known = new Map()));
  const name = `${fromSeconds} ${toSeconds} ${prices}`;
  let size = known.get(name);
  if (size === undefined) {
    size = view.document.servicePoints.filter(
      (point) =>
        point.prices === prices &&
        point.contractStart <= fromSeconds &&
        (point.contractEnd === null || point.contractEnd >= toSeconds),
    ).length;
    known.set(name, size);
  }
  return size;
}

export interface CostWindow {
  /** Id of the series. */
  readonly prices: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}
