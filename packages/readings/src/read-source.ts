// Reads a file or a folder of readings: opens, detects, decodes, builds series, reports.
// Runs where a customer's or a researcher's own files are; never in a party that must not see
// readings.
import { FileReader } from "./file-reader.ts";
import { FindingLog } from "./finding.ts";
import { buildSeries, describeMagnitudes, mostFrequentStep } from "./grid.ts";
import { ReadingsError } from "./readings-error.ts";
import type { HouseholdSamples } from "./samples.ts";
import { MISSING, seriesEndSeconds } from "./series.ts";
import type { Series } from "./series.ts";
import { listFiles } from "./source-files.ts";
import { POWER_WATTS_MAX, SOURCE_LIMITS } from "./source-options.ts";
import type { ReadSourceOptions, SourceLimits } from "./source-options.ts";
import type { SourceReport } from "./source-report.ts";
import type { Unit } from "./unit.ts";
import { UNITS } from "./unit.ts";
import { WallClock } from "./wall-clock.ts";

const FINDINGS_PER_KIND = 20;

/**
 * Reads CSV (long, wide, exchange), XLSX with the same columns, P1 telegrams, ESPI (Green Button),
 * gzip of any, or a folder with one file a household, whose name is the label. A time stamp is the
 * start of its interval, except a telegram's, which is that of its registers.
 * Energies are exact: see register.ts. Throws ReadingsError only.
 */
export async function readSource(
  path: string,
  options: ReadSourceOptions = {},
): Promise<{ series: Series[]; report: SourceReport }> {
  const limits = { ...SOURCE_LIMITS, ...options.limits };
  const findings = new FindingLog({
    perKindMax: options.findingsPerKindMax ?? FINDINGS_PER_KIND,
    strict: options.strict ?? false,
  });
  const files = await listFiles(path, limits.households);
  const reader = new FileReader(files, limits, findings, options);
  for (const file of files) await reader.read(file);

  const households = reader.table.households().filter((samples) => samples.count > 0);
  const [first] = households;
  if (first === undefined) {
    const bad = findings.counts.malformed ?? 0;
    const message = `${files[0]?.name}: not one usable row (${bad} malformed)`;
    throw new ReadingsError("READINGS_EMPTY", message);
  }
  const unit = settleUnit(reader.headerUnits, options.unit, first, findings);
  const clock = settleClock(households, options.zone, first);
  const series = buildAll(households, { unit, clock, limits, options, findings });
  const report = summarize(series, clock, {
    files: files.length,
    formats: [...reader.formats],
    unit,
    unitFrom: options.unit === undefined || reader.headerUnits.size === 0 ? "source" : "caller",
    zone: options.zone,
    rows: reader.rows,
    notes: reader.notes,
    findings: findings.kept,
    counts: findings.counts,
  });
  return { series, report };
}

/** The caller's unit wins; else all headers must agree. Registers of P1 come with theirs. */
function settleUnit(
  headerUnits: ReadonlyMap<string, Unit | undefined>,
  given: Unit | undefined,
  first: HouseholdSamples,
  findings: FindingLog,
): Unit {
  if (headerUnits.size === 0) return "mWh";
  const [named, ...others] = new Set(headerUnits.values());
  if (given === undefined) {
    if (named !== undefined && others.length === 0) return named;
    const why = others.length > 0 ? "the files differ in their unit" : "no header names the unit";
    throw new ReadingsError(
      "READINGS_UNIT_NEEDED",
      `${first.file}: ${why}; give --unit ${UNITS.join("|")}. ${describeMagnitudes(first)}`,
    );
  }
  for (const [file, unit] of headerUnits) {
    if (unit === undefined || unit === given) continue;
    const detail = `the header says ${unit}, the caller ${given}: read as ${given}`;
    findings.add({ kind: "unit-overridden", file, line: 1, detail });
  }
  return given;
}

/**
 * A clock for the wall times of the source, or for the days of the report; undefined without zone.
 */
function settleClock(
  households: readonly HouseholdSamples[],
  zone: string | undefined,
  first: HouseholdSamples,
): WallClock | undefined {
  let [low, high, hasWall] = [Infinity, -Infinity, false];
  for (const { columns, count } of households) {
    for (let index = 0; index < count; index += 1) {
      const seconds = columns.seconds[index] ?? 0;
      low = Math.min(low, seconds);
      high = Math.max(high, seconds);
      hasWall ||= columns.isWall[index] === 1;
    }
  }
  if (zone !== undefined) return new WallClock(zone, low, high);
  if (!hasWall) return undefined;
  throw new ReadingsError(
    "READINGS_ZONE_NEEDED",
    `${first.file}: the time stamps are local, without offset; give --zone, an IANA zone such as ` +
      `Europe/Zurich. ${describeMagnitudes(first)}`,
  );
}

function buildAll(
  households: readonly HouseholdSamples[],
  context: {
    unit: Unit;
    clock: WallClock | undefined;
    limits: SourceLimits;
    options: ReadSourceOptions;
    findings: FindingLog;
  },
): Series[] {
  const { unit, clock, limits, options, findings } = context;
  const fallbackIntervalSeconds = stepOfAny(households);
  return households.flatMap((samples) => {
    const built = buildSeries(samples, {
      unit,
      clock,
      fallbackIntervalSeconds,
      powerWattsMax: options.powerWattsMax ?? POWER_WATTS_MAX,
      intervalsMax: limits.intervals,
      findings,
    });
    return built === undefined ? [] : [built];
  });
}

/** The step of the first household that has one, for those with a single reading. */
function stepOfAny(households: readonly HouseholdSamples[]): number | undefined {
  for (const { columns, count } of households) {
    const step = mostFrequentStep(columns.seconds.slice(0, count).sort());
    if (step !== undefined) return step;
  }
  return undefined;
}

function summarize(
  series: readonly Series[],
  clock: WallClock | undefined,
  known: Pick<
    SourceReport,
    "files" | "formats" | "unit" | "unitFrom" | "zone" | "rows" | "notes" | "findings" | "counts"
  >,
): SourceReport {
  let [firstStartSeconds, lastEndSeconds, intervals, intervalsMissing] = [
    Infinity,
    -Infinity,
    0,
    0,
  ];
  let [importMilliwattHours, exportMilliwattHours] = [0n, 0n];
  for (const one of series) {
    firstStartSeconds = Math.min(firstStartSeconds, one.startSeconds);
    lastEndSeconds = Math.max(lastEndSeconds, seriesEndSeconds(one));
    intervals += one.quality.length;
    intervalsMissing += one.quality.reduce((sum, code) => sum + (code === MISSING ? 1 : 0), 0);
    importMilliwattHours += total(one.importMilliwattHours);
    exportMilliwattHours += total(one.exportMilliwattHours);
  }
  return {
    ...known,
    households: series.length,
    intervalSeconds: [...new Set(series.map((one) => one.intervalSeconds))].sort((a, b) => a - b),
    intervals,
    intervalsMissing,
    importMilliwattHours,
    exportMilliwattHours,
    firstStartSeconds,
    lastEndSeconds,
    dstDays: clock?.transitions(firstStartSeconds, lastEndSeconds) ?? [],
  };
}

/** A sum of one household's values stays far below 2^53; that of all of them may not. */
const total = (milliwattHours: Float64Array): bigint =>
  BigInt(milliwattHours.reduce((sum, value) => sum + value, 0));
