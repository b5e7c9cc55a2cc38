/**
 * uPlot behind our charts: one canvas over time, drawn at most once a frame, with our own ticks, colours and readout. uPlot's legend is
 * off (ours is HTML) and its styles are set through the CSSOM, so that the strictest Content-Security-Policy holds.
 */
import uPlot from "uplot";
import { attachGestures, type GestureTarget } from "./chart-gestures.ts";
import { within, type ChartRange } from "./chart-range.ts";
import type { ChartColour, ChartPalette } from "./chart-colours.ts";
import { tickLabel, timeTicks, valueScale, type TimeTick } from "./ticks.ts";

export interface PlotLine {
  readonly name: string;
  readonly colour: ChartColour;
  /** "edge": invisible border of a band. */
  readonly kind: "step" | "line" | "pale" | "edge";
  /** A scale of its own at the right. */
  readonly isRight?: boolean;
}

export interface PlotMark {
  readonly at: number;
  readonly label: string;
}

/** x, then one array per line; null is a gap. */
export type PlotData = readonly (readonly (number | null)[])[];

export interface PlotSpec {
  readonly lines: readonly PlotLine[];
  /** Filled between two lines, by index of `lines`. */
  readonly bands: readonly {
    readonly upper: number;
    readonly lower: number;
    readonly colour: ChartColour;
  }[];
  readonly extent: ChartRange;
  readonly zone: string;
  readonly locale: string;
  readonly height: number;
  readonly marks: readonly PlotMark[];
  readonly load: (range: ChartRange, columns: number) => PlotData;
  readonly value: (value: number) => string;
  readonly valueRight: (value: number) => string;
  /** Says what is under the cursor; undefined when nothing is. */
  readonly onCursor: (data: PlotData, index: number | undefined) => void;
  /** After a gesture has come to rest. */
  readonly onRest: (range: ChartRange) => void;
}

export interface Plot extends GestureTarget {
  update(spec: PlotSpec, palette: ChartPalette, width: number): void;
  destroy(): void;
}

const REST_MS = 200;
const TICK_PIXELS = 62;
const VALUE_TICK_PIXELS = 46;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const AXIS_PADDING = 14;
const COLUMN_PIXELS = 2; // A narrower column is not seen, and is drawn as dearly.
const DENSE_COLUMNS = 250; // From here on lines are one pixel wide: wider ones cost five times as much without a GPU.

/** A plot in `root`. What changes later comes by `update`; only other lines need another plot. */
export function createPlot(
  root: HTMLElement,
  first: { spec: PlotSpec; palette: ChartPalette; width: number; range: ChartRange },
): Plot {
  let { spec, palette, range } = first;
  let data: PlotData = [[]];
  let ticks: readonly TimeTick[] = [];
  let frame = 0;
  let rest: ReturnType<typeof setTimeout> | undefined;

  const options = plotOptions({
    spec: () => spec,
    palette: () => palette,
    range: () => range,
    width: first.width,
    ticks: (count) => (ticks = timeTicks(range[0], range[1], spec.zone, count)),
    labels: () => ticks.map((tick) => tickLabel(tick, spec.locale, spec.zone)),
    cursor: (index) => spec.onCursor(data, index),
  });
  const plot = new uPlot(options, undefined, root);

  const draw = (): void => {
    frame = 0;
    data = spec.load(range, Math.max(2, Math.floor(plot.width / COLUMN_PIXELS)));
    const isDense = (data[0]?.length ?? 0) > DENSE_COLUMNS;
    for (const [index, line] of spec.lines.entries()) {
      const series = plot.series[index + 1];
      if (series !== undefined) series.width = isDense || line.kind === "pale" ? 1 : 1.75;
    }
    // uPlot wants mutable arrays, and only reads them.
    plot.setData(data as uPlot.AlignedData);
  };
  const drawSoon = (): void => {
    if (frame === 0) frame = requestAnimationFrame(draw);
  };
  const show = (next: ChartRange): void => {
    if (next[0] === range[0] && next[1] === range[1]) return;
    range = next;
    drawSoon();
    clearTimeout(rest);
    rest = setTimeout(() => spec.onRest(range), REST_MS);
  };
  const target: GestureTarget = {
    range: () => range,
    extent: () => spec.extent,
    show,
    moveCursor: (columns) => moveCursor(plot, data, columns),
    frame: (left, width) =>
      plot.setSelect({ left: left ?? 0, top: 0, width, height: plot.over.clientHeight }, false),
  };
  const detach = attachGestures(plot.over, target);
  draw();

  return {
    ...target,
    update(nextSpec, nextPalette, width) {
      spec = nextSpec;
      palette = nextPalette;
      range = within(range, spec.extent);
      if (width !== plot.width || spec.height !== plot.height) {
        plot.setSize({ width, height: spec.height });
      }
      drawSoon();
    },
    destroy() {
      cancelAnimationFrame(frame);
      clearTimeout(rest);
      detach();
      plot.destroy();
    },
  };
}

interface Getters {
  readonly spec: () => PlotSpec;
  readonly palette: () => ChartPalette;
  readonly range: () => ChartRange;
  readonly width: number;
  readonly ticks: (count: number) => readonly TimeTick[];
  readonly labels: () => string[];
  readonly cursor: (index: number | undefined) => void;
}

