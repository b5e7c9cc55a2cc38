/** Bars per hour, day, month: stacked parts, the period before behind them, gaps hatched, lines (cost) over them. SVG; each bar is a stop. */
import type { VNode } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { layOutBars, type BarLayout, type BarPlace } from "./bar-layout.ts";
import type { ChartColour } from "./chart-colours.ts";
import { Legend, type LegendItem } from "./legend.tsx";
import { useWidth } from "./use-width.ts";

export interface Bar {
  /** Epoch seconds: the key of the bar, and what it spans. */
  readonly from: number;
  readonly to: number;
  /** Below the bar: "Mon 3", "Mar". */
  readonly label: string;
  readonly parts: readonly { readonly name: string; readonly value: number }[];
  /** The same bar of the period before. */
  readonly behind?: number;
  /** No data, or part of it missing: hatched, and said. */
  readonly isGap?: boolean;
  /** Added to the readout. */
  readonly hint?: string;
}

export interface BarLine {
  readonly name: string;
  /** One per bar, NaN for none; on a scale of its own. */
  readonly values: readonly number[];
  readonly value: (value: number) => string;
}

export interface BarChartProps {
  readonly bars: readonly Bar[];
  /** Names of the parts from the foot up; their colours are chart-1, chart-2, … unless told. */
  readonly parts: readonly { readonly name: string; readonly colour?: ChartColour }[];
  /** A value in words, on the axis and in the readout: `(kWh) => …`. */
  readonly value: (value: number) => string;
  readonly label: string;
  /** The `from` of the chosen bar. */
  readonly selected?: number;
  readonly onSelect?: (bar: Bar) => void;
  readonly lines?: readonly BarLine[];
  readonly height?: number;
  /** The legend's word for what lies behind; "period before" unless told. */
  readonly behindName?: string;
}

const PART_COLOURS: readonly ChartColour[] = [
  "chart-1",
  "chart-2",
  "chart-3",
  "chart-4",
  "chart-5",
  "chart-6",
];
const LINE_COLOURS: readonly ChartColour[] = ["chart-4", "chart-6"];

export function BarChart(props: BarChartProps): VNode {
  const { bars, label, value, lines = [], height = 260, onSelect, selected } = props;
  const { texts } = useKit();
  const id = useId();
  const stage = useRef<HTMLDivElement>(null);
  const width = useWidth(stage);
  const [active, setActive] = useState<number>();
  const parts = props.parts.map((part, index) => ({
    name: part.name,
    colour: part.colour ?? PART_COLOURS[index] ?? ("chart-6" as const),
  }));
  const behindName = props.behindName ?? texts.lastPeriod;
  const words = bars.map((bar, index) =>
    wordsOf(bar, index, { ...props, behindName, gap: texts.gap }),
  );
  const layout = layOutBars({ bars, parts, lines, width, height, value });
  const stop =
    active ??
    Math.max(
      0,
      bars.findIndex((bar) => bar.from === selected),
    );
  const walk = (event: KeyboardEvent): void => {
    const last = bars.length - 1;
    const { key } = event;
    const to = { ArrowLeft: stop - 1, ArrowRight: stop + 1, Home: 0, End: last }[key];
    const bar = bars[stop];
    if ((key === "Enter" || key === " ") && bar !== undefined) onSelect?.(bar);
    else if (to === undefined) return;
    else focusBar(stage.current, Math.min(Math.max(to, 0), last));
    event.preventDefault();
  };
  return (
    <figure class="chart">
      <p class="chart-readout numbers" aria-hidden="true">
        {words[active ?? bars.findIndex((bar) => bar.from === selected)] ?? "\u00a0"}
      </p>
      <div
        ref={stage}
        class="bar-stage"
        onKeyDown={walk}
        onPointerLeave={() => setActive(undefined)}
      >
        {width > 0 && (
          <svg width={width} height={height} role="group" aria-label={label} aria-describedby={id}>
            <BarDefs id={id} />
            <BarAxes layout={layout} />
            {layout.bars.map((place, index) => (
              <g
                key={bars[index]?.from}
                class={`bar ${bars[index]?.from === selected ? "selected" : ""}`}
                role={onSelect === undefined ? "img" : "button"}
                tabIndex={index === stop ? 0 : -1}
                aria-label={words[index]}
                aria-pressed={onSelect && bars[index]?.from === selected}
                onFocus={() => setActive(index)}
                onPointerEnter={() => setActive(index)}
                onClick={() => bars[index] && onSelect?.(bars[index])}
              >
                <BarShape place={place} hatch={`url(#${id}-gap)`} />
              </g>
            ))}
            {layout.lines.map((points, index) => (
              <path key={index} class={`bar-line ${LINE_COLOURS[index] ?? "chart-6"}`} d={points} />
            ))}
          </svg>
        )}
      </div>
      <p id={id} class="visually-hidden">
        {texts.barHelp}
      </p>
      <Legend items={legendOf(props, parts, behindName)} />
    </figure>
  );
}

