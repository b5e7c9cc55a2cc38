// R5, the audit over loads and bills together, and the residual of a cohort's bills against its
// loads. docs/protocol.md: release policy, R5 (with the proof). Pure; a trustee asks, with the rows
// its ledger holds and the one requested, before it releases a load or a bill.
//
// Unknown: what one service point used in one interval. It is in at most one row of loads and in at
// most one register, so the rows are the nodes, and the unknowns the edges, of a bipartite graph; a
// node "ground" takes the ends that no row holds. What the rows determine is the cut space of this
// graph: a reading is solvable when its edge is a bridge, and the finest sums are the smallest cuts.

import {
  coverageOf,
  FIRST_REGISTER,
  isConsistent,
  rangeOfBoth,
  UNBILLED,
  type CohortReleases,
  type Coverage,
  type PriceRange,
} from "./coverage.ts";
import type { ReleasePolicy } from "./policy.ts";
import { judgeAll } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** R1 calls intervals below this fine; here they count for less than one. */
const intervalSecondsMin = 900;

/** Every row of a cohort that was released, and the one that is asked for. */
export type AuditFacts = CohortReleases;

/** What no sum over fewer than `membersMin` members may be finer than. */
export interface Grain {
  readonly membersMin: number;
  readonly seconds: number;
  readonly weeks: number;
}

/** A part of one service point's register, or of what is not billed yet, that others do not hide. */
export interface ExposedPart {
  readonly isBilled: boolean;
  readonly seconds: number;
  readonly weeks: number;
}

/** The grain of bills: as many intervals as a band has (R9), in as many weeks as a window (R8). */
function grainOf({ loads }: AuditFacts, policy: ReleasePolicy): Grain {
  const interval = loads.reduce((max, l) => Math.max(max, l.intervalSeconds), intervalSecondsMin);
  return {
    membersMin: policy.auditMembersMin,
    seconds: policy.bandIntervalsMin * interval,
    weeks: Math.floor(policy.billWindowDaysMin / 7),
  };
}

/** A tie is a member and a register of his, or ground: whatever shares it stays connected by him. */
const GROUND = 1;

/**
 * The ties of every unit, as register · memberCount + member. Unbilled time is tied to ground, and
 * so is a register that is absent from some load or whose time some load does not cover. Prices
 * weigh the intervals of a register with a cost differently, so that it ties nothing unless it is
 * `firm`.
 */
function tiesOf(coverage: Coverage, firm: ReadonlySet<number>): Set<number>[] {
  const { units, memberCount, costOf } = coverage;
  const isFirm = (register: number): boolean =>
    costOf(register) === undefined || firm.has(register);
  const grounded = new Set<number>();
  for (const { states } of units) for (const state of states) if (state < 0) grounded.add(-state);
  return units.map(({ states }) => {
    const ties = new Set<number>();
    for (const [member, state] of states.entries()) {
      if (state < UNBILLED || (state >= FIRST_REGISTER && !isFirm(state))) continue;
      const tie = state === UNBILLED || grounded.has(state) ? GROUND : state;
      ties.add(tie * memberCount + member);
    }
    return ties;
  });
}

/** Units that stay connected whichever fewer than `membersMin` members are taken away. */
interface Cell {
  readonly ties: Set<number>;
  readonly units: number[];
}

interface Cells {
  readonly ground: Cell;
  /** By unit. */
  readonly cells: readonly Cell[];
}

function areTied(a: Cell, b: Cell, memberCount: number, membersMin: number): boolean {
  const [few, many] = a.ties.size < b.ties.size ? [a, b] : [b, a];
  const members = new Set<number>();
  for (const tie of few.ties) {
    if (!many.ties.has(tie)) continue;
    members.add(tie % memberCount);
    if (members.size >= membersMin) return true;
  }
  return false;
}

/**
 * Joins cells that at least `membersMin` members tie, until none are left. Two cells may be as hard
 * to part by a detour over others; that is not looked for, and can only make cells smaller.
 */
function cellsOf(ties: readonly Set<number>[], memberCount: number, membersMin: number): Cells {
  const groundTies = Array.from({ length: memberCount }, (_, m) => GROUND * memberCount + m);
  const ground: Cell = { ties: new Set(groundTies), units: [] };
  const join = (cells: readonly Cell[]): Cell[] => {
    const joined: Cell[] = [];
    for (const cell of cells) {
      const home = joined.find((candidate) => areTied(candidate, cell, memberCount, membersMin));
      if (home === undefined) joined.push(cell);
      else {
        for (const tie of cell.ties) home.ties.add(tie);
        home.units.push(...cell.units);
      }
    }
    return joined;
  };
  let cells: Cell[] = [ground, ...ties.map((own, unit) => ({ ties: new Set(own), units: [unit] }))];
  for (let before = Infinity; cells.length < before;) {
    before = cells.length;
    cells = join(cells);
  }
  const byUnit: Cell[] = [];
  for (const cell of cells) for (const unit of cell.units) byUnit[unit] = cell;
  return { ground, cells: byUnit };
}

/** Fewer than `membersMin` members tie the intervals of its one unit: each of them stands alone. */
const isLoose = (cell: Cell, { ground }: Cells, membersMin: number): boolean =>
  cell !== ground && cell.units.length === 1 && cell.ties.size < membersMin;

/**
 * Registers with a cost whose price differs within a cell, ground too. There all intervals have one
 * potential, and σ + γ · price is the same at two prices only when γ is 0: they tie like any other.
 */
