/**
 * R5 (docs/protocol.md §8.3): what all releases of a cohort say together. Run by the trustee, over the rows of its own ledger and those
 * asked for. Whatever the ledger holds counts as released, a corrupt set and a share of an opening that never came about too: to audit
 * rows that nobody saw refuses more, never less. It knows who and when, no reading.
 */
import {
  judgeAudit,
  overlaps,
  type Refusal,
  type ReleasedBill,
  type TimeSpan,
} from "@smarter-metering/policy";
import { fromHex, type NetworkView } from "@smarter-metering/protocol";
import { TariffError } from "@smarter-metering/tariff";
import type { RegistryContext } from "./registry-context.ts";
import type { BillClaim, Claim, LoadStream, Spent } from "./spent.ts";

/** One audit: a cohort's loads of one direction, and the bills of all who were ever its members. */
export interface Series {
  readonly stream: LoadStream;
  readonly cohort: string;
}

/** The audits that a claim is a row of, by a name of each. A bill of nobody's cohort is in none. */
export function seriesOf(claim: Claim, view: NetworkView): ReadonlyMap<string, Series> {
  const found: Series[] =
    claim.kind === "LOAD"
      ? [{ stream: claim.stream, cohort: claim.cohort }]
      : view
          .cohortsOf(claim.servicePoint)
          .flatMap(({ id, exportLoad }): Series[] => [
            { stream: "LOAD", cohort: id },
            ...(exportLoad ? [{ stream: "LOAD_EXPORT", cohort: id } as const] : []),
          ]);
  return new Map(found.map((series) => [`${series.stream}/${series.cohort}`, series]));
}

/** The time that a claim says something about. */
export const spanOf = (claim: Claim): TimeSpan =>
  claim.kind === "LOAD"
    ? claim
    : { startSeconds: claim.fromBorderSeconds, endSeconds: claim.toBorderSeconds };

/**
 * Refusals of what `spent` holds over `asked`, which is in it already. Rows that no chain of overlapping rows joins to `asked` are left
 * out: they share no reading and no register with it, so what is exposed there was before.
 */
export function auditSeries(
  { stream, cohort }: Series,
  asked: TimeSpan,
  spent: Spent,
  context: RegistryContext,
): readonly Refusal[] {
  const { view, policy, calendars } = context;
  const versions = view.versionsOf(cohort);
  const [{ zone } = { zone: "" }] = versions;
  const members = new Set(versions.flatMap((version) => version.members));
  const bills = [...members].flatMap((member) => spent.windows(member));
  const span = joined(asked, [...bills.map(spanOf), ...spent.blocks(cohort, stream)]);
  const isJoined = (claim: Claim): boolean => overlaps(spanOf(claim), span);
  const inside = bills.filter(isJoined);
  const unknown = inside.find(({ registerBank }) => !calendars.has(registerBank));
  if (unknown !== undefined) return [inconsistent(`no calendar of bank ${unknown.registerBank}`)];
  const facts = {
    zone,
    loads: spent
      .blocks(cohort, stream)
      .filter(isJoined)
      .map(({ cohortVersion, startSeconds, intervalSeconds, runs }) => ({
        startSeconds,
        intervalSeconds,
        members: view.cohort(cohort, cohortVersion)?.members ?? [],
        runs: runs.map((run) => ({ ...run, members: fromHex(run.members) })),
      })),
    bills: inside.map((bill) => releasedBill(bill, stream, context)),
  };
  return judged(() => judgeAudit(facts, policy));
}

/** Export is counted in one register, whatever the time, and has no cost. */
function releasedBill(
  { registerBank, hasCost, ...bill }: BillClaim,
  stream: LoadStream,
  { calendars, costs }: RegistryContext,
): ReleasedBill {
  const calendar = stream === "LOAD" ? calendars.get(registerBank) : undefined;
  const cost = calendar !== undefined && hasCost ? costs.get(registerBank) : undefined;
  return { ...bill, ...(calendar && { calendar }), ...(cost && { cost }) };
}

/** The span with everything that overlaps it, and what overlaps that. */
function joined(span: TimeSpan, rows: readonly TimeSpan[]): TimeSpan {
  for (let whole = span; ;) {
    const over = [whole, ...rows.filter((row) => overlaps(row, whole))];
    const startSeconds = over.reduce((min, row) => Math.min(min, row.startSeconds), Infinity);
    const endSeconds = over.reduce((max, row) => Math.max(max, row.endSeconds), 0);
    if (startSeconds === whole.startSeconds && endSeconds === whole.endSeconds) return whole;
    whole = { startSeconds, endSeconds };
  }
}

const inconsistent = (reason: string): Refusal => ({
  rule: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  reason,
});

/** What calendar and zone do not allow to judge is refused with the tariff's own code. */
export function judged(judge: () => readonly Refusal[]): readonly Refusal[] {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof TariffError)) throw error;
    return [{ rule: "SHAPE", code: error.code, reason: error.message }];
  }
}
