// What speaks against publishing a version of a tariff (docs/protocol.md: release policy, R9).
// Pure; asked by whoever publishes, before anybody is billed by it. A window with a change of prices
// inside is billed in parts, each with registers of its own, and every register is released: so they
// must be few, and none may stand for a short time.

import { assert } from "./assert.ts";
import { bandsMax, secondsOfBands } from "./calendar.ts";
import type { TariffFault } from "./error.ts";
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

/** Intervals are counted as at least this long, as R9 does. */
const intervalSecondsMin = 900;

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

/** Versions in force in a window, in order, each with the stretch of it that is its own. */
function partsOf(
  { versions }: Tariff,
  { fromSeconds, toSeconds }: BillWindow,
  zone: string,
): { readonly version: TariffVersion; readonly window: BillWindow }[] {
  const starts = versions.map(({ validFrom }) => dayStartOf(validFrom, zone));
  return versions.flatMap((version, index) => {
    const from = Math.max(fromSeconds, starts[index] ?? 0);
    const to = Math.min(toSeconds, starts[index + 1] ?? toSeconds);
    return from < to ? [{ version, window: { fromSeconds: from, toSeconds: to } }] : [];
  });
}

/** Export counts one, where any version pays for it; as many as prices where these differ. */
function registersOf({ calendar }: Tariff, versions: readonly TariffVersion[]): number {
  const prices = new Set(versions.map((version) => version.feedInMicroPerKilowattHour));
  const isPaid = [...prices].some((price) => price > 0);
  const exported = prices.size > 1 ? versions.length : 1;
  const counted = calendar.bands.length + (calendar.cost === undefined ? 0 : 1);
  return counted * versions.length + (isPaid ? exported : 0);
}

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

function inWindow(judged: Judged, contract: PublishContract): TariffFault[] {
  const { tariff, version, path, terms } = judged;
  const { zone, intervalSeconds } = contract;
  const start = dayStartOf(version.validFrom, zone);
  const window = windowAt(contract, terms, start);
  // At a border the window before and the window after each have one version less.
  if (window === undefined || window.fromSeconds === start) return [];
  const parts = partsOf(tariff, window, zone);
  const borders = `${localDate(window.fromSeconds, zone)} to ${localDate(window.toSeconds, zone)}`;
  const faults: TariffFault[] = [];
  const registers = registersOf(
    tariff,
    parts.map((part) => part.version),
  );
  if (registers > bandsMax) {
    const message = `with version ${version.version} the window ${borders} (${zone}) needs \
${registers} registers, at most ${bandsMax}; let it start at a window's border`;
    faults.push({ code: "TARIFF_TOO_MANY_REGISTERS", path, message: `${path}: ${message}` });
  }
  const needed = terms.bandIntervalsMin * Math.max(intervalSeconds, intervalSecondsMin);
  for (const part of parts) {
    const seconds = secondsOfBands(tariff.calendar, part.window, zone);
    const narrow = seconds.findIndex((each) => each > 0 && each < needed);
    if (narrow < 0) continue;
    const message = `in the window ${borders} (${zone}) band ${tariff.calendar.bands[narrow]} would \
hold for ${(seconds[narrow] ?? 0) / 3600} h under version ${part.version.version}, \
${needed / 3600} h needed; let version ${version.version} start at the window's border, or further \
from it`;
    faults.push({ code: "TARIFF_VERSION_TOO_NEAR", path, message: `${path}: ${message}` });
  }
  return faults;
}

const contractKey = ({ zone, contractStartSeconds, intervalSeconds }: PublishContract): string =>
  `${zone} ${contractStartSeconds} ${intervalSeconds}`;

/**
 * Why `next` must not replace `current` (undefined for a tariff that nobody has yet, whose first
 * version may lie in the past), for each version that is new: TARIFF_VERSION_TOO_NEAR when it starts
 * in the past, or leaves a band of a window fewer than `bandIntervalsMin` intervals under one
 * version; TARIFF_TOO_MANY_REGISTERS when bands × versions of a window and export are more than 8.
 * Each code once a version. Throws ZONE_UNKNOWN.
 */
export function publishFaults(
  current: Tariff | undefined,
  next: Tariff,
  terms: PublishTerms,
): TariffFault[] {
  assert(terms.windowDaysMin >= 1, "a window has at least one day");
  const newest = (current ?? next).versions.at(current === undefined ? 0 : -1)?.version ?? 0;
  const contracts = new Map(terms.contracts.map((contract) => [contractKey(contract), contract]));
  const zones = new Set(terms.contracts.map(({ zone }) => zone));
  return next.versions.flatMap((version, index) => {
    if (version.version <= newest) return [];
    const path = `versions[${index}].validFrom`;
    const judged = { tariff: next, version, path, terms };
    const past = current === undefined ? [] : [...zones].flatMap((zone) => inPast(judged, zone));
    const faults = [
      ...past,
      ...[...contracts.values()].flatMap((contract) => inWindow(judged, contract)),
    ];
    return [...new Map(faults.map((fault) => [fault.code, fault])).values()];
  });
}
