// Billing windows: adjacent, on local midnights of one grid, the first from the contract's start.
// docs/protocol.md: two streams (BILL) and rule R8. Aggregators plan with it, trustees check with it.

import { assert } from "./assert.ts";
import {
  addLocalDays,
  addLocalMonths,
  localDayStart,
  localDaysBetween,
  localMonthStart,
} from "./zone.ts";

/** Where windows may end: at local months, or every `days` local days from the contract's start. */
export type BillGrid = { readonly unit: "month" } | { readonly unit: "day"; readonly days: number };

/** A grid as it lies for one contract. Its first instant is the contract's first local midnight. */
export interface ContractGrid {
  readonly grid: BillGrid;
  readonly zone: string;
  readonly contractStartSeconds: number;
}

/** Half-open, on grid instants. */
export interface BillWindow {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** Windows or instants of one call; the caller goes on from the last. */
export const windowsMax = 4096;

function midnightAtOrAfter(seconds: number, zone: string): number {
  return localDayStart(seconds, zone) === seconds ? seconds : addLocalDays(seconds, 1, zone);
}

/** The earliest grid instant at or after `seconds`. Throws ZONE_UNKNOWN. */
export function gridInstantAtOrAfter(contract: ContractGrid, seconds: number): number {
  const { grid, zone, contractStartSeconds } = contract;
  const first = midnightAtOrAfter(contractStartSeconds, zone);
  if (seconds <= first) return first;
  if (grid.unit === "month") {
    const month = localMonthStart(seconds, zone);
    return month === seconds ? seconds : addLocalMonths(seconds, 1, zone);
  }
  assert(Number.isInteger(grid.days) && grid.days > 0, "a grid of days needs a positive integer");
  const days = localDaysBetween(first, midnightAtOrAfter(seconds, zone), zone);
  return addLocalDays(first, Math.ceil(days / grid.days) * grid.days, zone);
}

/** Grid instants in [fromSeconds, toSeconds), at most the first 4096. Throws ZONE_UNKNOWN. */
export function gridInstants(
  contract: ContractGrid & { readonly fromSeconds: number; readonly toSeconds: number },
): number[] {
  const instants: number[] = [];
  let instant = gridInstantAtOrAfter(contract, contract.fromSeconds);
  while (instant < contract.toSeconds && instants.length < windowsMax) {
    instants.push(instant);
    instant = gridInstantAtOrAfter(contract, instant + 1);
  }
  return instants;
}

/**
 * The window after `afterSeconds` (the end of the one before; 0 for the first): from the earliest
 * grid instant there to the first one at least `windowDaysMin` local days later. Throws ZONE_UNKNOWN.
 */
export function nextWindow(
  contract: ContractGrid & { readonly windowDaysMin: number; readonly afterSeconds: number },
): BillWindow {
  assert(contract.windowDaysMin >= 1, "a window has at least one day");
  const fromSeconds = gridInstantAtOrAfter(contract, contract.afterSeconds);
  const earliest = addLocalDays(fromSeconds, contract.windowDaysMin, contract.zone);
  return { fromSeconds, toSeconds: gridInstantAtOrAfter(contract, earliest) };
}

/** Windows from the contract's start that end by `untilSeconds`, at most the first 4096. */
export function windowsUpTo(
  contract: ContractGrid & { readonly windowDaysMin: number; readonly untilSeconds: number },
): BillWindow[] {
  const windows: BillWindow[] = [];
  let window = nextWindow({ ...contract, afterSeconds: 0 });
  while (window.toSeconds <= contract.untilSeconds && windows.length < windowsMax) {
    windows.push(window);
    window = nextWindow({ ...contract, afterSeconds: window.toSeconds });
  }
  return windows;
}
