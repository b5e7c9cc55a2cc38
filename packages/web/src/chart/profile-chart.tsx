/** A load profile from a minute to years: the mean as a step line in the band between least and greatest, gaps as gaps. */
import type { VNode } from "preact";
import { useFormats, type Formats } from "../language/formats.ts";
import { useKit } from "../language/kit.tsx";
import type { ChartRange } from "./chart-range.ts";
import type { LegendItem } from "./legend.tsx";
import type { PlotData, PlotLine } from "./plot-layout.ts";
import { lowerBound, type PyramidColumns, type PyramidSource } from "./pyramid-source.ts";
import { TimePlot } from "./time-plot.tsx";

export type ProfileUnit = "W" | "Wh" | "kWh";

export interface ProfileChartProps {
  readonly source: PyramidSource;
  /** The last period, drawn pale; its times are those it is shown at (see shiftedSource). */
  readonly behind?: PyramidSource;
  readonly layers?: {
    /** What goes the other way, in the same unit and on the same scale. */
    readonly fedIn?: { readonly source: PyramidSource; readonly label: string };
    /** The price over time on a scale of its own; per kWh, in the currency. */
    readonly cost?: {
      readonly source: PyramidSource;
      readonly label: string;
      readonly currency: string;
    };
  };
  /** IANA zone of the meter: its midnights are marked, its times read out. */
  readonly zone: string;
  /** What is shown, for a screen reader: "Power of your household". */
  readonly label: string;
  readonly unit: ProfileUnit;
  /** Shown at first, and whenever it changes; epoch seconds. */
  readonly range: ChartRange;
  /** When a gesture has come to rest. */
  readonly onRange?: (range: ChartRange) => void;
  /** CSS pixels; 280 unless told. */
  readonly height?: number;
  /** The newest end stays in sight when the source grows. */
  readonly live?: boolean;
}

export function ProfileChart(props: ProfileChartProps): VNode {
  const { source, behind, layers, zone, label, unit, range, onRange, height = 280 } = props;
  const { texts } = useKit();
  const formats = useFormats(zone);
  const value = valueFormat(unit, formats);
  const { fedIn, cost } = layers ?? {};
  const costText = (price: number): string => formats.money(String(price), cost?.currency ?? "EUR");
  const first = behind === undefined ? 0 : 1; // What lies behind is drawn first.
  const lines: PlotLine[] = [
    ...(behind === undefined ? [] : [{ colour: "chart-behind", kind: "pale" } as const]),
    { colour: "chart-1", kind: "edge" },
    { colour: "chart-1", kind: "edge" },
    { colour: "chart-1", kind: "step" },
    ...(fedIn === undefined ? [] : [{ colour: "chart-2", kind: "step" } as const]),
    ...(cost === undefined ? [] : [{ colour: "chart-3", kind: "step", isRight: true } as const]),
  ];
  const legend: LegendItem[] = [
    { name: texts.mean, colour: "chart-1", kind: "line" },
    ...(behind === undefined
      ? []
      : [{ name: texts.lastPeriod, colour: "chart-behind", kind: "line" } as const]),
    ...(fedIn === undefined
      ? []
      : [{ name: fedIn.label, colour: "chart-2", kind: "line" } as const]),
    ...(cost === undefined
      ? []
      : [{ name: cost.label, colour: "chart-3", kind: "dashed" } as const]),
  ];
  const readout = ({ x, lines: found }: PlotData, column: number): string => {
    const valueOf = (line: number): number => found[line]?.[column] ?? NaN;
    const [most, least, mean] = [valueOf(first), valueOf(first + 1), valueOf(first + 2)];
    const parts = [formats.dateTime(x[column] ?? NaN, { zoneName: true })];
    parts.push(Number.isNaN(mean) ? texts.gap : value(mean));
    if (most > least) parts.push(`(${texts.minMax(value(least), value(most))})`);
    const other = fedIn === undefined ? NaN : valueOf(first + 3);
    if (!Number.isNaN(other)) parts.push(`· ${fedIn?.label} ${value(other)}`);
    const past = behind === undefined ? NaN : valueOf(0);
    if (!Number.isNaN(past)) parts.push(`· ${texts.lastPeriod} ${value(past)}`);
    const price = cost === undefined ? NaN : valueOf(lines.length - 1);
    if (!Number.isNaN(price)) parts.push(`· ${cost?.label} ${costText(price)}`);
    return parts.join(" ");
  };
  return (
    <TimePlot
      label={label}
      lines={lines}
      bands={[{ upper: first, lower: first + 1, colour: "chart-1" }]}
      legend={legend}
      extent={[source.from, source.to]}
      range={range}
      onRange={onRange}
      zone={zone}
      height={height}
      marks={[]}
      live={props.live === true}
      value={value}
      valueRight={costText}
      load={([from, to], columns) =>
        columnsOf({ source, behind, others: [fedIn?.source, cost?.source] }, from, to, columns)
      }
      readout={readout}
      resting={([from, to]) => texts.range(formats.dateTime(from), formats.dateTime(to))}
    />
  );
}

const valueFormat = (unit: ProfileUnit, formats: Formats): ((value: number) => string) =>
  unit === "W" ? formats.watts : (value) => `${formats.number(value)}\u202f${unit}`;

/** The columns as a plot wants them: with the end of the last one, and the others on ours. */
function columnsOf(
  sources: {
    readonly source: PyramidSource;
    readonly behind: PyramidSource | undefined;
    readonly others: readonly (PyramidSource | undefined)[];
  },
  from: number,
  to: number,
  columns: number,
): PlotData {
  const { x, min, max, mean } = sources.source.query(from, to, columns);
  const size = x.length > 1 ? (x[1] ?? 0) - (x[0] ?? 0) : to - from;
  const onX = (other: PyramidSource | undefined): Float64Array[] =>
    other === undefined ? [] : [resampled(other.query(from, to, columns), x)];
  return {
    x: [...x, (x.at(-1) ?? from) + size],
    lines: [...onX(sources.behind), max, min, mean, ...sources.others.flatMap(onX)],
  };
}

/** The mean that holds at each x: the column that began last. */
function resampled(columns: PyramidColumns, x: Float64Array): Float64Array {
  return x.map((at) => columns.mean[lowerBound(columns.x, at + 1e-6) - 1] ?? NaN);
}
