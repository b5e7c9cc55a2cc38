/** Every neighbourhood, with how far its releases have come. */
import { EmptyState, Link, Loaded, navigate, Page, Table, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortList } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { useLive } from "../views/live.tsx";
import { usePlaceFormats } from "../views/place.tsx";

export const neighbourhoodPath = (cohort: string): string =>
  `/neighbourhoods/${encodeURIComponent(cohort)}`;

export function NeighbourhoodsPage(): VNode {
  const { neighbourhoods: words } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const { version } = useLive();
  const loaded = useLoaded(
    (signal) => api.get<CohortList>("/v1/cohorts", { signal }),
    [api, version],
  );
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded
        of={loaded}
        empty={({ cohorts }) =>
          cohorts.length === 0 ? (
            <EmptyState icon="curve" title={words.noneTitle}>
              {words.none}
            </EmptyState>
          ) : undefined
        }
      >
        {({ cohorts }) => (
          <Table
            caption={words.caption}
            rows={cohorts}
            rowKey={({ cohort }) => cohort}
            onRow={({ cohort }) => navigate(neighbourhoodPath(cohort))}
            columns={[
              {
                key: "name",
                head: words.name,
                priority: 1,
                cell: ({ cohort }) => <Link to={neighbourhoodPath(cohort)}>{cohort}</Link>,
              },
              { key: "members", head: words.members, align: "end", cell: ({ members }) => members },
              {
                key: "interval",
                head: words.interval,
                align: "end",
                cell: ({ intervalSeconds }) => formats.duration(intervalSeconds),
              },
              {
                key: "blocks",
                head: words.blocks,
                align: "end",
                cell: ({ releasedBlocks }) => releasedBlocks,
              },
              {
                key: "last",
                head: words.last,
                cell: ({ lastBlock }) => (lastBlock === null ? "–" : formats.date(lastBlock)),
              },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}
