/** The charts, on a made-up household: a week of minutes with a gap, a month of days, a neighbourhood. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import * as kit from "../src/index.ts";

const ZONE = "Europe/Paris";
const DAY = 86_400;
const END = Date.UTC(2026, 9, 26) / 1000; // The day after summer time ends.
const DAYS = Number(new URLSearchParams(location.search).get("days") ?? 30);
const COUNT = DAYS * 1440;

/** A day's shape with a deterministic ripple. */
function watts(minute: number): number {
  const hour = (minute / 60) % 24;
  const noise = Math.abs(Math.sin(minute * 12.9898) * 43_758.545) % 1;
  const evening = Math.exp(-((hour - 19) ** 2) / 6) * 1400;
  const morning = Math.exp(-((hour - 7.5) ** 2) / 3) * 700;
  return 120 + (evening + morning) * (0.4 + noise) + (noise > 0.985 ? 1900 : 0);
}

const x = Float64Array.from({ length: COUNT }, (_, index) => END - (COUNT - index) * 60);
const y = Float64Array.from(x, (_, index) =>
  index > COUNT - 2 * 1440 && index < COUNT - 2 * 1440 + 400 ? NaN : watts(index),
);
const source = kit.sampleSource(x, y, 60);
const behind = kit.shiftedSource(source, 7 * DAY);
const price = kit.sampleSource(
  Float64Array.from({ length: DAYS * 24 }, (_, index) => END - (DAYS * 24 - index) * 3600),
  Float64Array.from({ length: DAYS * 24 }, (_, index) => 0.24 + 0.12 * Math.sin(index / 3.8) ** 2),
  3600,
);

const bars: readonly kit.Bar[] = Array.from({ length: 31 }, (_, index) => {
  const isGap = index === 11;
  return {
    from: Date.UTC(2026, 9, index + 1) / 1000,
    to: Date.UTC(2026, 9, index + 2) / 1000,
    label: `${index + 1}`,
    parts: isGap
      ? []
      : [
          { name: "Day", value: 5 + 3 * Math.abs(Math.sin(index)) },
          { name: "Night", value: 2 + Math.abs(Math.cos(index * 2)) },
        ],
    behind: 8 + 2 * Math.abs(Math.cos(index)),
    isGap,
  };
});

export function Charts(): VNode {
  const [range, setRange] = useState<kit.ChartRange>([END - 3 * DAY, END]);
  const [day, setDay] = useState(bars[4]?.from);
  const formats = kit.useFormats(ZONE);
  const windows = Array.from({ length: 96 }, (_, index) => END - (96 - index) * 900);
  const curve = (phase: number): number[] =>
    windows.map((_, index) =>
      index > 40 && index < 46 ? NaN : 42_000 + 25_000 * Math.sin(index / 15 + phase),
    );
  return (
    <kit.Page title="Charts" lead="Drag, pinch, arrow keys, plus and minus.">
      <kit.Panel title="Power">
        <kit.ChartWithTable
          chart={
            <kit.ProfileChart
              source={source}
              behind={behind}
              layers={{ cost: { source: price, label: "price per kWh", currency: "EUR" } }}
              zone={ZONE}
              label="Power of the household"
              unit="W"
              range={range}
              onRange={setRange}
            />
          }
          table={() => <p>The table.</p>}
        />
      </kit.Panel>
      <kit.Panel title="October">
        <kit.BarChart
          bars={bars}
          parts={[{ name: "Day" }, { name: "Night", colour: "chart-3" }]}
          value={(value) => `${formats.number(value)} kWh`}
          label="Energy by day"
          {...(day === undefined ? {} : { selected: day })}
          onSelect={(bar) => setDay(bar.from)}
          lines={[
            {
              name: "Cost",
              values: bars.map((bar, index) => (bar.isGap ? NaN : 2 + Math.sin(index))),
              value: (value) => formats.money(String(value), "EUR"),
            },
          ]}
        />
      </kit.Panel>
      <kit.Panel title="Neighbourhood">
        <kit.LoadChart
          series={[
            { name: "today", x: windows, y: curve(0), contributors: windows.map(() => 118) },
          ]}
          compare={{ name: "last week", x: windows, y: curve(0.5) }}
          marks={[{ at: END - 6 * 3600, label: "cohort changed" }]}
          value={formats.watts}
          windowSeconds={900}
          zone={ZONE}
          label="Load of the neighbourhood"
        />
      </kit.Panel>
      <kit.Panel title="Sparkline">
        <kit.Sparkline values={[3, 4, 2, NaN, 5, 6, 4, 7]} label="rising" />
      </kit.Panel>
    </kit.Page>
  );
}
