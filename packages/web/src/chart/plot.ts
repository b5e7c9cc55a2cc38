/** A plot over time on one canvas, drawn at most once a frame: what is shown, what is under the cursor, what hands do. */
import type { ChartPalette } from "./chart-colours.ts";
import { attachGestures, type GestureTarget } from "./chart-gestures.ts";
import { within, type ChartRange } from "./chart-range.ts";
import { layOutPlot, type PlotAxes, type PlotData, type PlotLayout } from "./plot-layout.ts";
import { paintPlot, plotFont, type PlotBand } from "./plot-painter.ts";
import { lowerBound } from "./pyramid-source.ts";

export interface PlotMark {
  readonly at: number;
  readonly label: string;
}

export interface PlotSpec extends PlotAxes {
  readonly bands: readonly PlotBand[];
  readonly marks: readonly PlotMark[];
  /** How far one can go. */
  readonly extent: ChartRange;
  /** CSS pixels. */
  readonly height: number;
  /** Called at most once a frame. */
  readonly load: (range: ChartRange, columns: number) => PlotData;
  /** Says what is under the cursor; undefined when nothing is. */
  readonly onCursor: (data: PlotData, column: number | undefined) => void;
  /** After a gesture has come to rest. */
  readonly onRest: (range: ChartRange) => void;
}

/** What comes from outside, and changes. */
export interface PlotView {
  readonly spec: PlotSpec;
  readonly palette: ChartPalette;
  /** CSS pixels. */
  readonly width: number;
}

const REST_MS = 200;
const COLUMN_PIXELS = 2; // A narrower column is not seen, and is drawn as dearly.

export class Plot implements GestureTarget {
  readonly #canvas = document.createElement("canvas");
  readonly #context = this.#canvas.getContext("2d");
  readonly #detach: () => void;
  #view: PlotView;
  #range: ChartRange;
  #data: PlotData = { x: [], lines: [] };
  /** undefined: to be made anew. */
  #layout: PlotLayout | undefined;
  #ratio = 1;
  #cursorAt: number | undefined;
  #selection: { readonly left: number; readonly width: number } | undefined;
  #request = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(root: HTMLElement, view: PlotView, range: ChartRange) {
    this.#view = view;
    this.#range = range;
    root.append(this.#canvas);
    this.#detach = attachGestures(this.#canvas, this);
    this.update(view);
  }

  /** Drawn with the next frame. */
  update(view: PlotView): void {
    this.#view = view;
    this.#range = within(this.#range, view.spec.extent);
    this.#layout = undefined;
    this.#drawSoon();
  }

  destroy(): void {
    cancelAnimationFrame(this.#request);
    clearTimeout(this.#rest);
    this.#detach();
    this.#canvas.remove();
  }

  range(): ChartRange {
    return this.#range;
  }

  extent(): ChartRange {
    return this.#view.spec.extent;
  }

  area(): { left: number; width: number } {
    const { left = 0, right = this.#canvas.width } = this.#layout?.area ?? {};
    return { left: left / this.#ratio, width: (right - left) / this.#ratio };
  }

  show(range: ChartRange): void {
    if (range[0] === this.#range[0] && range[1] === this.#range[1]) return;
    this.#range = range;
    this.#layout = undefined;
    this.#drawSoon();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#view.spec.onRest(this.#range), REST_MS);
  }

  point(at: number | undefined): void {
    this.#cursorAt = at;
    this.#drawSoon();
  }

  moveCursor(columns: number): void {
    const { x } = this.#data;
    const last = x.length - 2;
    const from = this.#columnAtCursor() ?? (columns > 0 ? -1 : last + 1);
    const next = Math.min(Math.max(from + columns, 0), last);
    const [start, end] = [x[next], x[next + 1]];
    const [low, high] = this.#range;
    if (start === undefined || end === undefined) return;
    this.point((Math.max(start, low) + Math.min(end, high)) / 2);
  }

  frame(left: number | undefined, width: number): void {
    this.#selection = left === undefined ? undefined : { left, width };
    this.#drawSoon();
  }

  /** At once: a printer does not wait for the next frame. */
  draw(): void {
    cancelAnimationFrame(this.#request);
    this.#request = 0;
    if (this.#context === null) return;
    const layout = (this.#layout ??= this.#layOut(this.#context));
    const { spec, palette } = this.#view;
    const ratio = this.#ratio;
    const column = this.#columnAtCursor();
    spec.onCursor(this.#data, column);
    paintPlot(this.#context, {
      layout,
      lines: spec.lines,
      bands: spec.bands,
      palette,
      ratio,
      marks: spec.marks.map(({ at, label }) => ({ left: layout.leftOf(at), label })),
      cursor:
        column === undefined ? undefined : { left: layout.leftOf(this.#cursorAt ?? 0), column },
      frame: this.#selection && {
        left: layout.area.left + Math.round(this.#selection.left * ratio),
        width: Math.round(this.#selection.width * ratio),
      },
    });
  }

  #drawSoon(): void {
    if (this.#request === 0) this.#request = requestAnimationFrame(() => this.draw());
  }

  #layOut(context: CanvasRenderingContext2D): PlotLayout {
    const { spec, width } = this.#view;
    const { height } = spec;
    const ratio = devicePixelRatio;
    this.#ratio = ratio;
    fitCanvas(this.#canvas, width, height, ratio);
    this.#data = spec.load(this.#range, Math.max(2, Math.floor(width / COLUMN_PIXELS)));
    context.font = plotFont(ratio);
    const size = { width, height, ratio };
    const textWidth = (text: string): number => context.measureText(text).width;
    return layOutPlot(spec, this.#data, this.#range, size, textWidth);
  }

  /** undefined where there is no cursor, or no column under it. */
  #columnAtCursor(): number | undefined {
    const [at, { x }] = [this.#cursorAt, this.#data];
    if (at === undefined || at < this.#range[0] || at > this.#range[1]) return undefined;
    const column = lowerBound(x, at + 1e-6) - 1;
    return column >= 0 && column < x.length - 1 ? column : undefined;
  }
}

/** Only when it changes: setting a canvas' size empties it, and costs as much as drawing. */
function fitCanvas(canvas: HTMLCanvasElement, width: number, height: number, ratio: number): void {
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width === across && canvas.height === down) return;
  canvas.width = across;
  canvas.height = down;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}
