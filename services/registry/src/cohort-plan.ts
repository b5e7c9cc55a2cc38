/**
 * Cohort versions (docs/protocol.md §9.2, rules R1 and R6): who is summed with whom, from which block on. Run by the registry.
 * Pure: from the state and the time to the same plan, every time.
 */
import type { ReleasePolicy } from "@smarter-metering/policy";
import { ADDITIONS_MAX, loadPacking, loadValueBits } from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { RegistryError } from "./error.ts";
import {
  assignNeighbourhoods,
  contributorsNeeded,
  homesOf,
  partsOf,
  residents,
  type Homes,
} from "./neighbourhoods.ts";
import type { CohortVersion, Neighbourhood, RegistryState, ServicePointRecord } from "./state.ts";

/** The longest local day: clocks fall back by an hour. */
const DAY_SECONDS_MAX = 25 * 3600;

export interface CohortPlan {
  /** The cohort of each neighbourhood that has one. */
  readonly cohortOf: Readonly<Record<string, string>>;
  /** Neighbourhoods too small to stand alone, and where they went. */
  readonly merged: readonly { readonly neighbourhood: string; readonly cohort: string }[];
  /** New versions to publish. */
  readonly versions: readonly CohortVersion[];
  /** Members who are billed but not counted yet (joiners), or counted but gone (leavers), and how many it takes to change that. */
  readonly waiting: readonly WaitingMembers[];
}

export interface WaitingMembers {
  /** A cohort, or a neighbourhood that has none. */
  readonly where: string;
  readonly joiners: number;
  readonly leavers: number;
  readonly needed: number;
}

/** A plan as it may be told: who is summed with whom, in numbers of members; no member has a name in it. */
export interface CountedPlan {
  /** Too small to stand alone: `members` of the `needed`. */
  readonly merged: readonly {
    readonly neighbourhood: string;
    readonly cohort: string;
    readonly members: number;
    readonly needed: number;
  }[];
  readonly versions: readonly {
    readonly id: string;
    readonly version: number;
    readonly fromBlock: number;
    readonly members: number;
  }[];
  readonly waiting: readonly WaitingMembers[];
}

export interface PlanOptions {
  readonly policy: ReleasePolicy;
  readonly modulusBits: number;
  readonly nowSeconds: number;
  /** Only before epoch 0, when nobody can have contributed: an instant in the first block of every version 1. */
  readonly firstBlock?: number;
}

type PlanState = Pick<RegistryState, "neighbourhoods" | "cohortOf" | "cohorts" | "servicePoints">;

/** A state with what is asked of it for every cohort. */
interface Indexed {
  readonly homes: Homes;
  /** Neighbourhoods of a cohort. */
  readonly parts: ReadonlyMap<string, readonly string[]>;
  /** The newest version of each cohort. */
  readonly newest: ReadonlyMap<string, CohortVersion>;
}

/** Throws REGISTRY_COHORT_TOO_FINE when a day of a new version does not fit one ciphertext. */
export function planCohorts(state: PlanState, options: PlanOptions): CohortPlan {
  const homes = homesOf(state);
  const cohortOf = assignNeighbourhoods(state, homes, options.policy);
  const parts = partsOf({ ...state, cohortOf });
  const indexed: Indexed = { homes, parts, newest: newestVersions(state.cohorts) };
  const merged = Object.entries(cohortOf)
    .filter(([neighbourhood, cohort]) => neighbourhood !== cohort)
    .map(([neighbourhood, cohort]) => ({ neighbourhood, cohort }));
  const versions: CohortVersion[] = [];
  const waiting: WaitingMembers[] = [];
  for (const terms of state.neighbourhoods) {
    const { id } = terms;
    if (cohortOf[id] === undefined) {
      const needed = contributorsNeeded(terms, options.policy);
      waiting.push({ where: id, joiners: residents(homes, [id]).length, leavers: 0, needed });
    }
    if (cohortOf[id] !== id) continue;
    const change = nextVersion(indexed, terms, options);
    if (change.version !== undefined) versions.push(change.version);
    if (change.waiting !== undefined) waiting.push({ where: id, ...change.waiting });
  }
  return { cohortOf, merged, versions, waiting };
}

function newestVersions(cohorts: readonly CohortVersion[]): Map<string, CohortVersion> {
  const newest = new Map<string, CohortVersion>();
  for (const entry of cohorts) {
    if (entry.version > (newest.get(entry.id)?.version ?? 0)) newest.set(entry.id, entry);
  }
  return newest;
}

