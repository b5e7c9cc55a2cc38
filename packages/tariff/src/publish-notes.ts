// What a version of a tariff that starts inside billing windows means for them, in words
// (docs/protocol.md: statements). Pure; said to whoever checks or publishes a tariff.

import {
  distinctContracts,
  newVersions,
  startInWindow,
  windowText,
  type PublishContract,
  type PublishTerms,
  type StartInWindow,
} from "./publish-terms.ts";
import { versionOn, type Tariff, type TariffVersion } from "./tariff.ts";
import { localDate } from "./zone.ts";

/** Windows told of each version: on a grid of days they may be as many as contracts begin on. */
const windowsToldMax = 8;

function effectText(
  tariff: Tariff,
  { version, delayedBecause, window }: StartInWindow,
  zone: string,
): string {
  if (delayedBecause === undefined) return "it takes effect on that day";
  const date = localDate(window.toSeconds, zone);
  const due = versionOn(tariff, date);
  return due === version
    ? `it takes effect on ${date}, because ${delayedBecause}`
    : `it never takes effect there, because ${delayedBecause}, and on ${date} version \
${due.version} is in force`;
}

function notesOf(tariff: Tariff, version: TariffVersion, terms: PublishTerms): string[] {
  const noteFor = (contract: PublishContract): string[] => {
    const start = startInWindow(tariff, version, { contract, terms });
    if (start === undefined) return [];
    const { zone } = contract;
    return [
      `version ${version.version} starts on ${version.validFrom}, inside windows \
${windowText(start.window, zone)}: ${effectText(tariff, start, zone)}`,
    ];
  };
  const notes = [...new Set(distinctContracts(terms).flatMap(noteFor))];
  const rest = notes.length - windowsToldMax;
  if (rest <= 0) return notes;
  return [
    ...notes.slice(0, windowsToldMax),
    `version ${version.version} starts inside ${rest} other windows as well`,
  ];
}

/**
 * A sentence for each version of `next` that `current` has not (undefined: all but the first), and
 * for each window of a contract that it starts inside: from when it prices it, and why not at once.
 * At most eight windows of a version are named. Throws ZONE_UNKNOWN.
 */
export function publishNotes(
  current: Tariff | undefined,
  next: Tariff,
  terms: PublishTerms,
): string[] {
  return newVersions(current, next).flatMap((version) => notesOf(next, version, terms));
}
