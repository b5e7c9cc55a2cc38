// What was measured on one set of homes as Markdown: gates, homes, measurements.
import type { Figures } from "@smarter-metering/readings";
import type { Measurement } from "./measurement.ts";
import type { Estimate } from "./metrics/estimate.ts";
import { judgeRow } from "./row.ts";
import type { Figure, GateRow, Verdict } from "./row.ts";

/** One data set and what was measured on it. */
export interface ReportSection {
  readonly title: string;
  /** What these homes are, in sentences: how many, how long, real or not, licence. */
  readonly about: string;
  /** Level, peak, memory and spread of the homes, by name of the panel. */
  readonly figures: readonly { readonly name: string; readonly figures: Figures }[];
  readonly measurements: readonly Measurement[];
  /** Gates on these homes. */
  readonly rows: readonly GateRow[];
}

/** A section without a newline at its end; its tables are aligned, as formatters want them. */
export function renderSection({
  title,
  about,
  figures,
  measurements,
  rows,
}: ReportSection): string {
  return [
    `## ${title}`,
    about,
    ...(rows.length > 0 ? ["### Gates", renderGates(rows)] : []),
    ...(figures.length > 0 ? ["### Homes", renderFigures(figures)] : []),
    ...(measurements.length > 0 ? ["### Measurements", renderMeasurements(measurements)] : []),
  ].join("\n\n");
}

function renderGates(rows: readonly GateRow[]): string {
  return renderTable(
    ["attack", "view", "control", "system", "bound", "verdict"],
    rows.map((row) => [
      row.attack,
      row.view,
      renderFigure(row.control),
      renderFigure(row.system),
      `control ≥ ${digits(row.bound.controlMin)}, system ≤ ${digits(row.bound.systemMax)}`,
      renderVerdict(judgeRow(row)),
    ]),
  );
}

function renderMeasurements(measurements: readonly Measurement[]): string {
  return renderTable(
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
  return renderTable(
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

/** Of a passive or of an active attack. */
export function renderVerdict({ controlHolds, systemHolds }: Verdict): string {
  if (!controlHolds) return "**proves nothing: the control fails**";
  return systemHolds ? "holds" : "**fails**";
}

const renderFigure = ({ figure, estimate }: Figure): string =>
  `${figure} ${renderEstimate(estimate)}`;

const renderEstimate = ({ mean, low, high }: Estimate): string =>
  `${digits(mean)} [${digits(low)}, ${digits(high)}]`;

const digits = (value: number): string => value.toFixed(3).replace("-", "−");

/** Columns as wide as their widest cell. A bar in a cell (a label of a file may have one) would end it. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) =>
    cells.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 3),
  );
  const line = (row: readonly string[], fill = " "): string =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width, fill)).join(" | ")} |`;
  const [first = [], ...others] = cells;
  return [line(first), line([], "-"), ...others.map((row) => line(row))].join("\n");
}
