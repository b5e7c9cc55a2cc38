// The privacy evaluation: published attacks, their metrics, and the gates that they must not pass.
export { edgesOf, risesOf } from "./attacks/edges.ts";
export { geoma } from "./attacks/geoma.ts";
export { hmm } from "./attacks/hmm.ts";
export { billFingerprint, linkageRanks, loadFingerprint } from "./attacks/linkage.ts";
export { niom, windowsOf } from "./attacks/niom.ts";
export type { Windows } from "./attacks/niom.ts";
export { judgedSteps, relabel } from "./attacks/occupancy.ts";
export type { OccupancyGuess } from "./attacks/occupancy.ts";
export {
  meanProfile,
  residualDifferences,
  twoCandidateAdvantage,
} from "./attacks/two-candidates.ts";
export type { Game } from "./attacks/two-candidates.ts";
export { AttackError } from "./error.ts";
export type { AttackErrorCode } from "./error.ts";
export { evaluate } from "./evaluate.ts";
export type { EvaluationOptions } from "./evaluate.ts";
export { PASSIVE_GATES, gateRows } from "./gates.ts";
export type { Gate } from "./gates.ts";
export type { Measure, Measurement } from "./measurement.ts";
export { advantage } from "./metrics/advantage.ts";
export { rankAuc } from "./metrics/auc.ts";
export { estimate } from "./metrics/estimate.ts";
export type { Estimate, Sample } from "./metrics/estimate.ts";
export { matthewsCorrelation } from "./metrics/mcc.ts";
export { NMI_BINS, normalizedMutualInformation } from "./metrics/nmi.ts";
export { figuresOfPanel, panelOf, syntheticPanel } from "./panel.ts";
export type { Panel, PanelHome } from "./panel.ts";
export {
  FULL_PLAN,
  SEEDS,
  SMALL_PLAN,
  cohortSizesFor,
  sameHomesRounds,
  syntheticRounds,
} from "./plan.ts";
export type { Plan, Round } from "./plan.ts";
export { renderSection, renderTable, renderVerdict } from "./report.ts";
export type { ReportSection } from "./report.ts";
export { judgeRow } from "./row.ts";
export type { Bound, Figure, GateRow, Verdict } from "./row.ts";
export { coarsen, daysBetween, daysOf } from "./trace.ts";
export type { Trace } from "./trace.ts";
export { bandsOfPanel, billRegisters, withHome } from "./views.ts";
export type { Span } from "./views.ts";
