/**
 * The audit residual (docs/protocol.md §8.3): Σ bills − Σ load of a neighbourhood over the windows of its bills. Who is in which sum comes
 * from the log, so that the rule can be asked: where a few are in one sum and not in the other, the residual is their reading, and none is
 * given. Run by an auditor, on what the MDMS was given and the log's terms.
 */
import { judgeResidual, type Refusal, type ReleasePolicy } from "@smarter-metering/policy";
import {
  toHex,
  type BillRequest,
  type LoadRequest,
  type NetworkView,
} from "@smarter-metering/protocol";

export interface ReleasedLoad {
  /** As the log has them. */
  readonly terms: LoadRequest;
  readonly wattHours: bigint;
}
export interface ReleasedBill {
  readonly terms: BillRequest;
  /** Of the direction that is compared. */
  readonly milliwattHours: bigint;
}

export interface ResidualWindow {
  /** On the grid of bills, epoch seconds; half-open. */
  readonly from: number;
  readonly to: number;
  readonly bills: number;
  readonly blocks: number;
  /** Why there is no residual; then there are no sums either. */
  readonly refusals: readonly Refusal[];
  readonly sums:
    { readonly billedMilliwattHours: bigint; readonly loadWattHours: bigint } | undefined;
}

export interface CohortReleases {
  readonly cohort: string;
  readonly loads: readonly ReleasedLoad[];
  /** Of anybody; those of members are taken. */
  readonly bills: readonly ReleasedBill[];
}

/** One entry for each window; windows that overlap are one, for two residuals over the same time could be compared. */
export function residualsOf(
  { cohort, loads, bills }: CohortReleases,
  view: NetworkView,
  policy: ReleasePolicy,
): ResidualWindow[] {
  const versions = view.versionsOf(cohort);
  const [{ zone } = { zone: "UTC" }] = versions;
  const members = new Set(versions.flatMap((version) => version.members));
  const own = bills.filter(({ terms }) => members.has(toHex(terms.networkPseudonym)));
  return windowsOf(own).map(({ from, to }): ResidualWindow => {
    const billed = own.filter(({ terms }) => from <= terms.fromGrid && terms.toGrid <= to);
    const loaded = loads.filter(({ terms }) => from <= terms.blockStart && terms.blockStart < to);
    const facts = {
      zone,
      loads: loaded.map(({ terms }) => ({
        startSeconds: terms.blockStart,
        intervalSeconds: terms.intervalSeconds,
        members: view.cohort(cohort, terms.cohortVersion)?.members ?? [],
        runs: terms.runs,
      })),
      // Bands do not matter: all registers of a bill are summed.
      bills: billed.map(({ terms }) => ({
        servicePoint: toHex(terms.networkPseudonym),
        fromBorderSeconds: terms.fromBorder,
        toBorderSeconds: terms.toBorder,
      })),
    };
    const refusals = judgeResidual(facts, policy);
    const window = { from, to, bills: billed.length, blocks: loaded.length, refusals };
    if (refusals.length > 0) return { ...window, sums: undefined };
    const billedMilliwattHours = billed.reduce((sum, bill) => sum + bill.milliwattHours, 0n);
    const loadWattHours = loaded.reduce((sum, load) => sum + load.wattHours, 0n);
    return { ...window, sums: { billedMilliwattHours, loadWattHours } };
  });
}

function windowsOf(bills: readonly ReleasedBill[]): { from: number; to: number }[] {
  const sorted = bills
    .map(({ terms }) => ({ from: terms.fromGrid, to: terms.toGrid }))
    .toSorted((a, b) => a.from - b.from);
  const windows: { from: number; to: number }[] = [];
  for (const { from, to } of sorted) {
    const last = windows.at(-1);
    if (last !== undefined && from < last.to) last.to = Math.max(last.to, to);
    else windows.push({ from, to });
  }
  return windows;
}
