/** What the registry would do at its next change, in numbers of members: whom it merges and why, who waits until enough change together. */
import { Panel, Table } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortPlan } from "../api.ts";
import { useTexts } from "../texts.ts";
import { usePlaceFormats } from "./place.tsx";

export function CohortPlanView({ plan }: { readonly plan: CohortPlan }): VNode {
  const { registry: words } = useTexts();
  const formats = usePlaceFormats();
  const { merged, versions, waiting } = plan;
  if (merged.length + versions.length + waiting.length === 0) {
    return <p class="muted">{words.nothing}</p>;
  }
  return (
    <div class="stack">
      <p class="muted">{words.planLead}</p>
      {waiting.length > 0 && (
        <Panel title={words.waiting} lead={words.waitingWhy}>
          <Table
            caption={words.waiting}
            rows={waiting}
            rowKey={({ where }) => where}
            columns={[
              { key: "where", head: words.neighbourhood, priority: 1, cell: ({ where }) => where },
              { key: "joiners", head: words.joiners, align: "end", cell: ({ joiners }) => joiners },
              { key: "leavers", head: words.leavers, align: "end", cell: ({ leavers }) => leavers },
              { key: "needed", head: words.needed, align: "end", cell: ({ needed }) => needed },
            ]}
          />
        </Panel>
      )}
      {merged.length > 0 && (
        <Panel title={words.merged} lead={words.mergedWhy}>
          <Table
            caption={words.merged}
            rows={merged}
            rowKey={({ neighbourhood }) => neighbourhood}
            columns={[
              {
                key: "neighbourhood",
                head: words.neighbourhood,
                priority: 1,
                cell: ({ neighbourhood }) => neighbourhood,
              },
              { key: "cohort", head: words.merges, cell: ({ cohort }) => cohort },
              { key: "members", head: words.members, align: "end", cell: ({ members }) => members },
              { key: "needed", head: words.needed, align: "end", cell: ({ needed }) => needed },
            ]}
          />
        </Panel>
      )}
      {versions.length > 0 && (
        <Panel title={words.nextVersions}>
          <Table
            caption={words.nextVersions}
            rows={versions}
            rowKey={({ cohort, version }) => `${cohort} ${version}`}
            columns={[
              { key: "cohort", head: words.cohort, priority: 1, cell: ({ cohort }) => cohort },
              { key: "version", head: words.version, align: "end", cell: ({ version }) => version },
              { key: "members", head: words.members, align: "end", cell: ({ members }) => members },
              { key: "from", head: words.fromDay, cell: ({ from }) => formats.date(from) },
            ]}
          />
        </Panel>
      )}
    </div>
  );
}