const BarDefs = ({ id }: { readonly id: string }): VNode => (
  <defs>
    <pattern id={`${id}-gap`} width="6" height="6" patternUnits="userSpaceOnUse">
      <path class="hatch" d="M0 6 6 0" />
    </pattern>
  </defs>
);

const BarAxes = ({ layout }: { readonly layout: BarLayout }): VNode => (
  <g aria-hidden="true">
    {layout.grid.map(({ y, text }) => (
      <g key={text}>
        <line class="grid" x1={layout.left} x2={layout.right} y1={y} y2={y} />
        <text x={layout.left - 6} y={y + 4} text-anchor="end">
          {text}
        </text>
      </g>
    ))}
    {layout.labels.map(({ x, text }) => (
      <text key={x} x={x} y={layout.bottom + 18} text-anchor="middle">
        {text}
      </text>
    ))}
  </g>
);

function BarShape({ place, hatch }: { readonly place: BarPlace; readonly hatch: string }): VNode {
  const { left, width, top, bottom, behind, parts, isGap } = place;
  const inset = behind === undefined ? 0 : Math.min(5, width / 6);
  return (
    <>
      <rect class="bar-slot" x={left} y={top} width={width} height={bottom - top} />
      {isGap && <rect x={left} y={top} width={width} height={bottom - top} fill={hatch} />}
      {behind !== undefined && (
        <>
          <rect class="bar-behind" x={left} y={behind.y} width={width} height={behind.height} />
          <path class="bar-behind-cap" d={`M${left} ${behind.y}h${width}`} />
        </>
      )}
      {parts.map((part) => (
        <rect
          key={part.name}
          class={`bar-part ${part.colour}`}
          x={left + inset}
          y={part.y}
          width={width - 2 * inset}
          height={Math.max(0, part.height - 1)}
          rx={Math.min(2, width / 6)}
        />
      ))}
    </>
  );
}

function legendOf(
  { bars, lines = [] }: BarChartProps,
  parts: readonly LegendItem[],
  behindName: string,
): LegendItem[] {
  const hasBehind = bars.some((bar) => bar.behind !== undefined);
  return [
    ...parts,
    ...(hasBehind ? [{ name: behindName, colour: "chart-behind" as const }] : []),
    ...lines.map(({ name }, index) => ({
      name,
      colour: LINE_COLOURS[index] ?? ("chart-6" as const),
      kind: "line" as const,
    })),
  ];
}

/** A bar read out: "Mon 3 Nov: 12.3 kWh (day 8, night 4.3); period before 11 kWh". */
function wordsOf(
  bar: Bar,
  index: number,
  {
    value,
    lines = [],
    behindName,
    gap,
  }: Pick<BarChartProps, "value" | "lines"> & { readonly behindName: string; readonly gap: string },
): string {
  const total = bar.parts.reduce((sum, part) => sum + part.value, 0);
  const said = bar.parts.length === 0 ? [gap] : [value(total)];
  if (bar.parts.length > 1) {
    said.push(`(${bar.parts.map((part) => `${part.name} ${value(part.value)}`).join(", ")})`);
  }
  if (bar.isGap === true && bar.parts.length > 0) said.push(`· ${gap}`);
  if (bar.behind !== undefined) said.push(`· ${behindName} ${value(bar.behind)}`);
  for (const line of lines) {
    const at = line.values[index] ?? NaN;
    if (!Number.isNaN(at)) said.push(`· ${line.name} ${line.value(at)}`);
  }
  if (bar.hint !== undefined) said.push(`· ${bar.hint}`);
  return `${bar.label}: ${said.join(" ")}`;
}

function focusBar(stage: HTMLElement | null, index: number): void {
  stage?.querySelectorAll<SVGGElement>("g.bar")[index]?.focus();
}
