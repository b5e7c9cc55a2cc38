// What a source turned out to be: shown before anything is sent (`readings inspect`).
import type { Finding, FindingKind } from "./finding.ts";
import { locationOf } from "./finding.ts";
import { formatUtc } from "./timestamp.ts";
import type { Unit } from "./unit.ts";
import type { Transition } from "./wall-clock.ts";

/** `csv` or `xlsx`, and how its table is laid out. */
export type SourceFormat = `${"csv" | "xlsx"} ${"long" | "wide" | "exchange"}${"" | " gzip"}`;

export interface SourceReport {
  readonly files: number;
  /** Every format that was met. */
  readonly formats: readonly SourceFormat[];
  readonly unit: Unit;
  readonly unitFrom: "caller" | "header";
  /** Undefined when every time stamp was an instant and the caller named no zone. */
  readonly zone: string | undefined;
  readonly households: number;
  /** Data rows, headers not counted. */
  readonly rows: number;
  /** Every interval length met, in seconds. */
  readonly intervalSeconds: readonly number[];
  /** Intervals of all series, and how many of them are missing. */
  readonly intervals: number;
  readonly intervalsMissing: number;
  /** Sum over all series. */
  readonly importMilliwattHours: bigint;
  /** Earliest start and latest end over all series, epoch seconds. */
  readonly firstStartSeconds: number;
  readonly lastEndSeconds: number;
  /** The first of each kind; `counts` has all. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  /** Local days in the range on which the clocks change. */
  readonly dstDays: readonly Transition[];
}

/** Of each kind; the report itself holds more. */
const SHOWN_PER_KIND = 5;

/** The report as lines of text for a person. */
export function describeReport(report: SourceReport): string[] {
  const zone = report.zone ?? "none needed: the time stamps are instants";
  const unitFrom = report.unitFrom === "caller" ? "given" : "from the header";
  const kilowattHours = Number(report.importMilliwattHours / 1000n) / 1000;
  const lines = [
    `Format      ${report.formats.join(", ")} (${count(report.files, "file")})`,
    `Unit        ${report.unit} (${unitFrom})`,
    `Time zone   ${zone}`,
    `Households  ${report.households}`,
    `Rows        ${report.rows}`,
    `Interval    ${report.intervalSeconds.map((seconds) => `${seconds} s`).join(", ")}`,
    `Range       ${formatUtc(report.firstStartSeconds)} to ${formatUtc(report.lastEndSeconds)}`,
    `Intervals   ${report.intervals}, ${report.intervalsMissing} of them missing`,
    `Energy      ${kilowattHours.toFixed(3)} kWh in all`,
  ];
  for (const { date, hours } of report.dstDays) {
    lines.push(`Clock change ${date}: a day of ${hours} hours`);
  }
  return [...lines, ...describeFindings(report)];
}

function describeFindings(report: SourceReport): string[] {
  const lines: string[] = [];
  for (const [kind, total] of Object.entries(report.counts)) {
    lines.push(`${kind}: ${total}`);
    const kept = report.findings.filter((finding) => finding.kind === kind);
    const shown = kept.slice(0, SHOWN_PER_KIND);
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
