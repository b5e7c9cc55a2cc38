// Prices that change inside a billing window (docs/protocol.md: statements). Nothing more than the
// window's registers is ever released, so a version takes effect inside only where they tell what
// was consumed before and after it: where no band holds on both sides. Pure. Runs in the MDMS, which
// sees a window's totals, at the customer, and, before anybody is billed, at whoever publishes.

import type { BillPart } from "./bill.ts";
import { secondsOfBands } from "./calendar.ts";
import type { Tariff, TariffVersion } from "./tariff.ts";
import type { BillWindow } from "./window.ts";
import { dayStartOf } from "./zone.ts";

/** A version whose first day is inside a window, and not the window's first. */
export interface VersionInside {
  readonly version: TariffVersion;
  readonly startSeconds: number;
  /** In words, why it takes effect with the next window; undefined where it does so on its day. */
  readonly delayedBecause: string | undefined;
}

/** Why a window cannot be cut at `startSeconds`, where one version follows on another. */
function delayOf(
  { calendar: { cost, bands }, calendar }: Tariff,
  [before, after]: readonly [TariffVersion, TariffVersion],
  { fromSeconds, toSeconds }: BillWindow,
  { startSeconds, zone }: { readonly startSeconds: number; readonly zone: string },
): string | undefined {
  if (cost !== undefined) return "a cost is one register for the whole window";
  if (before.feedInMicroPerKilowattHour !== after.feedInMicroPerKilowattHour) {
    return "export, which it pays at another price, is one register for the whole window";
  }
  const first = secondsOfBands(calendar, { fromSeconds, toSeconds: startSeconds }, zone);
  const second = secondsOfBands(calendar, { fromSeconds: startSeconds, toSeconds }, zone);
  const band = bands.find((_, index) => first[index] !== 0 && second[index] !== 0);
  return band && `band ${band} holds before and after it`;
}

/**
 * The versions that start inside a window, in order. One takes effect on its day if every band holds,
 * within this window, before or after it alone, and export is paid as by the version in force until
 * then; never where the calendar has a cost. Throws ZONE_UNKNOWN.
 */
export function versionsInside(tariff: Tariff, window: BillWindow, zone: string): VersionInside[] {
  let inForce: TariffVersion | undefined;
  return tariff.versions.flatMap((version) => {
    const startSeconds = dayStartOf(version.validFrom, zone);
    if (startSeconds <= window.fromSeconds) inForce = version;
    else if (inForce !== undefined && startSeconds < window.toSeconds) {
      const delayedBecause = delayOf(tariff, [inForce, version], window, { startSeconds, zone });
      if (delayedBecause === undefined) inForce = version;
      return [{ version, startSeconds, delayedBecause }];
    }
    return [];
  });
}

/**
 * What was counted, cut where versions take effect inside it: each register belongs to the part in
 * which its band holds, export to the first. Time after the window's end, where its border came late,
 * is in the register of the band that holds then, and of a band that holds in no part, in the last.
 * The parts add up to what was counted. Throws ZONE_UNKNOWN.
 */
export function splitPart(tariff: Tariff, counted: BillPart, zone: string): BillPart[] {
  const { fromSeconds, toSeconds } = counted;
  const starts = versionsInside(tariff, { fromSeconds, toSeconds }, zone).flatMap(
    ({ startSeconds, delayedBecause }) => (delayedBecause === undefined ? [startSeconds] : []),
  );
  if (starts.length === 0) return [counted];
  // Of two versions whose first days begin together, where a zone skipped a day, the later is in force.
  const borders = [...new Set([fromSeconds, ...starts]), toSeconds];
  const windows = borders.slice(1).map((end, index) => {
    return { fromSeconds: borders[index] ?? fromSeconds, toSeconds: end };
  });
  const seconds = windows.map((window) => secondsOfBands(tariff.calendar, window, zone));
  const places = tariff.calendar.bands.map((_, band) => {
    const place = seconds.findIndex((each) => each[band] !== 0);
    return place < 0 ? windows.length - 1 : place;
  });
  return windows.map((window, place) => ({
    ...window,
    registersMilliwattHours: counted.registersMilliwattHours.map((register, band) =>
      places[band] === place ? register : 0n,
    ),
    exportMilliwattHours: place === 0 ? counted.exportMilliwattHours : 0n,
  }));
}
