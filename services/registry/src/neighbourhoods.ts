/**
 * Neighbourhoods and the cohorts they belong to (docs/protocol.md §9.2). Run by the registry, beforehand: those too small to stand
 * alone are merged here, once; nothing is ever merged or widened when a release is asked for. Pure.
 */
import type { ReleasePolicy } from "@smarter-metering/policy";
import type { Neighbourhood, RegistryState, ServicePointRecord } from "./state.ts";

/** R1: below this a LOAD interval is fine, and needs `contributorsMinFine`. */
const FINE_INTERVAL_SECONDS = 900;

export type Neighbourhoods = Pick<RegistryState, "neighbourhoods" | "cohortOf" | "servicePoints">;

/** R1 for a neighbourhood's LOAD interval. */
export function contributorsNeeded(
  { intervalSeconds }: Pick<Neighbourhood, "intervalSeconds">,
  { contributorsMin, contributorsMinFine }: ReleasePolicy,
): number {
  const fine = intervalSeconds < FINE_INTERVAL_SECONDS;
  return fine ? Math.max(contributorsMin, contributorsMinFine) : contributorsMin;
}

/** Service points of these neighbourhoods under contract at `atSeconds`, or with no end in sight when left out. */
export function residents(
  { servicePoints }: Pick<RegistryState, "servicePoints">,
  neighbourhoods: readonly string[],
  atSeconds?: number,
): ServicePointRecord[] {
  const inForce = ({ contractStart, contractEnd }: ServicePointRecord): boolean =>
    atSeconds === undefined
      ? contractEnd === null
      : contractStart <= atSeconds && (contractEnd === null || contractEnd > atSeconds);
  return servicePoints.filter(
    (point) => neighbourhoods.includes(point.neighbourhood) && inForce(point),
  );
}

/**
 * The cohort of each neighbourhood, by the id of the one it is named after. A neighbourhood of at least k service points is a cohort
 * of its own. Smaller ones of the same terms are put together in order of id until they reach k; what is left over joins the
 * smallest cohort of those terms, or waits (has no entry). An assignment is never changed.
 */
export function assignNeighbourhoods(
  state: Neighbourhoods,
  policy: ReleasePolicy,
): Record<string, string> {
  const cohortOf = { ...state.cohortOf };
  const size = (ids: readonly string[]): number => residents(state, ids).length;
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
    const home = smallestCohort(state, cohortOf, terms);
    if (home !== undefined) for (const id of group) cohortOf[id] = home;
  }
  return cohortOf;
}

/** Only what is summed alike may be summed together. */
const termsOf = ({ zone, intervalSeconds, profile, exportLoad }: Neighbourhood): string =>
  JSON.stringify([zone, intervalSeconds, profile, exportLoad]);

function smallestCohort(
  state: Neighbourhoods,
  cohortOf: Readonly<Record<string, string>>,
  terms: string,
): string | undefined {
  const parts = (cohort: string): string[] =>
    state.neighbourhoods.map(({ id }) => id).filter((id) => cohortOf[id] === cohort);
  return state.neighbourhoods
    .filter((entry) => cohortOf[entry.id] === entry.id && termsOf(entry) === terms)
    .map(({ id }) => ({ id, size: residents(state, parts(id)).length }))
    .toSorted((a, b) => a.size - b.size || (a.id < b.id ? -1 : 1))[0]?.id;
}
