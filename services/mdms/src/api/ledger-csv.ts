/** The release ledger as lines of CSV. */
import type { z } from "@smarter-metering/runtime";
import type { Cell } from "./csv.ts";
import type { ledgerEntry } from "./ledger-schemas.ts";

export const LEDGER_COLUMNS = [
  "cohort",
  "cohort_version",
  "stream",
  "start",
  "end",
  "state",
  "codes",
  "contributors",
  "members",
  "slots_expected",
  "slots_covered",
  "slots_valued",
  "request_digest",
  "sealed_at",
  "policy",
] as const;

export const ledgerCells = (entry: z.infer<typeof ledgerEntry>): readonly Cell[] => [
  entry.cohort,
  entry.cohortVersion,
  entry.stream,
  entry.start,
  entry.end,
  entry.state,
  entry.codes.join(" "),
  entry.contributors,
  entry.members,
  entry.slotCount * entry.members,
  entry.slotsCovered,
  entry.slotsValued,
  entry.requestDigest,
  entry.sealedAt,
  entry.policyId,
];
