/** Feeders against the released load of their neighbourhoods, and the form that brings in what a feeder meter measured. */
import {
  Badge,
  EmptyState,
  FileField,
  Form,
  Link,
  Loaded,
  Page,
  Panel,
  ProblemError,
  SelectField,
  Table,
  toast,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortList, FeederList } from "../api.ts";
import { feederDays } from "../model/feeder-file.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvLink } from "../views/paged-list.tsx";
import { usePlaceFormats } from "../views/place.tsx";

/** The server takes as many days in a request. */
const DAYS_PER_REQUEST = 8;

export function FeedersPage(): VNode {
  const { feeders: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const loaded = useLoaded((signal) => api.get<FeederList>("/v1/feeders", { signal }), [api]);
  const reload = loaded.state === "ready" ? loaded.reload : () => undefined;
  return (
    <Page title={words.title} lead={words.lead} actions={<CsvLink path="/v1/feeders" asked={{}} />}>
      <div class="stack">
        <Loaded
          of={loaded}
          empty={({ feeders }) =>
            feeders.length === 0 ? (
              <EmptyState icon="bolt" title={words.noneTitle}>
                {words.none}
              </EmptyState>
            ) : undefined
          }
        >
          {({ feeders }) => <Feeders feeders={feeders} />}
        </Loaded>
        {may("feeders") && <ImportPanel onImported={reload} />}
      </div>
    </Page>
  );
}

function Feeders({ feeders }: FeederList): VNode {
  const { feeders: words, neighbourhoods } = useTexts();
  const formats = usePlaceFormats();
  return (
    <Table
      caption={words.caption}
      rows={feeders}
      rowKey={({ cohort }) => cohort}
      columns={[
        {
          key: "cohort",
          head: neighbourhoods.name,
          priority: 1,
          cell: ({ cohort }) => <Link to={`/feeders/${encodeURIComponent(cohort)}`}>{cohort}</Link>,
        },
        { key: "days", head: words.days, align: "end", cell: ({ days }) => days },
        { key: "last", head: words.last, cell: ({ lastDay }) => formats.date(lastDay) },
        {
          key: "loss",
          head: words.loss,
          align: "end",
          cell: ({ lossShare }) => (lossShare === null ? "–" : formats.percent(lossShare, 1)),
        },
        {
          key: "state",
          head: words.state,
          cell: ({ alarm }) =>
            alarm === null ? (
              <Badge tone="good">{words.fine}</Badge>
            ) : (
              <Badge tone="alarm">{words.imbalance}</Badge>
            ),
        },
      ]}
    />
  );
}

function ImportPanel({ onImported }: { readonly onImported: () => void }): VNode {
  const { feeders: words } = useTexts();
  const api = useApi();
  const cohorts = useLoaded((signal) => api.get<CohortList>("/v1/cohorts", { signal }), [api]);
  const known = cohorts.state === "ready" ? cohorts.value.cohorts : [];
  return (
    <Panel title={words.importTitle} lead={words.importLead}>
      <Form
        submit={words.submit}
        kind="plain"
        onSubmit={async (values) => {
          const cohort = known.find((one) => one.cohort === values.text("cohort"));
          const file = values.file("file");
          if (cohort === undefined || file === undefined) throw unreadable(words.noDays);
          const read = feederDays(await file.text(), cohort.zone);
          if ("badLine" in read) throw unreadable(words.unreadable(read.badLine));
          if (read.days.length === 0) throw unreadable(words.noDays);
          for (let at = 0; at < read.days.length; at += DAYS_PER_REQUEST) {
            const days = read.days.slice(at, at + DAYS_PER_REQUEST);
            await api.post(`/v1/feeders/${encodeURIComponent(cohort.cohort)}`, { days });
          }
          toast(words.imported(read.days.length));
          onImported();
        }}
      >
        <SelectField
          name="cohort"
          label={words.cohort}
          options={known.map(({ cohort }) => ({ value: cohort, label: cohort }))}
        />
        <FileField name="file" label={words.file} accept=".csv,text/csv" />
      </Form>
    </Panel>
  );
}

const unreadable = (title: string): ProblemError =>
  new ProblemError({
    status: 0,
    code: "FILE_UNREADABLE",
    title,
    errors: [{ path: "file", message: title }],
  });
