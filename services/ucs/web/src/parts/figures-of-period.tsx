/** The few numbers of a period, and what they rest on. */
import { Figure, Figures, Notice, Panel, useFormats } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Period } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { changeText } from "./period-words.ts";

export function FiguresOfPeriod({ period }: { readonly period: Period }): VNode {
  const { usage, overview } = useTexts();
  const formats = useFormats(period.zone);
  const { figures, cost, span } = period;
  const { peak, baseLoadWatts } = figures;
  const change = changeText(figures.imported, figures.before, formats);
  const isOver = period.newest !== null && period.newest >= period.to;
  const compared = isOver ? usage.compared : usage.comparedSoFar;
  return (
    <Figures>
      <Figure
        label={usage.used}
        value={formats.kilowattHours(figures.imported)}
        {...(change !== undefined && {
          trend: { text: compared(change, usage.before[span]) },
        })}
      />
      {figures.exported > 0 && (
        <Figure label={usage.fedIn} value={formats.kilowattHours(figures.exported)} />
      )}
      {cost !== null && cost.energy !== null && (
        <Figure
          label={usage.cost}
          value={formats.money(cost.energy, cost.currency)}
          hint={
            cost.total === null
              ? undefined
              : usage.costTotal(formats.money(cost.total, cost.currency))
          }
        />
      )}
      {peak !== null && (
        <Figure
          label={usage.peak}
          value={formats.watts(peak.watts)}
          hint={formats.dateTime(peak.at)}
        />
      )}
      {baseLoadWatts !== null && (
        <Figure label={usage.base} value={formats.watts(baseLoadWatts)} hint={overview.baseHint} />
      )}
    </Figures>
  );
}

/** Gaps and estimates, said once for the period. */
export function CoverageNotice({ period }: { readonly period: Period }): VNode | null {
  const { usage } = useTexts();
  const formats = useFormats(period.zone);
  const { missing, estimated } = period.figures.coverage;
  if (missing === 0 && estimated === 0) return null;
  return (
    <Notice tone={missing > 0 ? "warn" : "info"} title={usage.gapsTitle}>
      {missing > 0 && <p>{usage.gaps(formats.duration(missing))}</p>}
      {estimated > 0 && <p>{usage.estimates(formats.duration(estimated))}</p>}
    </Notice>
  );
}

/** How usage divides among the tariff's periods; nothing for a tariff with one. */
export function BandsPanel({ period }: { readonly period: Period }): VNode | null {
  const { usage } = useTexts();
  const formats = useFormats(period.zone);
  const { bands, imported } = period.figures;
  if (bands.length < 2 || imported === 0) return null;
  return (
    <Panel title={usage.bands}>
      <Figures>
        {bands.map((band) => (
          <Figure
            key={band.name}
            label={band.name}
            value={formats.kilowattHours(band.imported)}
            hint={formats.percent(band.imported / imported)}
          />
        ))}
      </Figures>
    </Panel>
  );
}
