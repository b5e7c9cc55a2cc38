/** Puts a laid-out plot on a canvas. Knows nothing of time, values or hands. */
import type { ChartColour, ChartPalette } from "./chart-colours.ts";
import type { PlotLayout, PlotLine } from "./plot-layout.ts";
import { bandRects, dashed, stepRects, type Rects } from "./plot-rects.ts";

/** Filled between two lines, by index of the lines. */
export interface PlotBand {
  readonly upper: number;
  readonly lower: number;
  readonly colour: ChartColour;
}

export interface PlotPicture {
  readonly layout: PlotLayout;
  readonly lines: readonly PlotLine[];
  readonly bands: readonly PlotBand[];
  readonly palette: ChartPalette;
  /** Pixels of the screen in one of CSS; all other lengths are in pixels of the screen. */
  readonly ratio: number;
  readonly marks: readonly { readonly left: number; readonly label: string }[];
  /** The values of its column get dots. */
  readonly cursor: { readonly left: number; readonly column: number } | undefined;
  /** A selection. */
  readonly frame: { readonly left: number; readonly width: number } | undefined;
}

const BAND_OPACITY = 0.26;
const FRAME_OPACITY = 0.14;
const TEXT_GAP = 6;
const LINE_HEIGHT = 16;
const DENSE_COLUMN = 5; // CSS pixels; a line over narrower columns is thin, or it would be a blot.

export const plotFont = (ratio: number): string =>
  `${12 * ratio}px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif`;

export function paintPlot(context: CanvasRenderingContext2D, picture: PlotPicture): void {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.font = plotFont(picture.ratio);
  paintAxes(context, picture);
  const { layout, bands, palette } = picture;
  context.globalAlpha = BAND_OPACITY;
  for (const { upper, lower, colour } of bands) {
    const [top = [], foot = []] = [layout.heights[upper], layout.heights[lower]];
    fill(context, palette[colour], bandRects(layout.borders, top, foot));
  }
  context.globalAlpha = 1;
  paintLines(context, picture);
  paintMarks(context, picture);
  paintPointer(context, picture);
}

function paintAxes(context: CanvasRenderingContext2D, picture: PlotPicture): void {
  const { layout, palette, ratio } = picture;
  const { left, top, right, bottom } = layout.area;
  const hair = Math.max(1, Math.round(ratio));
  fill(context, palette["chart-grid"], [
    ...layout.times.flatMap(({ at }) => [at, top, hair, bottom - top]),
    ...layout.values.flatMap(({ at }) => [left, at, right - left, hair]),
  ]);
  context.fillStyle = palette.muted;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const { at, text } of layout.values) context.fillText(text, left - TEXT_GAP * ratio, at);
  context.textAlign = "left";
  for (const { at, text } of layout.valuesRight) {
    context.fillText(text, right + TEXT_GAP * ratio, at);
  }
  context.textAlign = "center";
  for (const { at, text } of layout.times) {
    for (const [index, line] of text.split("\n").entries()) {
      const half = context.measureText(line).width / 2; // The first and last stay within the canvas.
      const middle = Math.min(Math.max(at, half), context.canvas.width - half);
      context.fillText(line, middle, bottom + (index + 0.8) * LINE_HEIGHT * ratio);
    }
  }
}

function paintLines(context: CanvasRenderingContext2D, picture: PlotPicture): void {
  const { layout, lines, palette, ratio } = picture;
  const { area, borders, heights } = layout;
  const isDense = (area.right - area.left) / ratio < borders.length * DENSE_COLUMN;
  for (const [index, { kind, colour, isRight }] of lines.entries()) {
    if (kind === "edge") continue;
    const isThin = kind === "pale" || isDense;
    const thickness = Math.max(1, Math.round((isThin ? 1 : 2) * ratio));
    const rects = stepRects(borders, heights[index] ?? [], thickness);
    const dash = Math.round(5 * ratio);
    const shape = isRight === true ? dashed(rects, dash, dash + Math.round(3 * ratio)) : rects;
    fill(context, palette[colour], shape);
  }
}

function paintMarks(context: CanvasRenderingContext2D, picture: PlotPicture): void {
  const { layout, marks, palette, ratio } = picture;
  const { left, top, right, bottom } = layout.area;
  const dash = Math.round(4 * ratio);
  const rects: number[] = [];
  context.fillStyle = palette.ink;
  for (const mark of marks) {
    if (mark.left < left || mark.left > right) continue;
    for (let from = top; from < bottom; from += 2 * dash) {
      rects.push(mark.left, from, Math.round(ratio), Math.min(dash, bottom - from));
    }
    const isLate = mark.left + context.measureText(mark.label).width > right - 8 * ratio;
    context.textAlign = isLate ? "right" : "left";
    context.fillText(mark.label, mark.left + (isLate ? -dash : dash), top + 10 * ratio);
  }
  fill(context, palette.ink, rects);
}

function paintPointer(context: CanvasRenderingContext2D, picture: PlotPicture): void {
  const { layout, lines, palette, ratio, cursor, frame } = picture;
  const { top, bottom } = layout.area;
  const hair = Math.max(1, Math.round(ratio));
  if (frame !== undefined) {
    const { left, width } = frame;
    context.globalAlpha = FRAME_OPACITY;
    fill(context, palette.ink, [left, top, width, bottom - top]);
    context.globalAlpha = 1;
    const edges = [left, left + width].flatMap((at) => [at, top, hair, bottom - top]);
    fill(context, palette.ink, edges);
  }
  if (cursor === undefined) return;
  fill(context, palette.muted, [cursor.left, top, hair, bottom - top]);
  for (const [index, { kind, colour }] of lines.entries()) {
    const height = layout.heights[index]?.[cursor.column] ?? NaN;
    if (kind === "edge" || Number.isNaN(height)) continue;
    context.beginPath();
    context.arc(cursor.left + hair / 2, height, 4 * ratio, 0, 2 * Math.PI);
    context.fillStyle = palette[colour];
    context.fill();
    context.lineWidth = 1.5 * ratio; // A rim in the colour of the ground sets the dot off its own line.
    context.strokeStyle = palette.surface;
    context.stroke();
  }
}

function fill(context: CanvasRenderingContext2D, colour: string, rects: Rects): void {
  context.fillStyle = colour;
  for (let index = 0; index < rects.length; index += 4) {
    context.fillRect(
      rects[index] ?? 0,
      rects[index + 1] ?? 0,
      rects[index + 2] ?? 0,
      rects[index + 3] ?? 0,
    );
  }
}
