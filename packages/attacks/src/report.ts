// The privacy evaluation as Markdown, from rows and measurements.
import type { Figures } from "@smarter-metering/readings";
import type { Measurement } from "./measurement.ts";
import type { Estimate } from "./metrics/estimate.ts";
import { judgeRow } from "./row.ts";
import type { AttackRow, Result } from "./row.ts";

/** One data set and what was measured on it. */
export interface ReportSection {
  readonly title: string;
  /** What these homes are, in sentences: how many, how long, real or not, licence. */
  readonly about: string;
  /** Level, peak, memory and spread of the homes, by name of the panel. */
  readonly figures: readonly { readonly name: string; readonly figures: Figures }[];
  readonly measurements: readonly Measurement[];
  /** Gates on these homes, or active attacks. */
  readonly rows: readonly AttackRow[];
}

/** The whole report. Ends with a newline. */
export function renderReport(title: string, sections: readonly ReportSection[]): string {
  const failed = sections.flatMap(({ rows }) => rows).filter((row) => !holds(row)).length;
  const parts = [
    `# ${title}`,
    failed === 0 ? "Every gate holds." : `**${failed} gate(s) do not hold.**`,
    "_In − out_: the same attack with the target among the homes summed, and with another home in \
its place. Intervals are 95 %.",
    ...sections.flatMap(renderSection),
  ];
  return `${parts.join("\n\n")}\n`;
}

function renderSection({ title, about, figures, measurements, rows }: ReportSection): string[] {
  return [
    `## ${title}`,
    about,
    ...(rows.length > 0 ? ["### Gates", renderRows(rows)] : []),
    ...(figures.length > 0 ? ["### Homes", renderFigures(figures)] : []),
    ...(measurements.length > 0 ? ["### Measurements", renderMeasurements(measurements)] : []),
  ];
}

/** Gates and active attacks in one table. */
export function renderRows(rows: readonly AttackRow[]): string {
  return table(
    ["attack", "view", "control", "system", "bound", "code", "verdict"],
    rows.map((row) => [
      row.attack,
      row.view,
      renderResult(row.control),
      renderResult(row.system),
      row.bound === undefined
        ? "refused"
        : `control ≥ ${digits(row.bound.controlMin)}, system ≤ ${digits(row.bound.systemMax)}`,
      row.code ?? "",
      verdictOf(row),
    ]),
  );
}

function renderMeasurements(measurements: readonly Measurement[]): string {
  return table(
    ["attack", "to find", "metric", "homes", "in", "out", "in − out", "targets × seeds"],
    measurements.map((measured) => [
      measured.attack,
      measured.reference,
      measured.metric,
      String(measured.homes),
      digits(measured.in.mean),
      digits(measured.out.mean),
      renderEstimate(measured.delta),
      `${measured.delta.targets} × ${measured.delta.seeds}`,
    ]),
  );
}

function renderFigures(figures: ReportSection["figures"]): string {
  return table(
    ["homes", "kWh a day", "CV between homes", "peak kW", "lag 1", "lag 24 h", "base kW"],
    figures.map(({ name, figures: of }) => [
      name,
      of.meanKilowattHoursPerDay.toFixed(2),
      digits(of.coefficientOfVariation),
      of.peakKilowatts.toFixed(2),
      digits(of.lagOneAutocorrelation),
      digits(of.lagDayAutocorrelation),
      digits(of.baseKilowatts),
    ]),
  );
}

const holds = (row: AttackRow): boolean => verdictOf(row) === "holds";

function verdictOf(row: AttackRow): string {
  const { controlHolds, systemHolds } = judgeRow(row);
  if (!controlHolds) return "**proves nothing: the control fails**";
  return systemHolds ? "holds" : "**fails**";
}

function renderResult(result: Result): string {
  if (result.kind !== "measured") return result.kind;
  return `${result.figure} ${renderEstimate(result.estimate)}`;
}

const renderEstimate = ({ mean, low, high }: Estimate): string =>
  `${digits(mean)} [${digits(low)}, ${digits(high)}]`;

const digits = (value: number): string => value.toFixed(3).replace("-", "−");

/** Cells are our own words and numbers, except labels of files: a bar would end a cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