export function countedPlan(
  state: Pick<PlanState, "neighbourhoods" | "servicePoints">,
  { merged, versions, waiting }: CohortPlan,
  policy: ReleasePolicy,
): CountedPlan {
  const homes = homesOf(state);
  const needed = new Map(state.neighbourhoods.map((n) => [n.id, contributorsNeeded(n, policy)]));
  return {
    merged: merged.map(({ neighbourhood, cohort }) => {
      const members = residents(homes, [neighbourhood]).length;
      return { neighbourhood, cohort, members, needed: needed.get(neighbourhood) ?? 0 };
    }),
    versions: versions.map(({ id, version, fromBlock, members }) => {
      return { id, version, fromBlock, members: members.length };
    }),
    waiting,
  };
}

interface CohortChange {
  readonly version?: CohortVersion;
  readonly waiting?: Omit<WaitingMembers, "where">;
}

function nextVersion(
  { homes, parts, newest }: Indexed,
  terms: Neighbourhood,
  options: PlanOptions,
): CohortChange {
  const { policy, nowSeconds, firstBlock } = options;
  const before = newest.get(terms.id);
  const own = parts.get(terms.id) ?? [];
  const isFirst = before === undefined;
  const fromBlock =
    isFirst && firstBlock !== undefined
      ? localDayStart(firstBlock, terms.zone)
      : nextBlock(nowSeconds, terms.zone);
  const current = new Set(residents(homes, own, fromBlock).map(({ network }) => network));
  const members = new Set(before?.members);
  const joiners = [...current].filter((network) => !members.has(network)).toSorted();
  const leavers = new Set([...members].filter((network) => !current.has(network)));
  const needed = isFirst ? contributorsNeeded(terms, policy) : Math.max(1, policy.churnMin);

  // One change at a time: a version that does not hold yet is not replaced, or small changes could add up between two blocks.
  const settled = isFirst || before.fromBlock <= nowSeconds;
  const leave = settled && leavers.size >= needed ? leavers : new Set<string>();
  const room = joiners.slice(0, ADDITIONS_MAX - members.size + leave.size);
  const join = settled && room.length >= needed ? room : [];
  const next = [...members].filter((network) => !leave.has(network)).concat(join);

  const raised = settled && !isFirst && before.profile !== terms.profile;
  const changes = raised || join.length > 0 || leave.size > 0;
  const possible = changes && next.length >= contributorsNeeded(terms, policy);
  const left = {
    joiners: joiners.length - (possible ? join.length : 0),
    leavers: leavers.size - (possible ? leave.size : 0),
    needed,
  };
  const waiting = left.joiners + left.leavers > 0 ? { waiting: left } : {};
  if (!possible) return waiting;
  const version = (before?.version ?? 0) + 1;
  return {
    version: makeVersion(
      own.flatMap((id) => homes.get(id) ?? []),
      terms,
      { version, fromBlock, members: next },
      options,
    ),
    ...waiting,
  };
}

/** First local midnight that is at least one whole block away. */
function nextBlock(nowSeconds: number, zone: string): number {
  const today = localDayStart(nowSeconds, zone);
  return addLocalDays(today, today === nowSeconds ? 1 : 2, zone);
}

/** `known`: service points of the cohort's neighbourhoods, members or not. */
function makeVersion(
  known: readonly ServicePointRecord[],
  { id, zone, intervalSeconds, profile, exportLoad }: Neighbourhood,
  { version, fromBlock, members }: Pick<CohortVersion, "version" | "fromBlock" | "members">,
  { modulusBits }: PlanOptions,
): CohortVersion {
  const chosen = new Set(members);
  const valueBits = known
    .filter(({ network }) => chosen.has(network))
    .reduce((max, { fuse }) => Math.max(max, loadValueBits(fuse, intervalSeconds)), 1);
  const slotsMax = Math.ceil(DAY_SECONDS_MAX / intervalSeconds);
  const { slots } = loadPacking(valueBits, modulusBits);
  if (slots < slotsMax) {
    const message = `cohort ${id}: a day has up to ${slotsMax} intervals of ${intervalSeconds} s, a \
ciphertext of ${modulusBits} bits holds ${slots}; take a longer interval or a longer key`;
    throw new RegistryError("REGISTRY_COHORT_TOO_FINE", message);
  }
  return {
    id,
    version,
    fromBlock,
    zone,
    intervalSeconds,
    profile,
    exportLoad,
    loadValueBits: valueBits,
    members: members.toSorted(),
  };
}
