/** Where bars, grid and lines of a bar chart come to lie, in CSS pixels; pure. */
import type { Bar, BarLine } from "./bar-chart.tsx";
import type { ChartColour } from "./chart-colours.ts";
import { valueScale } from "./ticks.ts";

export interface BarPlace {
  readonly left: number;
  readonly width: number;
  readonly top: number;
  readonly bottom: number;
  readonly isGap: boolean;
  readonly behind: { readonly y: number; readonly height: number } | undefined;
  readonly parts: readonly {
    readonly name: string;
    readonly colour: ChartColour;
    readonly y: number;
    readonly height: number;
  }[];
}

export interface BarLayout {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly grid: readonly { readonly y: number; readonly text: string }[];
  readonly labels: readonly { readonly x: number; readonly text: string }[];
  readonly bars: readonly BarPlace[];
  /** SVG path data, with a move at each gap. */
  readonly lines: readonly string[];
}

export interface BarLayoutInput {
  readonly bars: readonly Bar[];
  readonly parts: readonly { readonly name: string; readonly colour: ChartColour }[];
  readonly lines: readonly BarLine[];
  readonly width: number;
  readonly height: number;
  readonly value: (value: number) => string;
}

const TOP = 10;
const FOOT = 28;
const GRID_PIXELS = 46;
const CHARACTER_PIXELS = 6.8; // Of the 12 px system font, on average; labels keep this much apart.
const BAR_SHARE = 0.78;
const BAR_PIXELS_MAX = 64;

/** Positive parts stack upwards from zero, negative ones (a price below zero) downwards. */
export function layOutBars(input: BarLayoutInput): BarLayout {
  const { bars, parts, lines, width, height, value } = input;
  const sums = bars.flatMap((bar) => {
    const values = bar.parts.map((part) => part.value);
    const up = values.reduce((sum, part) => sum + Math.max(0, part), 0);
    const down = values.reduce((sum, part) => sum + Math.min(0, part), 0);
    return [up, down, bar.behind ?? 0];
  });
  const scale = valueScale(Math.min(0, ...sums), Math.max(0, ...sums), height / GRID_PIXELS);
  const bottom = height - FOOT;
  const y = (at: number): number =>
    bottom - ((at - scale.min) / (scale.max - scale.min)) * (bottom - TOP);
  const texts = scale.ticks.map((tick) => value(tick));
  const left = Math.max(...texts.map((text) => text.length)) * CHARACTER_PIXELS + 10;
  const right = width - 4;
  const slot = (right - left) / Math.max(1, bars.length);
  const wide = Math.min(slot * BAR_SHARE, BAR_PIXELS_MAX);
  const middle = (index: number): number => left + (index + 0.5) * slot;
  const longest = Math.max(1, ...bars.map((bar) => bar.label.length)) * CHARACTER_PIXELS + 8;
  const every = Math.max(1, Math.ceil(longest / slot));

  return {
    left,
    right,
    bottom,
    grid: scale.ticks.map((tick, index) => ({ y: y(tick), text: texts[index] ?? "" })),
    labels: bars.flatMap((bar, index) =>
      index % every === 0 ? [{ x: middle(index), text: bar.label }] : [],
    ),
    bars: bars.map((bar, index) => ({
      left: middle(index) - wide / 2,
      width: wide,
      top: TOP,
      bottom,
      isGap: bar.isGap === true,
      behind: bar.behind === undefined ? undefined : span(y(0), y(bar.behind)),
      parts: stack(bar, parts, y),
    })),
    lines: lines.map((line) => linePath(line.values, middle, bottom)),
  };
}

function stack(
  bar: Bar,
  parts: BarLayoutInput["parts"],
  y: (at: number) => number,
): BarPlace["parts"] {
  let [up, down] = [0, 0];
  return parts.flatMap(({ name, colour }) => {
    const value = bar.parts.find((part) => part.name === name)?.value ?? 0;
    if (value === 0) return [];
    const from = value > 0 ? up : down;
    if (value > 0) up += value;
    else down += value;
    return [{ name, colour, ...span(y(from), y(from + value)) }];
  });
}

function linePath(
  values: readonly number[],
  middle: (index: number) => number,
  bottom: number,
): string {
  const known = values.filter((value) => !Number.isNaN(value));
  const scale = valueScale(Math.min(0, ...known), Math.max(0, ...known), 4);
  let isDrawing = false;
  return values
    .map((value, index) => {
      if (Number.isNaN(value)) {
        isDrawing = false;
        return "";
      }
      const at = bottom - ((value - scale.min) / (scale.max - scale.min)) * (bottom - TOP);
      const command = isDrawing ? "L" : "M";
      isDrawing = true;
      return `${command}${middle(index).toFixed(1)} ${at.toFixed(1)}`;
    })
    .join("");
}

const span = (a: number, b: number): { y: number; height: number } => ({
  y: Math.min(a, b),
  height: Math.abs(a - b),
});
