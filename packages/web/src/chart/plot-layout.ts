/** Where everything of a plot over time is, in whole pixels of the screen: axes, columns, lines. Pure: how wide a text is, is handed in. */
import type { ChartColour } from "./chart-colours.ts";
import type { ChartRange } from "./chart-range.ts";
import { tickLabel, timeTicks, valueScale, type ValueScale } from "./ticks.ts";

/** Columns over time with the values of each line in them. */
export interface PlotData {
  /** Starts of the columns, epoch seconds, ascending; and, last, the end of the last one. */
  readonly x: Float64Array | readonly number[];
  /** One value a column: one less than `x` has; NaN is a gap. */
  readonly lines: readonly (Float64Array | readonly number[])[];
}

export interface PlotLine {
  readonly colour: ChartColour;
  /** "pale": thin, what lies behind; "edge": not drawn, the border of a band. */
  readonly kind: "step" | "pale" | "edge";
  /** On a scale of its own at the right, dashed. */
  readonly isRight?: boolean;
}

export interface PlotAxes {
  readonly lines: readonly PlotLine[];
  readonly zone: string;
  readonly locale: string;
  /** A value of the left and of the right axis in words. */
  readonly value: (value: number) => string;
  readonly valueRight: (value: number) => string;
}

/** CSS pixels, and how many of the screen's each has. */
export interface PlotSize {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

export interface PlotTick {
  readonly at: number;
  readonly text: string;
}

/** In pixels of the screen, from the top left. */
export interface PlotLayout {
  readonly area: {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  };
  /** Where an instant is; not cut to the area. */
  readonly leftOf: (at: number) => number;
  readonly times: readonly PlotTick[];
  readonly values: readonly PlotTick[];
  /** Empty unless a line is on the right axis. */
  readonly valuesRight: readonly PlotTick[];
  /** The borders of the columns, cut to the area. */
  readonly borders: readonly number[];
  /** The height of each line in each column; NaN in a gap. */
  readonly heights: readonly (readonly number[])[];
}

const TOP = 8;
const BOTTOM = 44; // Two lines of text.
const SIDE = 12; // Without an axis.
const TEXT_GAP = 6;
const AXIS_STEP = 8; // Axes widen in steps, so that the curve does not tremble while its labels change.
const TIME_TICK_SPACE = 62;
const VALUE_TICK_SPACE = 46;

export function layOutPlot(
  axes: PlotAxes,
  data: PlotData,
  [from, to]: ChartRange,
  size: PlotSize,
  textWidth: (text: string) => number,
): PlotLayout {
  const px = (length: number): number => Math.round(length * size.ratio);
  const [top, bottom] = [px(TOP), px(size.height) - px(BOTTOM)];
  const ticksMax = size.height / VALUE_TICK_SPACE;
  const scales = {
    left: scaleOf(axes, data, false, ticksMax),
    right: axes.lines.some(isRight) ? scaleOf(axes, data, true, ticksMax) : undefined,
  };
  const heightOf =
    ({ min, max }: ValueScale) =>
    (value: number): number =>
      Math.round(bottom - ((value - min) / (max - min)) * (bottom - top));
  const ticksOf = (scale: ValueScale | undefined, say: (value: number) => string): PlotTick[] =>
    scale?.ticks.map((value) => ({ at: heightOf(scale)(value), text: say(value) })) ?? [];
  const values = ticksOf(scales.left, axes.value);
  const valuesRight = ticksOf(scales.right, axes.valueRight);
  const axisWidth = (ticks: readonly PlotTick[]): number => {
    const text = Math.max(0, ...ticks.map((tick) => textWidth(tick.text)));
    return text === 0 ? px(SIDE) : Math.ceil((text + px(TEXT_GAP)) / px(AXIS_STEP)) * px(AXIS_STEP);
  };
  const left = axisWidth(values);
  const right = Math.max(left + 1, px(size.width) - axisWidth(valuesRight));
  const leftOf = (at: number): number =>
    Math.round(left + ((at - from) / (to - from)) * (right - left));
  const count = Math.max(2, (right - left) / size.ratio / TIME_TICK_SPACE);
  return {
    area: { left, top, right, bottom },
    leftOf,
    times: timeTicks(from, to, axes.zone, count).map((tick) => ({
      at: leftOf(tick.at),
      text: tickLabel(tick, axes.locale, axes.zone),
    })),
    values,
    valuesRight,
    borders: Array.from(data.x, (at) => Math.min(Math.max(leftOf(at), left), right)),
    heights: data.lines.map((line, index) => {
      const scale = isRight(axes.lines[index]) ? scales.right : scales.left;
      return Array.from(line, heightOf(scale ?? scales.left));
    }),
  };
}

const isRight = (line: PlotLine | undefined): boolean => line?.isRight === true;

function scaleOf(axes: PlotAxes, data: PlotData, right: boolean, ticksMax: number): ValueScale {
  let [least, most] = [Infinity, -Infinity];
  for (const [index, line] of data.lines.entries()) {
    if (isRight(axes.lines[index]) !== right) continue;
    for (const value of line) {
      if (value < least) least = value; // Never true of a gap.
      if (value > most) most = value;
    }
  }
  return valueScale(least, most, ticksMax);
}
