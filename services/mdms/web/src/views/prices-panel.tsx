/** Prices that change by the hour: the newest published day, as signed by the registry's root. */
import {
  BarChart,
  ChartWithTable,
  Loaded,
  Panel,
  Table,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import { fromUnverified } from "../model/price-documents.ts";
import { formatMicro, pricesEndSeconds, type DynamicPrices } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import type { CohortList, PriceList } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";

const MICRO = 1e6;
/** All that the registry keeps. */
const DOCUMENTS_MAX = 500;

export interface PricesPanelProps {
  readonly series: string;
  readonly currency: string;
}

export function PricesPanel({ series, currency }: PricesPanelProps): VNode {
  const { tariffs: words } = useTexts();
  const api = useApi();
  const loaded = useLoaded(
    (signal) =>
      Promise.all([
        api.get<PriceList>("/v1/prices", { signal, query: { series, limit: DOCUMENTS_MAX } }),
        api.get<CohortList>("/v1/cohorts", { signal }),
      ]),
    [api, series],
  );
  return (
    <Panel title={words.dynamic(series)} lead={words.dynamicLead}>
      <Loaded
        of={loaded}
        empty={([{ prices }]) =>
          prices.length === 0 ? <p class="muted">{words.dynamicNone}</p> : undefined
        }
      >
        {([{ prices }, { cohorts }]) => {
          const document = fromUnverified(prices.at(-1)?.signed);
          return document === undefined ? (
            <p class="muted">{words.dynamicNone}</p>
          ) : (
            <Day document={document} currency={currency} zone={cohorts[0]?.zone} />
          );
        }}
      </Loaded>
    </Panel>
  );
}

interface DayProps {
  readonly document: DynamicPrices;
  readonly currency: string;
  readonly zone: string | undefined;
}

function Day({ document, currency, zone }: DayProps): VNode {
  const { tariffs: words, neighbourhoods } = useTexts();
  const formats = useFormats(zone);
  const { startSeconds, stepSeconds, pricesMicroPerKilowattHour } = document;
  const unit = words.dynamicUnit(currency);
  const rows = pricesMicroPerKilowattHour.map((micro, index) => ({
    micro,
    from: startSeconds + index * stepSeconds,
  }));
  return (
    <>
      <p class="muted small">
        {formats.dateTime(startSeconds)} – {formats.dateTime(pricesEndSeconds(document))}
      </p>
      <ChartWithTable
        chart={
          <BarChart
            label={words.dynamic(document.prices)}
            parts={[{ name: unit }]}
            value={(price) => `${formats.number(price)} ${unit}`}
            bars={rows.map(({ micro, from }) => ({
              from,
              to: from + stepSeconds,
              label: formats.time(from),
              parts: [{ name: unit, value: micro / MICRO }],
            }))}
          />
        }
        table={() => (
          <Table
            caption={words.dynamic(document.prices)}
            rows={rows}
            rowKey={({ from }) => String(from)}
            columns={[
              {
                key: "time",
                head: neighbourhoods.time,
                priority: 1,
                cell: ({ from }) => formats.dateTime(from, { zoneName: true }),
              },
              { key: "price", head: unit, align: "end", cell: ({ micro }) => formatMicro(micro) },
            ]}
          />
        )}
      />
    </>
  );
}
