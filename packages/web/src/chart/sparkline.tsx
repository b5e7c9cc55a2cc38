/** A curve without axes, for a row of a table or beside a figure. */
import type { VNode } from "preact";

export interface SparklineProps {
  /** Evenly spaced; NaN is a gap. */
  readonly values: readonly number[] | Float64Array;
  /** What it tells, in words: "falling since Monday". */
  readonly label: string;
}

const WIDTH = 120;
const HEIGHT = 28;
const MARGIN = 2;

export const Sparkline = ({ values, label }: SparklineProps): VNode => (
  <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
    <path d={sparkPath(values)} />
  </svg>
);

/** SVG path data over zero; a gap lifts the pen, a lone value is a short stroke. */
export function sparkPath(values: readonly number[] | Float64Array): string {
  const max = Math.max(...[...values].filter((value) => !Number.isNaN(value)), 0) || 1;
  const step = (WIDTH - 2 * MARGIN) / Math.max(1, values.length - 1);
  let isDrawing = false;
  return Array.from(values, (value, index) => {
    if (Number.isNaN(value)) {
      isDrawing = false;
      return "";
    }
    const x = (MARGIN + index * step).toFixed(1);
    const y = (HEIGHT - MARGIN - (value / max) * (HEIGHT - 2 * MARGIN)).toFixed(1);
    const text = isDrawing ? `L${x} ${y}` : `M${x} ${y}h0.1`;
    isDrawing = true;
    return text;
  }).join("");
}
