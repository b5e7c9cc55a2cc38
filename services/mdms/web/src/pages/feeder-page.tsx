/** One feeder's balance, day by day. */
import {
  Badge,
  BarChart,
  ChartWithTable,
  EmptyState,
  LinkButton,
  Loaded,
  Page,
  Panel,
  Table,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortList, FeederDays } from "../api.ts";
import { secondsOf } from "../model/iso-day.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvLink } from "../views/paged-list.tsx";

const DAYS_SHOWN = 62;
const DAY_SECONDS = 86_400;
const TONES = { expected: "good", above: "warn", below: "warn", "not-judged": "plain" } as const;

export function FeederPage({ cohort }: { readonly cohort: string }): VNode {
  const { feeders: words, neighbourhoods } = useTexts();
  const api = useApi();
  const path = `/v1/feeders/${encodeURIComponent(cohort)}`;
  const loaded = useLoaded(
    (signal) =>
      Promise.all([
        api.get<FeederDays>(path, { signal, query: { limit: DAYS_SHOWN } }),
        api.get<CohortList>("/v1/cohorts", { signal }),
      ]),
    [api, cohort],
  );
  return (
    <Page
      title={`${words.feeder}: ${cohort}`}
      lead={words.lead}
      actions={
        <>
          <LinkButton to={`/neighbourhoods/${encodeURIComponent(cohort)}`} kind="quiet">
            {neighbourhoods.power}
          </LinkButton>
          <CsvLink path={path} asked={{}} />
        </>
      }
    >
      <Loaded
        of={loaded}
        empty={([{ days }]) =>
          days.length === 0 ? (
            <EmptyState icon="bolt" title={words.noneTitle}>
              {words.none}
            </EmptyState>
          ) : undefined
        }
      >
        {([{ days }, { cohorts }]) => (
          <Days days={days} zone={cohorts.find((one) => one.cohort === cohort)?.zone} />
        )}
      </Loaded>
    </Page>
  );
}

function Days({ days, zone }: FeederDays & { readonly zone: string | undefined }): VNode {
  const { feeders: words } = useTexts();
  const formats = useFormats(zone);
  const kilowattHours = (wattHours: number): string => formats.kilowattHours(wattHours * 1000, 0);
  const bars = days.map((day) => ({
    from: secondsOf(day.start),
    to: secondsOf(day.start) + DAY_SECONDS,
    label: formats.dayLabel(day.start),
    parts: [
      { name: words.load, value: day.scaledLoadTotal_Wh },
      { name: words.lost, value: Math.max(0, day.feederTotal_Wh - day.scaledLoadTotal_Wh) },
    ],
    isGap: day.balancedSlots === 0,
    hint: words.judgements[day.judgement],
  }));
  return (
    <Panel title={words.chart}>
      <ChartWithTable
        chart={
          <BarChart
            bars={bars}
            parts={[{ name: words.load }, { name: words.lost, colour: "chart-4" }]}
            value={kilowattHours}
            label={words.chart}
          />
        }
        table={() => (
          <Table
            caption={words.dayCaption}
            rows={days.toReversed()}
            rowKey={({ start }) => start}
            columns={[
              {
                key: "day",
                head: words.day,
                priority: 1,
                cell: ({ start }) => formats.date(start),
              },
              {
                key: "feeder",
                head: words.feeder,
                align: "end",
                cell: (day) => kilowattHours(day.feederTotal_Wh),
              },
              {
                key: "load",
                head: words.load,
                align: "end",
                cell: (day) => kilowattHours(day.scaledLoadTotal_Wh),
              },
              {
                key: "lost",
                head: words.lost,
                align: "end",
                cell: ({ lossShare }) => (lossShare === null ? "–" : formats.percent(lossShare, 1)),
              },
              {
                key: "compared",
                head: words.compared,
                align: "end",
                cell: (day) => `${day.balancedSlots}/${day.difference_Wh.length}`,
              },
              {
                key: "judgement",
                head: words.state,
                cell: ({ judgement }) => (
                  <Badge tone={TONES[judgement]}>{words.judgements[judgement]}</Badge>
                ),
              },
            ]}
          />
        )}
      />
    </Panel>
  );
}
