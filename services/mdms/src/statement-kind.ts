/** Which bill of its contract a statement is (docs/protocol.md §7.3, §11). Pure. */
import type { MdmsServicePoint } from "./registry-context.ts";
import type { StatementRecord } from "./statement-query.ts";

export const STATEMENT_KINDS = ["first", "regular", "final"] as const;
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/** A contract's only bill is its final one. `point` is undefined for one that the registry no longer lists. */
export function kindOf(
  { fromBorder, toSeconds }: Pick<StatementRecord, "fromBorder" | "toSeconds">,
  point: Pick<MdmsServicePoint, "contractStart" | "contractEnd"> | undefined,
): StatementKind {
  if (point === undefined) return "regular";
  if (toSeconds === point.contractEnd) return "final";
  return fromBorder === point.contractStart ? "first" : "regular";
}
