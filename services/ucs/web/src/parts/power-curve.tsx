/** The curve of power over all that is in memory: pan and zoom from a minute to years. */
import {
  Loaded,
  ProfileChart,
  shiftedSource,
  useLoaded,
  type ChartRange,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ColumnSource } from "../column-source.ts";
import type { Range, Register } from "../device/messages.ts";
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
  /** How much earlier what lies behind was. */
  readonly behindSeconds: number;
  /** The household feeds in: that is drawn too. */
  readonly withExport: boolean;
  /** New readings appear as they come. */
  readonly live?: boolean;
}

interface Sources {
  readonly used: ColumnSource;
  readonly fedIn: ColumnSource | undefined;
}

export function PowerCurve(props: PowerCurveProps): VNode {
  const { range, zone, label, behindSeconds, withExport, live = false } = props;
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
  const [sources, setSources] = useState<Sources>();
  const loaded = useLoaded(
    async (signal) => {
      const extent = await ask("extent", null, { signal });
      setSources(await sourcesOf({ ask, extent, signal }, shown.current, props));
      return extent;
    },
    [round, range.from, range.to, behindSeconds, withExport],
  );
  const refine = (next: ChartRange): void => {
    shown.current = rangeOf(next);
    if (loaded.state !== "ready") return;
    const extent = loaded.value;
    // The coarser columns stay in sight if this one fails or is too late.
    sourcesOf({ ask, extent }, shown.current, props).then(setSources, () => undefined);
  };
  return (
    <Loaded of={loaded}>
      {(extent) => (
        <>
          {sources !== undefined && (
            <ProfileChart
              source={sources.used}
              behind={shiftedSource(sources.used, behindSeconds)}
              {...(sources.fedIn !== undefined && {
                layers: { fedIn: { source: sources.fedIn, label: usage.fedIn } },
              })}
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

interface Asking {
  readonly ask: Ask;
  readonly extent: Range;
  readonly signal?: AbortSignal;
}

type Wanted = Pick<PowerCurveProps, "behindSeconds" | "withExport">;

async function sourcesOf(
  asking: Asking,
  shown: Range,
  { behindSeconds, withExport }: Wanted,
): Promise<Sources> {
  const before = { from: shown.from - behindSeconds, to: shown.to - behindSeconds };
  const [used, fedIn] = await Promise.all([
    sourceOf(asking, "import", [shown, before]),
    withExport ? sourceOf(asking, "export", [shown]) : undefined,
  ]);
  return { used, fedIn };
}

async function sourceOf(
  { ask, extent, signal }: Asking,
  register: Register,
  shown: readonly Range[],
): Promise<ColumnSource> {
  const options = signal === undefined ? {} : { signal };
  const near = shown.map((range) => around(range, extent)).filter(({ from, to }) => from < to);
  const layers = await Promise.all([
    ...near.map((range) => ask("columns", { ...range, register, count: NEAR_COLUMNS }, options)),
    ask("columns", { ...extent, register, count: ALL_COLUMNS }, options),
  ]);
  return new ColumnSource(extent, layers);
}

function around({ from, to }: Range, extent: Range): Range {
  const width = to - from;
  return {
    from: Math.floor(Math.max(extent.from, from - width)),
    to: Math.ceil(Math.min(extent.to, to + width)),
  };
}
