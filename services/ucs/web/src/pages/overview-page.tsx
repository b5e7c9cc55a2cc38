/** What a person wants to know first: now, today, the month so far, the last bill, and whatever is not as it must be. */
import {
  Badge,
  Figure,
  Figures,
  Grid,
  LinkButton,
  Loaded,
  Page,
  Panel,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Overview, Period } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { FindingsNotice } from "../parts/findings.tsx";
import { LastBill } from "../parts/last-bill.tsx";
import { changeText } from "../parts/period-words.ts";
import { NewPersons } from "../parts/new-persons.tsx";
import { NoReadings } from "../parts/no-readings.tsx";
import { PolicyAnnouncement } from "../parts/policy-announcement.tsx";
import { UsageBars } from "../parts/usage-bars.tsx";
import { useAsk, useDeviceEvents } from "../portal.tsx";
import { TakenOver } from "./enrol-page.tsx";

/** Live readings may come every second; the sums of a day and a month need not follow each of them. */
const REFRESH_MS = 10_000;
const CHART_HEIGHT = 180;

export function OverviewPage(): VNode {
  const { overview } = useTexts();
  const ask = useAsk();
  const [round, setRound] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useDeviceEvents(({ event }) => {
    if (event !== "live") return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setRound((count) => count + 1);
    }, REFRESH_MS);
  });
  const loaded = useLoaded((signal) => ask("overview", null, { signal }), [round]);
  return (
    <Page title={overview.title}>
      <TakenOver />
      <PolicyAnnouncement />
      <NewPersons />
      <Loaded of={loaded}>{(value) => <OverviewPanels overview={value} />}</Loaded>
    </Page>
  );
}

function OverviewPanels({ overview: value }: { readonly overview: Overview }): VNode {
  const { day, dayBefore, month, newest, zone, findings } = value;
  return (
    <>
      <FindingsNotice findings={findings} />
      <Grid>
        <NowPanel zone={zone} newest={newest} />
        {day === null || month === null ? (
          <Panel wide>
            <NoReadings />
          </Panel>
        ) : (
          <>
            <LastBill />
            <DayPanel day={day} dayBefore={dayBefore} />
            <MonthPanel month={month} />
          </>
        )}
      </Grid>
    </>
  );
}

interface NowPanelProps {
  readonly zone: string;
  readonly newest: number | null;
}

function NowPanel({ zone, newest }: NowPanelProps): VNode {
  const { overview } = useTexts();
  const formats = useFormats(zone);
  const [live, setLive] = useState<{ watts: number; at: number }>();
  const [isOffline, setOffline] = useState(false);
  useDeviceEvents((event) => {
    if (event.event === "live") setLive(event);
    if (event.event === "connection") setOffline(!event.isLive);
  });
  const badge = live !== undefined && !isOffline && <Badge tone="good">{overview.liveBadge}</Badge>;
  const toCurve = (
    <LinkButton to="/usage/live" kind="quiet">
      {overview.toLive}
    </LinkButton>
  );
  const at = live?.at ?? newest;
  return (
    <Panel title={overview.live} actions={toCurve}>
      {live === undefined ? (
        <p class="muted">{overview.waitingLive}</p>
      ) : (
        <p class="figure-value live-value">
          {formats.watts(live.watts)} {badge}
        </p>
      )}
      {isOffline && <p class="muted">{overview.offline}</p>}
      {at !== null && <p class="muted small">{overview.newest(formats.dateTime(at))}</p>}
    </Panel>
  );
}

interface DayPanelProps {
  readonly day: Period;
  readonly dayBefore: Period | null;
}

function DayPanel({ day, dayBefore }: DayPanelProps): VNode {
  const { overview, usage } = useTexts();
  const formats = useFormats(day.zone);
  const isToday = Date.now() / 1000 < day.to && Date.now() / 1000 >= day.from;
  const { figures, cost } = day;
  return (
    <Panel
      title={isToday ? overview.today : overview.todayOn(formats.dayLabel(day.from))}
      actions={
        <LinkButton to={`/usage/day/${day.date}`} kind="quiet">
          {overview.toDay}
        </LinkButton>
      }
    >
      <Figures>
        <Figure label={usage.used} value={formats.kilowattHours(figures.imported)} />
        {figures.exported > 0 && (
          <Figure label={overview.fedIn} value={formats.kilowattHours(figures.exported)} />
        )}
        {dayBefore !== null && (
          <Figure
            label={overview.yesterday}
            value={formats.kilowattHours(dayBefore.figures.imported)}
          />
        )}
        {cost !== null && cost.energy !== null && (
          <Figure label={usage.cost} value={formats.money(cost.energy, cost.currency)} />
        )}
      </Figures>
      <UsageBars period={day} height={CHART_HEIGHT} />
    </Panel>
  );
}

function MonthPanel({ month }: { readonly month: Period }): VNode {
  const { overview, usage } = useTexts();
  const formats = useFormats(month.zone);
  const { figures, cost } = month;
  const change = changeText(figures.imported, figures.before, formats);
  return (
    <Panel
      title={overview.month(formats.monthLabel(month.from))}
      actions={
        <LinkButton to={`/usage/month/${month.date}`} kind="quiet">
          {overview.toMonth}
        </LinkButton>
      }
    >
      <Figures>
        <Figure
          label={usage.used}
          value={formats.kilowattHours(figures.imported, 1)}
          {...(change !== undefined && { trend: { text: overview.compared(change) } })}
        />
        {cost !== null && cost.total !== null ? (
          <Figure
            label={overview.cost}
            value={formats.money(cost.total, cost.currency)}
            hint={overview.costHint}
          />
        ) : (
          <Figure label={overview.cost} value="–" hint={overview.noCost} />
        )}
        {figures.peak !== null && (
          <Figure
            label={overview.peak}
            value={formats.watts(figures.peak.watts)}
            hint={overview.peakAt(formats.dateTime(figures.peak.at))}
          />
        )}
        {figures.baseLoadWatts !== null && (
          <Figure
            label={overview.base}
            value={formats.watts(figures.baseLoadWatts)}
            hint={overview.baseHint}
          />
        )}
      </Figures>
      <UsageBars period={month} height={CHART_HEIGHT} />
    </Panel>
  );
}
