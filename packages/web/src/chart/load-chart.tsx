/** A neighbourhood's load curve for the operators: one or more lines, with how many households are in each point. */
import type { VNode } from "preact";
import { useFormats } from "../language/formats.ts";
import { useKit } from "../language/kit.tsx";
import type { ChartColour } from "./chart-colours.ts";
import type { ChartRange } from "./chart-range.ts";
import type { PlotMark } from "./plot.ts";
import type { PlotData, PlotLine } from "./plot-layout.ts";
import { lowerBound } from "./pyramid-source.ts";
import { TimePlot } from "./time-plot.tsx";

export interface LoadSeries {
  readonly name: string;
  /** Starts of the windows, epoch seconds, ascending. */
  readonly x: Float64Array | readonly number[];
  /** One value per window; NaN is a gap. */
  readonly y: Float64Array | readonly number[];
  /** Households in each value. */
  readonly contributors?: readonly number[];
}

export interface LoadChartProps {
  /** At most six; the first one's windows are the chart's grid (the others hold their last value on it). */
  readonly series: readonly LoadSeries[];
  /** The same curve a week before, its times shifted to those it is shown at. */
  readonly compare?: LoadSeries;
  readonly marks?: readonly PlotMark[];
  /** A value in words, on the axis and in the readout: `formats.watts`. */
  readonly value: (value: number) => string;
  readonly windowSeconds: number;
  readonly zone: string;
  readonly label: string;
  readonly range?: ChartRange;
  readonly onRange?: (range: ChartRange) => void;
  readonly height?: number;
  readonly live?: boolean;
}

const COLOURS: readonly ChartColour[] = [
  "chart-1",
  "chart-2",
  "chart-3",
  "chart-4",
  "chart-5",
  "chart-6",
];

export function LoadChart(props: LoadChartProps): VNode {
  const { series, compare, zone, label, windowSeconds, value, height = 300 } = props;
  const { texts } = useKit();
  const formats = useFormats(zone);
  const shown = compare === undefined ? series : [compare, ...series]; // Behind is drawn first.
  const first = shown.length - series.length;
  const lines = shown.map((one, index): PlotLine & { readonly name: string } => {
    if (one === compare) return { name: one.name, colour: "chart-behind", kind: "pale" };
    return { name: one.name, colour: COLOURS[index - first] ?? "chart-6", kind: "step" };
  });
  const grid = series[0]?.x ?? [];
  const extent: ChartRange = [grid[0] ?? 0, (grid.at(-1) ?? 0) + windowSeconds];
  const readout = (data: PlotData, column: number): string => {
    const at = data.x[column] ?? NaN;
    const parts = [...series, ...(compare === undefined ? [] : [compare])].map((one) => {
      const found = data.lines[shown.indexOf(one)]?.[column] ?? NaN;
      const name = shown.length > 1 ? `${one.name} ` : "";
      if (Number.isNaN(found)) return `${name}${texts.gap}`;
      const count = one.contributors?.[placeOf(one, at)];
      return `${name}${value(found)}${count === undefined ? "" : ` (${texts.contributors(count)})`}`;
    });
    return [formats.dateTime(at, { zoneName: true }), ...parts].join(" · ");
  };
  return (
    <TimePlot
      label={label}
      lines={lines}
      bands={[]}
      legend={[...lines.slice(first), ...lines.slice(0, first)].map(({ name, colour }) => ({
        name,
        colour,
        kind: "line",
      }))}
      extent={extent}
      range={props.range ?? extent}
      onRange={props.onRange}
      zone={zone}
      height={height}
      marks={props.marks ?? []}
      live={props.live === true}
      value={value}
      valueRight={value}
      load={(range) => windowsOf(shown, grid, range, windowSeconds)}
      readout={readout}
      resting={([from, to]) => texts.range(formats.dateTime(from), formats.dateTime(to))}
    />
  );
}

/** The window that began last at `at`. */
const placeOf = (series: LoadSeries, at: number): number => lowerBound(series.x, at + 1e-6) - 1;

function windowsOf(
  shown: readonly LoadSeries[],
  grid: LoadSeries["x"],
  [from, to]: ChartRange,
  windowSeconds: number,
): PlotData {
  const start = Math.max(0, lowerBound(grid, from) - 1);
  const end = Math.min(grid.length, lowerBound(grid, to) + 1);
  const starts = Array.from(grid.slice(start, end));
  const lines = shown.map((one) =>
    starts.map((at) => {
      const place = placeOf(one, at);
      // A value holds for its own window only: after it comes a gap, not the last value for ever.
      return at - (one.x[place] ?? -Infinity) < windowSeconds ? (one.y[place] ?? NaN) : NaN;
    }),
  );
  return { x: [...starts, (starts.at(-1) ?? from) + windowSeconds], lines };
}