function plotOptions(get: Getters): uPlot.Options {
  const { lines, height } = get.spec();
  const hasRight = lines.some((line) => line.isRight === true);
  const fits: uPlot.Scale.Range = (_plot, min, max) => {
    const scale = valueScale(min ?? 0, max ?? 0, height / VALUE_TICK_PIXELS);
    return [scale.min, scale.max];
  };
  return {
    width: get.width,
    height,
    legend: { show: false },
    padding: [8, hasRight ? 0 : 12, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      bind: { dblclick: () => null },
      points: { size: 7 },
    },
    scales: {
      x: { time: false, range: () => [...get.range()] },
      y: { range: fits },
      right: { range: fits },
    },
    axes: [timeAxis(get), valueAxis(get, "y"), ...(hasRight ? [valueAxis(get, "right")] : [])],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.name,
        scale: line.isRight === true ? "right" : "y",
        stroke: () => get.palette()[line.colour],
        points: { show: false },
        gaps: widenGaps,
        ...(line.isRight === true ? { dash: [5, 3] } : {}),
        ...pathsOf(line.kind),
      })),
    ],
    hooks: {
      drawAxes: [(plot) => drawBands(plot, get.spec().bands, get.palette())],
      setCursor: [({ cursor }) => get.cursor(cursor.idx ?? undefined)],
      draw: [(plot) => drawMarks(plot, get.spec().marks, get.palette())],
    },
  };
}

const timeAxis = (get: Getters): uPlot.Axis => ({
  font: FONT,
  size: 44,
  stroke: () => get.palette().muted,
  grid: { stroke: () => get.palette()["chart-grid"], width: 1 },
  ticks: { show: false },
  splits: (plot) =>
    get.ticks(Math.max(2, plot.bbox.width / devicePixelRatio / TICK_PIXELS)).map(({ at }) => at),
  values: () => get.labels(),
});

const valueAxis = (get: Getters, scale: "y" | "right"): uPlot.Axis => ({
  scale,
  side: scale === "y" ? 3 : 1,
  font: FONT,
  stroke: () => get.palette().muted,
  grid: { show: scale === "y", stroke: () => get.palette()["chart-grid"], width: 1 },
  ticks: { show: false },
  gap: 6,
  size: (_plot, values) =>
    Math.max(28, ...(values ?? []).map((value) => value.length * 6.6 + AXIS_PADDING)),
  splits: (_plot, _axis, min, max) => [
    ...valueScale(min, max, get.spec().height / VALUE_TICK_PIXELS).ticks,
  ],
  values: (_plot, splits) =>
    splits.map((value) => (scale === "y" ? get.spec().value(value) : get.spec().valueRight(value))),
});

/** An edge scales the axis and is not drawn: its band is. */
function pathsOf(kind: PlotLine["kind"]): Pick<uPlot.Series, "paths"> {
  if (kind === "line") return {};
  if (kind === "edge") return { paths: () => null };
  const paths = uPlot.paths.stepped?.({ align: 1, alignGaps: 1 });
  return paths === undefined ? {} : { paths };
}

/** Bands as whole pixels, one rectangle a column: uPlot's own outline of a thousand steps costs a phone ten times as much to fill. */
function drawBands(plot: uPlot, bands: PlotSpec["bands"], palette: ChartPalette): void {
  const { ctx, bbox, data } = plot;
  const [x = []] = data;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { upper, lower, colour } of bands) {
    const [top = [], foot = []] = [data[upper + 1], data[lower + 1]];
    ctx.fillStyle = translucent(palette[colour]);
    ctx.beginPath();
    for (let index = 0; index + 1 < x.length; index++) {
      const [high, low] = [top[index] ?? undefined, foot[index] ?? undefined];
      if (high === undefined || low === undefined) continue;
      const left = Math.round(plot.valToPos(x[index] ?? 0, "x", true));
      const right = Math.round(plot.valToPos(x[index + 1] ?? 0, "x", true));
      const y = Math.round(plot.valToPos(high, "y", true));
      ctx.rect(left, y, right - left, Math.round(plot.valToPos(low, "y", true)) - y);
    }
    ctx.fill();
  }
  ctx.restore();
}

function drawMarks(plot: uPlot, marks: readonly PlotMark[], palette: ChartPalette): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = palette.ink;
  ctx.fillStyle = palette.ink;
  ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const { at, label } of marks) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const isLate = x + ctx.measureText(label).width > bbox.left + bbox.width - 8;
    ctx.textAlign = isLate ? "right" : "left";
    ctx.fillText(label, x + (isLate ? -4 : 4) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
  }
  ctx.restore();
}

function moveCursor(plot: uPlot, data: PlotData, columns: number): void {
  const x = data[0] ?? [];
  const from = plot.cursor.idx ?? (columns > 0 ? -1 : x.length);
  const next = Math.min(Math.max(from + columns, 0), x.length - 1);
  const at = x[next];
  if (at === undefined || at === null) return;
  plot.setCursor({ left: plot.valToPos(at, "x"), top: 8 });
}

/** Where a gap ends uPlot would leave half of the stroke that leads over it. */
const widenGaps: uPlot.Series.GapsRefiner = (_plot, _line, _from, _to, gaps) =>
  gaps.map(([from, to]) => [from, to + 1]);

/** A computed colour, "rgb(r, g, b)", seen through. */
const translucent = (colour: string): string =>
  colour.replace(/^rgb\((.+)\)$/, (_, inner: string) => `rgba(${inner}, 0.26)`);
