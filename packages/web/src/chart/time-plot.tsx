/** The frame around a plot: its name and keys for screen readers, the readout, the buttons that do what gestures do, the legend. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { IconButton } from "../parts/button.tsx";
import { handleKey, stepRange } from "./chart-gestures.ts";
import { readPalette, useScreenChanges } from "./chart-colours.ts";
import type { ChartRange } from "./chart-range.ts";
import { Legend, type LegendItem } from "./legend.tsx";
import { Plot, type PlotSpec } from "./plot.ts";
import type { PlotData } from "./plot-layout.ts";
import { usePrinting } from "./use-printing.ts";
import { useWidth } from "./use-width.ts";

export interface TimePlotProps extends Omit<PlotSpec, "onCursor" | "onRest" | "locale"> {
  readonly label: string;
  /** Shown at first, and whenever it changes. */
  readonly range: ChartRange;
  readonly onRange?: ((range: ChartRange) => void) | undefined;
  readonly legend: readonly LegendItem[];
  /** The readout of a column. */
  readonly readout: (data: PlotData, column: number) => string;
  /** The readout when the cursor is nowhere: what the range is. */
  readonly resting: (range: ChartRange) => string;
  readonly live: boolean;
  readonly children?: ComponentChildren;
}

export function TimePlot(props: TimePlotProps): VNode {
  const { label, range, legend, live, extent } = props;
  const { texts, language } = useKit();
  const id = useId();
  const stage = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<Plot>(undefined);
  const width = useWidth(stage);
  const isPrinting = usePrinting();
  useScreenChanges();
  const latest = useRef(props);
  latest.current = props;

  const say = (data: PlotData, column: number | undefined): void => {
    const { readout: at, resting } = latest.current;
    const text = column === undefined ? resting(plot.current?.range() ?? range) : at(data, column);
    if (readout.current !== null) readout.current.textContent = text;
  };
  const update = (): void => {
    if (stage.current === null || width === 0) return;
    const spec: PlotSpec = {
      ...latest.current,
      locale: language === "fr" ? "fr-FR" : "en-GB",
      onCursor: say,
      onRest: (rested) => latest.current.onRange?.(rested),
    };
    const palette = readPalette(stage.current, isPrinting);
    const view = { spec, palette, width };
    if (plot.current === undefined) plot.current = new Plot(stage.current, view, range);
    else plot.current.update(view);
  };
  useEffect(update);
  useEffect(() => () => plot.current?.destroy(), []);
  useLayoutEffect(() => {
    if (!isPrinting) return;
    update();
    plot.current?.draw();
  }, [isPrinting]);
  useEffect(() => {
    const shown = plot.current?.range();
    if (shown?.[0] !== range[0] || shown[1] !== range[1]) plot.current?.show(range);
  }, [range[0], range[1]]);
  useFollowedEnd(plot, extent, live);

  // Keys and buttons act on the plot that is there when they are pressed.
  const step = (by: Parameters<typeof stepRange>[1]) => () =>
    plot.current && stepRange(plot.current, by);
  return (
    <figure class="chart" data-chart>
      <div class="chart-head">
        <p ref={readout} class="chart-readout numbers" />
        <div class="chart-buttons">
          <IconButton name="left" label={texts.earlier} onClick={step("earlier")} />
          <IconButton name="right" label={texts.later} onClick={step("later")} />
          <IconButton name="minus" label={texts.zoomOut} onClick={step("out")} />
          <IconButton name="plus" label={texts.zoomIn} onClick={step("in")} />
          <IconButton name="reset" label={texts.showAll} onClick={step("all")} />
        </div>
      </div>
      <div
        ref={stage}
        class="chart-stage"
        role="application"
        aria-label={label}
        aria-describedby={id}
        tabIndex={0}
        onKeyDown={(event) => plot.current && handleKey(event, plot.current)}
      />
      <p id={id} class="visually-hidden">
        {texts.chartHelp}
      </p>
      <Legend items={legend} />
      {props.children}
    </figure>
  );
}

/** A live chart that shows the newest end keeps showing it when the data grows; one that was moved to the past stays there. */
function useFollowedEnd(
  plot: { readonly current: Plot | undefined },
  extent: ChartRange,
  live: boolean,
): void {
  const before = useRef(extent[1]);
  useEffect(() => {
    const grown = extent[1] - before.current;
    const [from, to] = plot.current?.range() ?? extent;
    if (live && grown > 0 && to >= before.current) plot.current?.show([from + grown, to + grown]);
    before.current = extent[1];
  }, [extent[1]]);
}
