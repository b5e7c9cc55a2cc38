// What a new release policy changes, rule by rule. docs/protocol.md §9.4: a policy that loosens anything is announced and waits. Run by the registry,
// the trustees and whoever prepares a change. Pure; sees two public documents.

import { isUnsafe, type ReleasePolicy } from "./policy.ts";

/** `other`: neither order protects in every case; it is treated as a loosening. */
export type Direction = "tighter" | "looser" | "other";

export interface PolicyChange {
  readonly field: Exclude<keyof ReleasePolicy, "kind">;
  readonly direction: Direction;
  /** As the documents have them. */
  readonly from: string;
  readonly to: string;
  /** For customers, such as "…: 50 instead of 100 (looser)". */
  readonly text: string;
}

/** How long a looser policy is announced before it holds: time to object, to move out, and for trustees' operators to agree. */
export const POLICY_NOTICE_SECONDS = 30 * 86_400;

type Order = "more is tighter" | "more is looser" | "no order";
type NumberField = Exclude<keyof ReleasePolicy, "kind" | "id" | "billGrid">;

/** Every number of a policy: what it is called, and which way it protects. */
const NUMBERS: Readonly<Record<NumberField, readonly [name: string, order: Order]>> = {
  contributorsMin: ["households behind every interval of a load curve (R1)", "more is tighter"],
  contributorsMinFine: ["the same below 15 minutes (R1)", "more is tighter"],
  dominanceMaxBasisPoints: ["largest share of one household, in 1/100 % (R2)", "more is looser"],
  auditMembersMin: ["fewest households that all releases together say of (R5)", "more is tighter"],
  intervalSecondsMin: ["shortest interval, in seconds (R11)", "more is tighter"],
  completenessMinBasisPoints: ["members that contributed, in 1/100 % (R7)", "more is tighter"],
  churnMin: ["members that come or go together (R6)", "more is tighter"],
  billWindowDaysMin: ["days of a billing window (R8)", "more is tighter"],
  bandIntervalsMin: ["intervals in which a band holds (R9)", "more is tighter"],
  registersMax: ["numbers of one bill", "more is looser"],
  // Who is counted when: a longer wait is no protection, a shorter one no disclosure.
  loadCutoffSeconds: ["wait for an incomplete load curve, in seconds", "no order"],
  billCutoffSeconds: ["wait for an incomplete bill, in seconds", "no order"],
};

/** What differs, in the order of the document; an id counts only where it takes the hard floors away or gives them back. */
export function comparePolicies(from: ReleasePolicy, to: ReleasePolicy): PolicyChange[] {
  const changes: PolicyChange[] = [];
  if (isUnsafe(from) !== isUnsafe(to)) {
    const direction = isUnsafe(to) ? "looser" : "tighter";
    changes.push(changeOf("id", "hard floors", direction, from.id, to.id));
  }
  for (const [field, [name, order]] of Object.entries(NUMBERS) as Entries) {
    const [before, after] = [from[field], to[field]];
    if (before === after) continue;
    changes.push(changeOf(field, name, directionOf(order, before, after), before, after));
  }
  const [before, after] = [gridText(from), gridText(to)];
  // Windows of two grids overlap, and their difference is shorter than either.
  if (before !== after) {
    changes.push(changeOf("billGrid", "where billing windows begin", "other", before, after));
  }
  return changes;
}

type Entries = [NumberField, (typeof NUMBERS)[NumberField]][]; // Safe: the entries of a record of all fields.

/** Whether a change has to be announced: all but those that only tighten. */
export const needsNotice = (changes: readonly PolicyChange[]): boolean =>
  changes.some(({ direction }) => direction !== "tighter");

/** Whether two policies are the same document, id included. */
export function isSamePolicy(a: ReleasePolicy, b: ReleasePolicy): boolean {
  return a.id === b.id && comparePolicies(a, b).length === 0;
}

function directionOf(order: Order, before: number, after: number): Direction {
  if (order === "no order") return "other";
  return after > before === (order === "more is tighter") ? "tighter" : "looser";
}

function changeOf(
  field: PolicyChange["field"],
  name: string,
  direction: Direction,
  before: string | number,
  after: string | number,
): PolicyChange {
  const [from, to] = [String(before), String(after)];
  return { field, direction, from, to, text: `${name}: ${to} instead of ${from} (${direction})` };
}

const gridText = ({ billGrid: grid }: ReleasePolicy): string =>
  grid.unit === "month" ? "local months" : `every ${grid.days} days`;
