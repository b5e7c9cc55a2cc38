/** How complete the last days of each neighbourhood are: meters in the sum, and intervals that arrived. */
import { Badge, Link, Loaded, Panel, Table, useLoaded, type Column } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Completeness } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvButton } from "./csv-button.tsx";
import { useLive } from "./live.tsx";
import { usePlaceFormats } from "./place.tsx";

const ENTRIES_MAX = 200;
const DAYS_SHOWN = 7;
/** Below it a day is marked: R7 of the standard policy. */
const COMPLETE_SHARE = 0.9;

type Day = Completeness["days"][number];

export function CompletenessPanel(): VNode {
  const { overview: words } = useTexts();
  const api = useApi();
  const { version } = useLive();
  const loaded = useLoaded(
    (signal) =>
      api.get<Completeness>("/v1/completeness", { signal, query: { limit: ENTRIES_MAX } }),
    [api, version],
  );
  const days = loaded.state === "ready" ? loaded.value.days : [];
  return (
    <Panel
      title={words.completeness}
      lead={words.completenessLead}
      wide
      actions={
        days.length > 0 && (
          <CsvButton
            name="completeness"
            columns={["cohort", "day", "members", "contributors", "covered_basis_points"]}
            rows={() =>
              days.map((day) => [
                day.cohort,
                day.start,
                day.members,
                day.contributors,
                day.coveredBasisPoints,
              ])
            }
          />
        )
      }
    >
      <Loaded
        of={loaded}
        empty={(value) =>
          value.days.length === 0 ? <p class="muted">{words.noDays}</p> : undefined
        }
      >
        {(value) => <Matrix days={value.days} />}
      </Loaded>
    </Panel>
  );
}

/** Neighbourhoods down, days across. */
function Matrix({ days }: { readonly days: readonly Day[] }): VNode {
  const { overview: words, neighbourhoods } = useTexts();
  const formats = usePlaceFormats();
  const starts = [...new Set(days.map(({ start }) => start))].toSorted().slice(-DAYS_SHOWN);
  const cohorts = [...new Set(days.map(({ cohort }) => cohort))].toSorted();
  const cellOf = (cohort: string, start: string): VNode | string => {
    const day = days.find((one) => one.cohort === cohort && one.start === start);
    if (day === undefined) return "–";
    const share = day.members === 0 ? 0 : day.contributors / day.members;
    const isLow = Math.min(share, day.coveredBasisPoints / 10_000) < COMPLETE_SHARE;
    const text = `${day.contributors}/${day.members}`;
    const hint = words.covered(formats.percent(day.coveredBasisPoints / 10_000, 1));
    return <span title={hint}>{isLow ? <Badge tone="warn">{text}</Badge> : text}</span>;
  };
  return (
    <Table
      caption={words.completeness}
      phone="scroll"
      rows={cohorts}
      rowKey={(cohort) => cohort}
      columns={[
        {
          key: "cohort",
          head: neighbourhoods.name,
          priority: 1,
          cell: (cohort) => (
            <Link to={`/neighbourhoods/${encodeURIComponent(cohort)}`}>{cohort}</Link>
          ),
        },
        ...starts.map((start): Column<string> => {
          const head = formats.dayLabel(start);
          return { key: start, head, align: "end", cell: (cohort) => cellOf(cohort, start) };
        }),
      ]}
    />
  );
}
