// Where readings come from: files of many kinds, and the synthetic household.
export type { Finding, FindingKind } from "./finding.ts";
export { locationOf } from "./finding.ts";
export { detectDelimiter } from "./csv-rows.ts";
export { decimalMarkOf, parseDecimal } from "./decimal.ts";
export type { Decimal } from "./decimal.ts";
export { readSource } from "./read-source.ts";
export { ReadingsError } from "./readings-error.ts";
export type { ReadingsErrorCode } from "./readings-error.ts";
export { QUALITIES, qualityCode, seriesEndSeconds } from "./series.ts";
export type { Quality, Series } from "./series.ts";
export { POWER_WATTS_MAX, REGISTER_INTERVAL_SECONDS, SOURCE_LIMITS } from "./source-options.ts";
export type { ReadSourceOptions, SourceLimits, SourceProgress } from "./source-options.ts";
export { describeReport } from "./source-report.ts";
export type { SourceFormat, SourceReport } from "./source-report.ts";
export { parseTimestamp } from "./timestamp.ts";
export { UNITS } from "./unit.ts";
export { MeterClock } from "./p1/meter-clock.ts";
export { borderSlackSeconds, RegisterIntervals } from "./p1/register-intervals.ts";
export type { RegisterInterval, RegisterSample, SampleVerdict } from "./p1/register-intervals.ts";
export type { AttachedDevice, Telegram, TelegramTime } from "./p1/telegram.ts";
export type { TelegramFault } from "./p1/telegram-framer.ts";
export { readTelegrams } from "./p1/telegrams.ts";
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
