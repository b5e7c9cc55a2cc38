/** One service point: contract, and consumption and bill of each window. Nothing finer exists in the MDMS. */
import {
  Badge,
  BarChart,
  ChartWithTable,
  EmptyState,
  Facts,
  Figure,
  Figures,
  LinkButton,
  Loaded,
  navigate,
  Link,
  Page,
  Panel,
  Table,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { ServicePointDetail } from "../api.ts";
import { isoText, secondsOf } from "../model/iso-day.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { shortPoint } from "../views/service-point-link.tsx";
import { windowLabel } from "../views/window-label.ts";

/** Bars of one chart; the table has the rest. */
const BARS_MAX = 36;
const MILLIWATT_HOURS_PER_KILOWATT_HOUR = 1e6;

export function ServicePointPage({ id }: { readonly id: string }): VNode {
  const { servicePoints: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const loaded = useLoaded(
    (signal) =>
      api.get<ServicePointDetail>(`/v1/service-points/${encodeURIComponent(id)}`, { signal }),
    [api, id],
  );
  return (
    <Page
      title={words.one(shortPoint(id))}
      lead={words.detailLead}
      actions={
        may("moves") && (
          <LinkButton to={`/registry?tab=proposals&servicePoint=${id}`}>{words.propose}</LinkButton>
        )
      }
    >
      <Loaded of={loaded}>{(detail) => <Detail detail={detail} />}</Loaded>
    </Page>
  );
}

function Detail({ detail }: { readonly detail: ServicePointDetail }): VNode {
  const { servicePoints: words, common } = useTexts();
  const formats = useFormats(detail.zone);
  const { contractStart, contractEnd, state, tariff, zone, windows } = detail;
  return (
    <div class="stack">
      <Panel title={words.contract}>
        <Facts
          items={[
            [words.point, <code class="id">{detail.servicePoint}</code>],
            [
              words.state,
              <Badge tone={state === "running" ? "good" : "plain"}>{words.states[state]}</Badge>,
            ],
            [words.tariff, <Link to={`/tariffs?tariff=${tariff}`}>{tariff}</Link>],
            [words.since, formats.date(contractStart)],
            [words.until, contractEnd === null ? "–" : formats.date(contractEnd)],
            [words.zone, zone],
          ]}
        />
      </Panel>
      {windows.length === 0 ? (
        <EmptyState icon="receipt" title={words.noWindowsTitle}>
          {words.noWindows}
        </EmptyState>
      ) : (
        <>
          <Panel title={words.total}>
            <Figures>
              <Figure
                label={words.energy}
                value={formats.kilowattHours(BigInt(detail.energy_mWh), 1)}
                hint={common.days(detail.days)}
              />
              <Figure
                label={words.perDay}
                value={formats.kilowattHours(BigInt(detail.meanPerDay_mWh))}
              />
              <Figure
                label={words.export}
                value={formats.kilowattHours(BigInt(detail.export_mWh), 1)}
              />
            </Figures>
          </Panel>
          <WindowsPanel detail={detail} />
        </>
      )}
    </div>
  );
}

function WindowsPanel({ detail }: { readonly detail: ServicePointDetail }): VNode {
  const { servicePoints: words } = useTexts();
  const formats = useFormats(detail.zone);
  const { servicePoint, zone, windows } = detail;
  const pathOf = (from: string): string => `/statements/${servicePoint}/${from}`;
  const newest = windows.toReversed();
  const bars = windows.slice(-BARS_MAX).map((window) => ({
    from: secondsOf(window.from),
    to: secondsOf(window.to),
    label: windowLabel(window, zone, formats),
    parts: Object.entries(window.registers_mWh).map(([name, energy]) => ({
      name,
      value: Number(energy) / MILLIWATT_HOURS_PER_KILOWATT_HOUR / window.days,
    })),
  }));
  const bands = [...new Set(bars.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  return (
    <Panel title={words.windows}>
      <ChartWithTable
        chart={
          <BarChart
            bars={bars}
            parts={bands.map((name) => ({ name }))}
            value={(perDay) => `${formats.number(perDay)} kWh`}
            label={words.chart}
            onSelect={({ from }) => navigate(pathOf(isoText(from)))}
          />
        }
        table={() => (
          <Table
            caption={words.windowsCaption}
            rows={newest}
            rowKey={({ from }) => from}
            onRow={({ from }) => navigate(pathOf(from))}
            columns={[
              {
                key: "window",
                head: words.window,
                priority: 1,
                cell: (row) => <Link to={pathOf(row.from)}>{windowLabel(row, zone, formats)}</Link>,
              },
              { key: "days", head: words.days, align: "end", cell: ({ days }) => days },
              {
                key: "energy",
                head: words.energy,
                align: "end",
                cell: (row) => formats.kilowattHours(BigInt(row.energy_mWh), 1),
              },
              {
                key: "perDay",
                head: words.perDay,
                align: "end",
                cell: (row) => formats.kilowattHours(BigInt(row.meanPerDay_mWh)),
              },
              {
                key: "amount",
                head: words.amount,
                align: "end",
                cell: (row) =>
                  formats.money(row.notes?.at(-1)?.corrected ?? row.amount, row.currency),
              },
            ]}
          />
        )}
      />
    </Panel>
  );
}
