/** The frame around a plot: its name and keys for screen readers, the readout, the buttons that do what gestures do, the legend. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { IconButton } from "../parts/button.tsx";
import { handleKey, stepRange } from "./chart-gestures.ts";
import { readPalette, useThemeChanges } from "./chart-colours.ts";
import { within, type ChartRange } from "./chart-range.ts";
import { Legend, type LegendItem } from "./legend.tsx";
import { createPlot, type Plot, type PlotData, type PlotSpec } from "./plot.ts";
import { useWidth } from "./use-width.ts";

export interface TimePlotProps extends Omit<PlotSpec, "onCursor" | "onRest" | "locale"> {
  readonly label: string;
  /** Shown at first, and whenever it changes. */
  readonly range: ChartRange;
  readonly onRange?: ((range: ChartRange) => void) | undefined;
  readonly legend: readonly LegendItem[];
  /** The readout at a point of the data; "" between. */
  readonly readout: (data: PlotData, index: number) => string;
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
  const themeChanges = useThemeChanges();
  const latest = useRef(props);
  latest.current = props;

  const say = (data: PlotData, index: number | undefined): void => {
    if (readout.current === null) return;
    const { readout: at, resting } = latest.current;
    const shown = plot.current?.range() ?? latest.current.range;
    readout.current.textContent = index === undefined ? resting(shown) : at(data, index);
  };
  const specOf = (): PlotSpec => ({
    ...latest.current,
    locale: language === "fr" ? "fr-FR" : "en-GB",
    onCursor: say,
    onRest: (rested) => {
      latest.current.onRange?.(rested);
      say([], undefined);
    },
  });
  const structure = JSON.stringify([props.lines, props.bands]);

  useEffect(() => {
    if (stage.current === null || width === 0) return undefined;
    const shown = within(plot.current?.range() ?? latest.current.range, latest.current.extent);
    const palette = readPalette(stage.current);
    plot.current = createPlot(stage.current, { spec: specOf(), palette, width, range: shown });
    say([], undefined);
    return () => plot.current?.destroy();
  }, [structure, width === 0]);
  useEffect(() => {
    if (stage.current === null || width === 0) return;
    plot.current?.update(specOf(), readPalette(stage.current), width);
    say([], undefined);
  });
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
        data-theme-changes={themeChanges}
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
