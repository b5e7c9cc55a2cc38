// For whom a version of a tariff is published, by which rules, and where in their billing windows it
// starts (docs/protocol.md: release policy, R8). Pure.

import { versionsInside, type VersionInside } from "./bill-parts.ts";
import type { Tariff, TariffVersion } from "./tariff.ts";
import { nextWindow, windowsMax, type BillGrid, type BillWindow } from "./window.ts";
import { dayStartOf, localDate } from "./zone.ts";

/** A contract that the tariff bills, or may bill. */
export interface PublishContract {
  readonly zone: string;
  readonly contractStartSeconds: number;
  /** The meter's own interval. */
  readonly intervalSeconds: number;
}

/** The release policy's numbers and the contracts; equal contracts are asked about once. */
export interface PublishTerms {
  readonly nowSeconds: number;
  readonly billGrid: BillGrid;
  readonly windowDaysMin: number;
  /** R9: intervals, of at least 900 s, in which a register counts. */
  readonly bandIntervalsMin: number;
  readonly contracts: readonly PublishContract[];
}

/** Of equal contracts one. */
export function distinctContracts({ contracts }: PublishTerms): PublishContract[] {
  const keyOf = ({ zone, contractStartSeconds, intervalSeconds }: PublishContract): string =>
    `${zone} ${contractStartSeconds} ${intervalSeconds}`;
  return [...new Map(contracts.map((contract) => [keyOf(contract), contract])).values()];
}

/** The contract's window that contains an instant; undefined before its first, and past 4096. */
function windowAt(
  contract: PublishContract,
  terms: PublishTerms,
  seconds: number,
): BillWindow | undefined {
  const { zone, contractStartSeconds } = contract;
  const { billGrid: grid, windowDaysMin } = terms;
  let afterSeconds = 0;
  for (let count = 0; count < windowsMax; count++) {
    const laid = { grid, zone, contractStartSeconds, windowDaysMin, afterSeconds };
    const window = nextWindow(laid);
    if (window.fromSeconds > seconds) return undefined;
    if (window.toSeconds > seconds) return window;
    afterSeconds = window.toSeconds;
  }
  return undefined;
}

/** A version with the window that it starts inside. */
export interface StartInWindow extends VersionInside {
  readonly window: BillWindow;
}

/** Where a version starts inside a window of the contract; undefined when it starts at a border. */
export function startInWindow(
  tariff: Tariff,
  version: TariffVersion,
  { contract, terms }: { readonly contract: PublishContract; readonly terms: PublishTerms },
): StartInWindow | undefined {
  const { zone } = contract;
  const window = windowAt(contract, terms, dayStartOf(version.validFrom, zone));
  if (window === undefined) return undefined;
  const inside = versionsInside(tariff, window, zone).find((each) => each.version === version);
  return inside && { ...inside, window };
}

/** "2027-07-01 to 2027-08-01 (Europe/Zurich)". */
export const windowText = ({ fromSeconds, toSeconds }: BillWindow, zone: string): string =>
  `${localDate(fromSeconds, zone)} to ${localDate(toSeconds, zone)} (${zone})`;

/** The versions of `next` that `current` has not; all but the first where nobody has the tariff yet. */
export function newVersions(current: Tariff | undefined, next: Tariff): TariffVersion[] {
  const newest = current === undefined ? next.versions[0] : current.versions.at(-1);
  return next.versions.filter(({ version }) => version > (newest?.version ?? 0));
}
