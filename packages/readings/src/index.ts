// Where readings come from: files of many kinds, and the synthetic household.
export type { Finding, FindingKind } from "./finding.ts";
export { locationOf } from "./finding.ts";
export { readSource } from "./read-source.ts";
export { ReadingsError } from "./readings-error.ts";
export type { ReadingsErrorCode } from "./readings-error.ts";
export { QUALITIES, qualityCode, seriesEndSeconds } from "./series.ts";
export type { Quality, Series } from "./series.ts";
export { POWER_WATTS_MAX, SOURCE_LIMITS } from "./source-options.ts";
export type { ReadSourceOptions, SourceLimits, SourceProgress } from "./source-options.ts";
export { describeReport } from "./source-report.ts";
export type { SourceFormat, SourceReport } from "./source-report.ts";
export { UNITS } from "./unit.ts";
export type { Unit } from "./unit.ts";
export type { Transition } from "./wall-clock.ts";
export { writeSeries } from "./write-series.ts";
export type { Appliance } from "./synthetic/day-plan.ts";
export { syntheticHousehold, syntheticNeighbourhood } from "./synthetic/household.ts";
export type {
  ApplianceRun,
  SyntheticHousehold,
  SyntheticOptions,
  SyntheticTruth,
} from "./synthetic/household.ts";
export type { Traits } from "./synthetic/traits.ts";
export { figuresOf } from "./synthetic/figures.ts";
export type { Figures } from "./synthetic/figures.ts";
