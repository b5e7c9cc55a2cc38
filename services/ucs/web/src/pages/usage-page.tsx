/** Usage by day, week, month and year, as bars or as a curve, with the same numbers as a table; live as it comes. */
import {
  Button,
  ChartWithTable,
  CheckboxField,
  DateField,
  EmptyState,
  IconButton,
  LinkButton,
  Loaded,
  navigate,
  Page,
  Panel,
  Progress,
  SegmentedControl,
  useFormats,
  useLoaded,
  useQuery,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Bar, Period, Span } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { BandsPanel, CoverageNotice, FiguresOfPeriod } from "../parts/figures-of-period.tsx";
import { LivePanel } from "../parts/live-panel.tsx";
import { NoReadings } from "../parts/no-readings.tsx";
import { periodName } from "../parts/period-words.ts";
import { PowerCurve } from "../parts/power-curve.tsx";
import { useSwipe } from "../parts/swipe.ts";
import { UsageBars } from "../parts/usage-bars.tsx";
import { UsageTable } from "../parts/usage-table.tsx";
import { useAsk, useProblem } from "../portal.tsx";

const SPANS: readonly (Span | "live")[] = ["day", "week", "month", "year", "live"];
/** What a bar leads to: its own period. */
const INSIDE: Readonly<Partial<Record<Span, Span>>> = { week: "day", month: "day", year: "month" };

export interface UsagePageProps {
  readonly span: string | undefined;
  /** YYYY-MM-DD; undefined: that of the newest reading. */
  readonly date: string | undefined;
}

export function UsagePage({ span: named, date }: UsagePageProps): VNode {
  const { usage } = useTexts();
  const span = SPANS.find((one) => one === named) ?? "day";
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(date ?? "");
  const choice = (
    <SegmentedControl
      label={usage.span}
      items={SPANS.map((value) => ({ value, label: usage.spans[value] }))}
      current={span}
      onChange={(next) =>
        navigate(next === "live" || !isDate ? `/usage/${next}` : `/usage/${next}/${date}`)
      }
    />
  );
  return (
    <Page title={usage.title} actions={choice}>
      {span === "live" ? <LivePanel /> : <SpanView span={span} date={isDate ? date : undefined} />}
    </Page>
  );
}

interface SpanViewProps {
  readonly span: Span;
  readonly date: string | undefined;
}

function SpanView({ span, date }: SpanViewProps): VNode {
  const { usage } = useTexts();
  const ask = useAsk();
  const problemOf = useProblem();
  const [progress, setProgress] = useState(1);
  const [stop, setStop] = useState<AbortController>();
  const loaded = useLoaded(
    async (signal) => {
      const own = new AbortController();
      setStop(own);
      setProgress(0);
      try {
        return await ask(
          "period",
          { span, date: date ?? null },
          { signal: AbortSignal.any([signal, own.signal]), onProgress: setProgress },
        );
      } finally {
        setProgress(1);
      }
    },
    [span, date],
  );
  return (
    <>
      {progress < 1 && loaded.state !== "failed" && (
        <div class="row loading-row">
          <Progress value={progress} max={1} label={usage.loading} />
          <Button kind="quiet" onClick={() => stop?.abort(problemOf("LOAD_STOPPED"))}>
            {usage.cancel}
          </Button>
        </div>
      )}
      <Loaded of={loaded}>
        {(period) => (period.newest === null ? <NoReadings /> : <PeriodView period={period} />)}
      </Loaded>
    </>
  );
}

function PeriodView({ period }: { readonly period: Period }): VNode {
  const texts = useTexts();
  const { usage } = texts;
  const formats = useFormats(period.zone);
  const [query, changeQuery] = useQuery();
  const view = query["view"] === "profile" ? "profile" : "bars";
  const withCost = query["cost"] === "1";
  const { span, date, earlierDate, laterDate, newest } = period;
  const search = location.search;
  const go = (to: string): void => navigate(`/usage/${span}/${to}${search}`);
  const hasLater = newest !== null && newest > period.to;
  const swipe = useSwipe({
    onLeft: () => hasLater && go(laterDate),
    onRight: () => go(earlierDate),
  });
  const name = periodName(period, formats, texts);
  const open = ({ from }: Bar): void => {
    const inside = INSIDE[span];
    if (inside !== undefined) navigate(`/usage/${inside}/${dateIn(from, period.zone)}`);
  };
  const { coverage } = period.figures;
  const isEmpty = coverage.measured + coverage.estimated === 0;
  return (
    <>
      <div class="period-bar">
        <IconButton name="left" label={usage.earlier} onClick={() => go(earlierDate)} />
        <h2 class="period-name" aria-live="polite">
          {name}
        </h2>
        <IconButton
          name="right"
          label={usage.later}
          disabled={!hasLater}
          onClick={() => go(laterDate)}
        />
        <div class="period-pick">
          <DateField
            key={date}
            name="date"
            label={usage.pick}
            value={date}
            onChange={(picked) => picked !== "" && go(picked)}
          />
        </div>
      </div>
      {isEmpty ? (
        <EmptyState
          icon="calendar"
          title={usage.emptyTitle}
          action={<LinkButton to={`/usage/${span}`}>{usage.toNewest}</LinkButton>}
        >
          {usage.empty}
        </EmptyState>
      ) : (
        <>
          <Panel>
            <FiguresOfPeriod period={period} />
          </Panel>
          <Panel>
            <div class="chart-tools row">
              <SegmentedControl
                label={usage.view}
                items={(["bars", "profile"] as const).map((value) => {
                  return { value, label: usage.views[value] };
                })}
                current={view}
                onChange={(next) => changeQuery({ view: next === "bars" ? undefined : next })}
              />
              {view === "bars" && period.cost !== null && (
                <CheckboxField
                  name="cost"
                  label={usage.costLayer}
                  checked={withCost}
                  onChange={(isOn) => changeQuery({ cost: isOn ? "1" : undefined })}
                />
              )}
            </div>
            {view === "bars" ? (
              <div class="swipe" {...swipe}>
                <ChartWithTable
                  chart={
                    <UsageBars
                      period={period}
                      withCost={withCost}
                      {...(INSIDE[span] !== undefined && { onSelect: open })}
                    />
                  }
                  table={() => <UsageTable period={period} />}
                />
              </div>
            ) : (
              <PowerCurve
                range={period}
                zone={period.zone}
                label={usage.curve(name)}
                behindSeconds={period.from - period.earlierFrom}
                withExport={period.figures.exported > 0}
              />
            )}
          </Panel>
          <CoverageNotice period={period} />
          <BandsPanel period={period} />
        </>
      )}
    </>
  );
}

/** The local date of an instant, YYYY-MM-DD. */
const dateIn = (instant: number, timeZone: string): string =>
  new Intl.DateTimeFormat("sv-SE", { timeZone }).format(1000 * instant);
