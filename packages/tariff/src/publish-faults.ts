// What speaks against publishing a version of a tariff (docs/protocol.md: release policy, R9).
// Pure; asked by whoever publishes, before anybody is billed by it. A change of prices inside a window
// needs no more registers than the calendar has, which `parseTariff` counts: where these do not tell
// before from after, it takes effect with the next window (`publishNotes` says so). But none of them
// may stand for a short time.

import { assert } from "./assert.ts";
import { secondsOfBands } from "./calendar.ts";
import type { TariffFault } from "./error.ts";
import {
  distinctContracts,
  newVersions,
  startInWindow,
  windowText,
  type PublishContract,
  type PublishTerms,
} from "./publish-terms.ts";
import type { Tariff, TariffVersion } from "./tariff.ts";
import { dayStartOf } from "./zone.ts";

/** Intervals are counted as at least this long, as R9 does. */
const intervalSecondsMin = 900;

interface Judged {
  readonly tariff: Tariff;
  readonly version: TariffVersion;
  readonly path: string;
  readonly terms: PublishTerms;
}

function inPast({ version, path, terms }: Judged, zone: string): TariffFault[] {
  if (dayStartOf(version.validFrom, zone) > terms.nowSeconds) return [];
  const message = `version ${version.version} starts on ${version.validFrom}, which has begun in \
${zone}; let it start later, and correct bills by credit notes`;
  return [{ code: "TARIFF_VERSION_TOO_NEAR", path, message: `${path}: ${message}` }];
}

function inWindow(
  { tariff, version, path, terms }: Judged,
  contract: PublishContract,
): TariffFault[] {
  const inside = startInWindow(tariff, version, { contract, terms });
  // What takes effect with the next window changes nothing in this one.
  if (inside === undefined || inside.delayedBecause !== undefined) return [];
  const { zone, intervalSeconds } = contract;
  const { bands } = tariff.calendar;
  const needed = terms.bandIntervalsMin * Math.max(intervalSeconds, intervalSecondsMin);
  // Each band holds on one side alone: its time there is its time in the window.
  const seconds = secondsOfBands(tariff.calendar, inside.window, zone);
  const narrow = seconds.findIndex((each) => each > 0 && each < needed);
  if (narrow < 0) return [];
  const message = `in the window ${windowText(inside.window, zone)} band ${bands[narrow]} holds for \
${(seconds[narrow] ?? 0) / 3600} h, all of it before or after version ${version.version} starts, \
and ${needed / 3600} h are needed: its bill would be refused; let it start at the window's border`;
  return [{ code: "TARIFF_VERSION_TOO_NEAR", path, message: `${path}: ${message}` }];
}

/**
 * Why `next` must not replace `current` (undefined for a tariff that nobody has yet, whose first
 * version may lie in the past), for each version that is new: TARIFF_VERSION_TOO_NEAR when it starts
 * in the past, or takes effect inside a window in which a band holds for fewer than
 * `bandIntervalsMin` intervals. Each code once a version. Throws ZONE_UNKNOWN.
 */
export function publishFaults(
  current: Tariff | undefined,
  next: Tariff,
  terms: PublishTerms,
): TariffFault[] {
  assert(terms.windowDaysMin >= 1, "a window has at least one day");
  const contracts = distinctContracts(terms);
  const zones = new Set(terms.contracts.map(({ zone }) => zone));
  return newVersions(current, next).flatMap((version) => {
    const path = `versions[${next.versions.indexOf(version)}].validFrom`;
    const judged = { tariff: next, version, path, terms };
    const past = current === undefined ? [] : [...zones].flatMap((zone) => inPast(judged, zone));
    const faults = [...past, ...contracts.flatMap((contract) => inWindow(judged, contract))];
    return [...new Map(faults.map((fault) => [fault.code, fault])).values()];
  });
}
