/** The curve of power over all that is in memory: pan and zoom from a minute to years. */
import { Loaded, ProfileChart, useLoaded, type ChartRange } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ColumnSource } from "../column-source.ts";
import type { Columns, Range } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { useAsk, useDeviceEvents, type Ask } from "../portal.tsx";

/** Of what is in memory as a whole: coarse, but always there. */
const ALL_COLUMNS = 6_000;
/** Of what is shown and as much on both sides: what one pans to next is there. */
const NEAR_COLUMNS = 6_000;

export interface PowerCurveProps {
  /** What is shown at first. */
  readonly range: Range;
  readonly zone: string;
  readonly label: string;
  /** New readings appear as they come. */
  readonly live?: boolean;
}

interface Layers {
  readonly all: Columns;
  readonly near: Columns;
}

export function PowerCurve({ range, zone, label, live = false }: PowerCurveProps): VNode {
  const { usage } = useTexts();
  const ask = useAsk();
  const [round, setRound] = useState(0);
  useDeviceEvents(({ event }) => {
    if (event === "loaded" || (live && event === "live")) setRound((count) => count + 1);
  });
  const shown = useRef<Range>(range);
  useEffect(() => {
    shown.current = range;
  }, [range.from, range.to]);
  const [source, setSource] = useState<ColumnSource>();
  const loaded = useLoaded(
    async (signal) => {
      const extent = await ask("extent", null, { signal });
      const layers = await layersOf(ask, extent, shown.current, signal);
      setSource(sourceOf(extent, layers));
      return extent;
    },
    [round, range.from, range.to],
  );
  const refine = (next: ChartRange): void => {
    shown.current = rangeOf(next);
    if (loaded.state !== "ready") return;
    const extent = loaded.value;
    // The coarser columns stay in sight if this one fails or is too late.
    layersOf(ask, extent, shown.current).then(
      (layers) => setSource(sourceOf(extent, layers)),
      () => undefined,
    );
  };
  return (
    <Loaded of={loaded}>
      {(extent) => (
        <>
          {source !== undefined && (
            <ProfileChart
              source={source}
              zone={zone}
              label={label}
              unit="W"
              range={[Math.max(range.from, extent.from), Math.min(range.to, extent.to)]}
              onRange={refine}
              live={live}
            />
          )}
          <p class="muted small">{usage.curveHint}</p>
        </>
      )}
    </Loaded>
  );
}

const rangeOf = ([from, to]: ChartRange): Range => ({ from, to });

const sourceOf = (extent: Range, { all, near }: Layers): ColumnSource =>
  new ColumnSource(extent, [near, all]);

async function layersOf(
  ask: Ask,
  extent: Range,
  { from, to }: Range,
  signal?: AbortSignal,
): Promise<Layers> {
  const options = signal === undefined ? {} : { signal };
  const width = to - from;
  const around = {
    from: Math.floor(Math.max(extent.from, from - width)),
    to: Math.ceil(Math.min(extent.to, to + width)),
  };
  const [all, near] = await Promise.all([
    ask("columns", { ...extent, count: ALL_COLUMNS }, options),
    ask("columns", { ...around, count: NEAR_COLUMNS }, options),
  ]);
  return { all, near };
}
