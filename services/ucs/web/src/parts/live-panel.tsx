/** Power as the meter sends it, over the last day. */
import { Badge, Loaded, Panel, useFormats, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Range } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { useAsk, useDeviceEvents } from "../portal.tsx";
import { NoReadings } from "./no-readings.tsx";
import { PowerCurve } from "./power-curve.tsx";

const SHOWN_SECONDS = 86_400;

export function LivePanel(): VNode {
  const { usage, overview } = useTexts();
  const ask = useAsk();
  const [live, setLive] = useState<{ watts: number; at: number }>();
  useDeviceEvents((event) => {
    if (event.event === "live") setLive(event);
  });
  const loaded = useLoaded(async (signal) => {
    const { zone, newest, month } = await ask("overview", null, { signal });
    return { zone, newest, withExport: (month?.figures.exported ?? 0) > 0 };
  }, []);
  return (
    <Loaded of={loaded}>
      {({ zone, newest, withExport }) =>
        newest === null ? (
          <NoReadings />
        ) : (
          <Panel
            title={usage.liveNow}
            lead={usage.liveLead}
            actions={live && <Badge tone="good">{overview.liveBadge}</Badge>}
          >
            <LiveValue live={live} zone={zone} />
            <PowerCurve
              range={lastDay(live?.at ?? newest)}
              zone={zone}
              label={usage.liveNow}
              behindSeconds={SHOWN_SECONDS}
              withExport={withExport}
              live
            />
          </Panel>
        )
      }
    </Loaded>
  );
}

/** In steps of an hour, so that the range is another one only now and then. */
const lastDay = (newest: number): Range => {
  const to = Math.ceil(newest / 3600) * 3600;
  return { from: to - SHOWN_SECONDS, to };
};

interface LiveValueProps {
  readonly live: { readonly watts: number; readonly at: number } | undefined;
  readonly zone: string;
}

function LiveValue({ live, zone }: LiveValueProps): VNode {
  const { usage } = useTexts();
  const formats = useFormats(zone);
  if (live === undefined) return <p class="muted">{usage.liveWaiting}</p>;
  return (
    <p class="figure-value live-value">
      {formats.watts(live.watts)} <span class="muted small">{formats.dateTime(live.at)}</span>
    </p>
  );
}
