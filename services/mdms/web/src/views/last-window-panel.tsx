/** What the last billing window brought: a row a tariff and currency. */
import { Link, Loaded, Panel, Table, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { LastWindow } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { usePlaceFormats } from "./place.tsx";

export function LastWindowPanel({ version }: { readonly version: number }): VNode {
  const { overview: words } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const loaded = useLoaded(
    (signal) => api.get<LastWindow>("/v1/statements/last-window", { signal }),
    [api, version],
  );
  return (
    <Panel title={words.lastWindow} lead={words.lastWindowLead}>
      <Loaded
        of={loaded}
        empty={({ window }) =>
          window === null ? <p class="muted">{words.noWindow}</p> : undefined
        }
      >
        {({ window }) => (
          <>
            <p>{words.windowEnd(formats.date(window?.to ?? 0))}</p>
            <Table
              caption={words.lastWindow}
              rows={window?.sums ?? []}
              rowKey={({ tariff, currency }) => `${tariff} ${currency}`}
              columns={[
                {
                  key: "tariff",
                  head: words.tariff,
                  priority: 1,
                  cell: ({ tariff }) => (
                    <Link to={`/statements?tariff=${encodeURIComponent(tariff)}`}>{tariff}</Link>
                  ),
                },
                {
                  key: "statements",
                  head: words.statements,
                  align: "end",
                  cell: ({ statements }) => formats.number(statements),
                },
                {
                  key: "amount",
                  head: words.sum,
                  align: "end",
                  cell: ({ amount, currency }) => formats.money(amount, currency),
                },
              ]}
            />
          </>
        )}
      </Loaded>
    </Panel>
  );
}
