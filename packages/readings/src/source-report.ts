// What a source turned out to be: shown before anything is sent (`readings inspect`).
import type { Finding, FindingKind } from "./finding.ts";
import { locationOf } from "./finding.ts";
import { formatUtc } from "./timestamp.ts";
import type { Unit } from "./unit.ts";
import type { Transition } from "./wall-clock.ts";

/** `csv` or `xlsx`, and how its table is laid out; P1 telegrams; ESPI (Green Button). */
export type SourceFormat =
  `${`${"csv" | "xlsx"} ${"long" | "wide" | "exchange"}` | "p1" | "espi"}${"" | " gzip"}`;

export interface SourceReport {
  readonly files: number;
  /** Every format that was met. */
  readonly formats: readonly SourceFormat[];
  readonly unit: Unit;
  /** `source`: a header, a reading type, or every value itself. */
  readonly unitFrom: "caller" | "source";
  /** Undefined when every time stamp was an instant and the caller named no zone. */
  readonly zone: string | undefined;
  readonly households: number;
  /** Data rows, headers not counted; telegrams; readings. */
  readonly rows: number;
  /** Every interval length met, in seconds. */
  readonly intervalSeconds: readonly number[];
  /** Intervals of all series, and how many of them are missing. */
  readonly intervals: number;
  readonly intervalsMissing: number;
  /** Sums over all series. */
  readonly importMilliwattHours: bigint;
  readonly exportMilliwattHours: bigint;
  /** Earliest start and latest end over all series, epoch seconds. */
  readonly firstStartSeconds: number;
  readonly lastEndSeconds: number;
  /** The first of each kind; `counts` has all. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  /** What was understood in one of several ways, or left out on purpose. */
  readonly notes: readonly string[];
  /** Local days in the range on which the clocks change. */
  readonly dstDays: readonly Transition[];
}

/** Of each kind, where the reader is told no more. */
const SHOWN_PER_KIND = 5;

/** The report as lines of text for a person, with the first findings of each kind. */
export function describeReport(report: SourceReport, shownPerKind = SHOWN_PER_KIND): string[] {
  const zone = report.zone ?? "none needed: the time stamps are instants";
  const unitFrom = report.unitFrom === "caller" ? "given" : "from the source";
  const exported = report.exportMilliwattHours;
  const inAndOut = exported === 0n ? "" : `, ${kilowattHours(exported)} kWh exported, never netted`;
  const lines = [
    `Format      ${report.formats.join(", ")} (${count(report.files, "file")})`,
    `Unit        ${report.unit} (${unitFrom})`,
    `Time zone   ${zone}`,
    `Households  ${report.households}`,
    `Rows        ${report.rows}`,
    `Interval    ${report.intervalSeconds.map((seconds) => `${seconds} s`).join(", ")}`,
    `Range       ${formatUtc(report.firstStartSeconds)} to ${formatUtc(report.lastEndSeconds)}`,
    `Intervals   ${report.intervals}, ${report.intervalsMissing} of them missing`,
    `Energy      ${kilowattHours(report.importMilliwattHours)} kWh in all${inAndOut}`,
  ];
  for (const { date, hours } of report.dstDays) {
    lines.push(`Clock change ${date}: a day of ${hours} hours`);
  }
  for (const note of report.notes) lines.push(printable(`Note        ${note}`));
  return [...lines, ...describeFindings(report, shownPerKind)];
}

const kilowattHours = (milliwattHours: bigint): string =>
  (Number(milliwattHours / 1000n) / 1000).toFixed(3);

function describeFindings(report: SourceReport, shownPerKind: number): string[] {
  const lines: string[] = [];
  for (const [kind, total] of Object.entries(report.counts)) {
    lines.push(`${kind}: ${total}`);
    const kept = report.findings.filter((finding) => finding.kind === kind);
    const shown = kept.slice(0, shownPerKind);
    for (const finding of shown) {
      const household = finding.household === undefined ? "" : ` household ${finding.household}`;
      lines.push(printable(`  ${locationOf(finding)}${household}: ${finding.detail}`));
    }
    // One gap is many intervals, so only rows can be compared with what is shown.
    if (kind !== "gap" && total > shown.length) lines.push(`  and ${total - shown.length} more`);
  }
  return lines.length === 0 ? ["Findings    none"] : lines;
}

/** Labels come from files: their control characters must not reach a terminal. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, "?");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
