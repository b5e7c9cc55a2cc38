/**
 * Neighbourhoods and the cohorts they belong to (docs/protocol.md §9.2). Run by the registry, beforehand: those too small to stand
 * alone are merged here, once; nothing is ever merged or widened when a release is asked for. Pure.
 */
import type { ReleasePolicy } from "@smarter-metering/policy";
import type { Neighbourhood, RegistryState, ServicePointRecord } from "./state.ts";

/** R1: below this a LOAD interval is fine, and needs `contributorsMinFine`. */
const FINE_INTERVAL_SECONDS = 900;

type Neighbourhoods = Pick<RegistryState, "neighbourhoods" | "cohortOf">;

/** R1 for a neighbourhood's LOAD interval. */
export function contributorsNeeded(
  { intervalSeconds }: Pick<Neighbourhood, "intervalSeconds">,
  { contributorsMin, contributorsMinFine }: ReleasePolicy,
): number {
  const fine = intervalSeconds < FINE_INTERVAL_SECONDS;
  return fine ? Math.max(contributorsMin, contributorsMinFine) : contributorsMin;
}

/** Service points by neighbourhood: made once where many are asked about. */
export type Homes = ReadonlyMap<string, readonly ServicePointRecord[]>;

export function homesOf({ servicePoints }: Pick<RegistryState, "servicePoints">): Homes {
  const homes = new Map<string, ServicePointRecord[]>();
  for (const point of servicePoints) {
    const home = homes.get(point.neighbourhood);
    if (home === undefined) homes.set(point.neighbourhood, [point]);
    else home.push(point);
  }
  return homes;
}

/** Service points of these neighbourhoods under contract at `atSeconds`, or with no end in sight when left out. */
export function residents(
  homes: Homes,
  neighbourhoods: readonly string[],
  atSeconds?: number,
): ServicePointRecord[] {
  const inForce = ({ contractStart, contractEnd }: ServicePointRecord): boolean =>
    atSeconds === undefined
      ? contractEnd === null
      : contractStart <= atSeconds && (contractEnd === null || contractEnd > atSeconds);
  return neighbourhoods.flatMap((id) => (homes.get(id) ?? []).filter(inForce));
}

/**
 * The cohort of each neighbourhood, by the id of the one it is named after. A neighbourhood of at least k service points is a cohort
 * of its own. Smaller ones of the same terms are put together in order of id until they reach k; what is left over joins the
 * smallest cohort of those terms, or waits (has no entry). An assignment is never changed.
 */
export function assignNeighbourhoods(
  state: Neighbourhoods,
  homes: Homes,
  policy: ReleasePolicy,
): Record<string, string> {
  const cohortOf = { ...state.cohortOf };
  const size = (ids: readonly string[]): number => residents(homes, ids).length;
  const unassigned = state.neighbourhoods
    .filter(({ id }) => cohortOf[id] === undefined && size([id]) > 0)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const small: Neighbourhood[] = [];
  for (const entry of unassigned) {
    if (size([entry.id]) >= contributorsNeeded(entry, policy)) cohortOf[entry.id] = entry.id;
    else small.push(entry);
  }
  for (const terms of new Set(small.map(termsOf))) {
    let group: string[] = [];
    for (const entry of small.filter((candidate) => termsOf(candidate) === terms)) {
      group.push(entry.id);
      if (size(group) < contributorsNeeded(entry, policy)) continue;
      for (const id of group) cohortOf[id] = group[0] ?? id;
      group = [];
    }
    const home = smallestCohort({ ...state, cohortOf }, homes, terms);
    if (home !== undefined) for (const id of group) cohortOf[id] = home;
  }
  return cohortOf;
}

/** Only what is summed alike may be summed together. */
const termsOf = ({ zone, intervalSeconds, profile, exportLoad }: Neighbourhood): string =>
  JSON.stringify([zone, intervalSeconds, profile, exportLoad]);

function smallestCohort(state: Neighbourhoods, homes: Homes, terms: string): string | undefined {
  const parts = partsOf(state);
  return state.neighbourhoods
    .filter((entry) => state.cohortOf[entry.id] === entry.id && termsOf(entry) === terms)
    .map(({ id }) => ({ id, size: residents(homes, parts.get(id) ?? []).length }))
    .toSorted((a, b) => a.size - b.size || (a.id < b.id ? -1 : 1))[0]?.id;
}

/** The neighbourhoods of each cohort, in their order. */
export function partsOf({ neighbourhoods, cohortOf }: Neighbourhoods): Map<string, string[]> {
  const parts = new Map<string, string[]>();
  for (const { id } of neighbourhoods) {
    const cohort = cohortOf[id];
    if (cohort === undefined) continue;
    parts.set(cohort, parts.get(cohort) ?? []);
    parts.get(cohort)?.push(id);
  }
  return parts;
}
