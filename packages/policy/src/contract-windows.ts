// Billing windows of a contract that may end: the windows of the grid (packages/tariff), the last
// one up to the contract's end. docs/protocol.md: release policy, R8. Aggregators plan with it.

import {
  localDaysBetween,
  nextWindow,
  type BillWindow,
  type ContractGrid,
} from "@smarter-metering/tariff";
import { FINAL_WINDOW_DAYS_MIN } from "./bill-rules.ts";

export interface Contract extends ContractGrid {
  /** A local midnight; null while it goes on. */
  readonly contractEndSeconds: number | null;
}

/**
 * Where a window ends that would end at `gridEndSeconds`: at the contract's end, when that comes first or would leave
 * fewer days than a bill may have. Throws TariffError ZONE_UNKNOWN.
 */
export function windowEnd(
  { zone, contractEndSeconds: end }: Contract,
  gridEndSeconds: number,
): number {
  if (end === null) return gridEndSeconds;
  if (end <= gridEndSeconds) return end;
  return localDaysBetween(gridEndSeconds, end, zone) < FINAL_WINDOW_DAYS_MIN ? end : gridEndSeconds;
}

/**
 * The window after `afterSeconds` (0 for the first); undefined when the contract is over. One of fewer days than a bill may
 * have is given, and will not be granted: the contract's end was not known when the window before it was decided.
 */
export function nextContractWindow(
  contract: Contract & { readonly windowDaysMin: number; readonly afterSeconds: number },
): BillWindow | undefined {
  const { fromSeconds, toSeconds } = nextWindow(contract);
  const end = windowEnd(contract, toSeconds);
  return fromSeconds < end ? { fromSeconds, toSeconds: end } : undefined;
}