function firmIn({ units, costOf }: Coverage, cells: Cells, membersMin: number): Set<number> {
  const ranges = new Map<number, Map<Cell, PriceRange>>();
  for (const [index, { states, prices }] of units.entries()) {
    for (const state of states) {
      const cost = costOf(Math.abs(state));
      const cell = state < 0 ? cells.ground : cells.cells[index];
      if (cost === undefined || cell === undefined || isLoose(cell, cells, membersMin)) continue;
      const own = ranges.get(Math.abs(state)) ?? new Map<Cell, PriceRange>();
      ranges.set(Math.abs(state), own);
      const range = prices[cost];
      own.set(cell, own.has(cell) ? rangeOfBoth(own.get(cell), range) : range);
    }
  }
  const isFirm = ([, own]: readonly [number, ReadonlyMap<Cell, PriceRange>]): boolean =>
    [...own.values()].some((range) => range !== undefined && range.min < range.max);
  return new Set([...ranges].filter(isFirm).map(([register]) => register));
}

/** The cells with all registers that are found firm in them. */
function settledCells(coverage: Coverage, membersMin: number): Cells {
  let firm: ReadonlySet<number> = new Set();
  for (;;) {
    const cells = cellsOf(tiesOf(coverage, firm), coverage.memberCount, membersMin);
    const found = new Set([...firm, ...firmIn(coverage, cells, membersMin)]);
    if (found.size === firm.size) return cells;
    firm = found;
  }
}

interface Extent {
  seconds: number;
  readonly weeks: Set<number>;
  /** Each of its intervals stands alone. */
  readonly isAlone: boolean;
}

type Extents = ReadonlyMap<Cell, Extent>;

/** Time of a member's registers and of his unbilled time in each cell but, unbilled, in ground. */
function extentsOf(
  { units }: Coverage,
  member: number,
  joined: Cells,
  membersMin: number,
): ReadonlyMap<number, Extents> {
  const { ground, cells } = joined;
  const extents = new Map<number, Map<Cell, Extent>>();
  for (const [index, { states, seconds, intervalSeconds, week }] of units.entries()) {
    const state = states[member] ?? 0;
    const cell = state < 0 ? ground : (cells[index] ?? ground);
    if (state === 0 || (state === UNBILLED && cell === ground)) continue;
    const isAlone = isLoose(cell, joined, membersMin);
    const own = extents.get(Math.abs(state)) ?? new Map<Cell, Extent>();
    extents.set(Math.abs(state), own);
    const extent = own.get(cell) ?? { seconds: 0, weeks: new Set(), isAlone };
    own.set(cell, extent);
    extent.seconds += isAlone ? intervalSeconds : seconds;
    extent.weeks.add(week);
  }
  return extents;
}

/**
 * Parts finer than `grain` that the rows may show of fewer than `grain.membersMin` members. None
 * means (docs/protocol.md, R5): whatever the rows determine about so few members contains, of one
 * of them, a whole register or at least the grain; no reading weighs in it more than one interval
 * in a grain does. The converse does not hold: a part may be hidden in a way that is not looked
 * for. Time is members × units, and units² within the longest bill where little is tied.
 */
export function exposedParts(releases: CohortReleases, grain: Grain): ExposedPart[] {
  const coverage = coverageOf(releases);
  const { memberCount, costOf } = coverage;
  const cells = settledCells(coverage, grain.membersMin);
  const parts: ExposedPart[] = [];
  for (let member = 0; member < memberCount; member++) {
    for (const [register, extents] of extentsOf(coverage, member, cells, grain.membersMin)) {
      const isBilled = register !== UNBILLED;
      const isPriced = isBilled && costOf(register) !== undefined;
      const isWhole = isBilled && extents.size === 1;
      for (const { seconds, weeks, isAlone } of extents.values()) {
        if (isWhole && !isAlone) continue;
        const isFine = seconds < grain.seconds || weeks.size < grain.weeks;
        if (isFine || isPriced) parts.push({ isBilled, seconds, weeks: weeks.size });
      }
    }
  }
  return parts;
}

const auditShape: Rule<AuditFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: (facts) =>
    isConsistent(facts)
      ? undefined
      : "releases overlap, or a bill begins or ends inside an interval of a load",
};

const exposed: Rule<AuditFacts> = {
  id: "R5",
  code: "R5_EXPOSED",
  judge(facts, policy) {
    const grain = grainOf(facts, policy);
    const parts = exposedParts(facts, grain);
    const [finest] = parts.toSorted((a, b) => a.seconds - b.seconds);
    if (finest === undefined) return undefined;
    const billed = parts.filter(({ isBilled }) => isBilled).length;
    return `with it, loads and bills would show ${billed} parts of bills and \
${parts.length - billed} of what is not billed that fewer than ${grain.membersMin} members hide, the \
finest of ${finest.seconds} s in ${finest.weeks} weeks; a bill has at least ${grain.seconds} s in \
${grain.weeks} weeks`;
  },
};

/** Every rule of the audit, in the order refusals are listed. */
export const auditRules: readonly Rule<AuditFacts>[] = [exposed];

/**
 * All refusals of a row beside all rows released before. Throws TariffError
 * TARIFF_BOUNDARY_INSIDE_INTERVAL or ZONE_UNKNOWN: then nothing is released either.
 */
export function judgeAudit(facts: AuditFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(auditShape, auditRules, facts, policy);
}
