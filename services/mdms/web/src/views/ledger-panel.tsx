/** The release ledger: load by day and neighbourhood in full, bill windows as numbers. */
import {
  Button,
  DateField,
  Dialog,
  EmptyState,
  Facts,
  Filters,
  Loaded,
  Pager,
  Panel,
  SelectField,
  Table,
  useFormats,
  useLoaded,
  useQuery,
  type LoadState,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { BlockState, CohortList, LedgerPage, LedgerSummary } from "../api.ts";
import { dayAfter, isoDay } from "../model/iso-day.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { BlockStateBadge } from "./block-state.tsx";
import { CsvLink, given, useFilters } from "./paged-list.tsx";
import { Refusal, Refusals } from "./refusal.tsx";
import { windowLabel } from "./window-label.ts";
import { usePlaceFormats } from "./place.tsx";

const ROWS = 50;
const STATES: readonly BlockState[] = ["OPEN", "SEALED", "REQUESTED", "RELEASED", "SUPPRESSED"];
const FILTERS = ["cohort", "state", "code", "from", "to"] as const;
type Entry = LedgerPage["entries"][number];

export function LedgerPanel(): VNode {
  const { privacy: words } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const filters = useFilters(FILTERS);
  const { values } = filters;
  const summary = useLoaded(
    (signal) => api.get<LedgerSummary>("/v1/ledger/summary", { signal }),
    [api],
  );
  const cohorts = useLoaded((signal) => api.get<CohortList>("/v1/cohorts", { signal }), [api]);
  const known = cohorts.state === "ready" ? cohorts.value.cohorts : [];
  const zone = known.find(({ cohort }) => cohort === values.cohort)?.zone ?? known[0]?.zone;
  const blocks = summary.state === "ready" ? summary.value.blocks : [];
  return (
    <div class="stack">
      <Bills summary={summary} zone={zone ?? formats.zone} />
      <h2>{words.ledgerCaption}</h2>
      <p class="muted">{words.ledgerLead}</p>
      <LedgerFilters
        filters={filters}
        cohorts={known.map(({ cohort }) => cohort)}
        codes={[...new Set(blocks.flatMap(({ code }) => code ?? []))].toSorted()}
      />
      {cohorts.state === "ready" && (
        <Blocks
          asked={{
            cohort: values.cohort,
            state: values.state,
            code: values.code,
            from: values.from && isoDay(values.from, zone ?? formats.zone),
            to: values.to && isoDay(dayAfter(values.to), zone ?? formats.zone),
          }}
          zone={zone ?? formats.zone}
        />
      )}
    </div>
  );
}

interface LedgerFiltersProps {
  readonly filters: ReturnType<typeof useFilters<(typeof FILTERS)[number]>>;
  readonly cohorts: readonly string[];
  /** Those that there are. */
  readonly codes: readonly string[];
}

function LedgerFilters({ filters, cohorts, codes }: LedgerFiltersProps): VNode {
  const { privacy: words, common, refusals } = useTexts();
  const { values, set, clear } = filters;
  const all = { value: "", label: common.all };
  const shown = new Set([...codes, ...(values.code === undefined ? [] : [values.code])]);
  return (
    <div key={String(clear === undefined)}>
      <Filters {...(clear && { onClear: clear })}>
        <SelectField
          name="cohort"
          label={words.cohort}
          value={values.cohort ?? ""}
          options={[all, ...cohorts.map((cohort) => ({ value: cohort, label: cohort }))]}
          onChange={(value) => set("cohort", value)}
        />
        <SelectField
          name="state"
          label={words.state}
          value={values.state ?? ""}
          options={[all, ...STATES.map((value) => ({ value, label: words.states[value] }))]}
          onChange={(value) => set("state", value)}
        />
        <SelectField
          name="code"
          label={words.codes}
          value={values.code ?? ""}
          options={[
            all,
            ...[...shown].map((code) => ({ value: code, label: refusals[code]?.what ?? code })),
          ]}
          onChange={(value) => set("code", value)}
        />
        <DateField
          name="from"
          label={common.from}
          {...given(values.from)}
          onChange={(day) => set("from", day)}
        />
        <DateField
          name="to"
          label={common.to}
          {...given(values.to)}
          onChange={(day) => set("to", day)}
        />
      </Filters>
    </div>
  );
}

interface BlocksProps {
  readonly asked: Readonly<Record<string, string | undefined>>;
  readonly zone: string;
}

function Blocks({ asked, zone }: BlocksProps): VNode {
  const { privacy: words, common } = useTexts();
  const api = useApi();
  const formats = useFormats(zone);
  const [{ cursor }, change] = useQuery();
  const [chosen, setChosen] = useState<Entry>();
  const loaded = useLoaded(
    (signal) =>
      api.get<LedgerPage>("/v1/ledger", { signal, query: { ...asked, cursor, limit: ROWS } }),
    [api, JSON.stringify(asked), cursor],
  );
  return (
    <Loaded
      of={loaded}
      empty={({ entries }) =>
        entries.length === 0 && cursor === undefined ? (
          <EmptyState icon="shield" title={words.noLedgerTitle}>
            {words.noLedger}
          </EmptyState>
        ) : undefined
      }
    >
      {({ entries, next }) => (
        <>
          <div class="row">
            <CsvLink path="/v1/ledger" asked={asked} />
          </div>
          <BlocksTable entries={entries} zone={zone} onChoose={setChosen} />
          <Pager
            label={common.rows(entries.length)}
            hasPrevious={cursor !== undefined}
            hasNext={next !== undefined}
            onPrevious={() => change({ cursor: undefined })}
            onNext={() => change({ cursor: next })}
          />
          <Dialog
            title={chosen === undefined ? "" : `${chosen.cohort}, ${formats.date(chosen.start)}`}
            open={chosen !== undefined}
            onClose={() => setChosen(undefined)}
          >
            {chosen !== undefined && <EntryFacts entry={chosen} zone={zone} />}
          </Dialog>
        </>
      )}
    </Loaded>
  );
}

interface BlocksTableProps {
  readonly entries: readonly Entry[];
  readonly zone: string;
  readonly onChoose: (entry: Entry) => void;
}

function BlocksTable({ entries, zone, onChoose }: BlocksTableProps): VNode {
  const { privacy: words, common } = useTexts();
  const formats = useFormats(zone);
  return (
    <Table
      caption={words.ledgerCaption}
      rows={entries}
      rowKey={({ cohort, stream, start }) => `${cohort} ${stream} ${start}`}
      columns={[
        {
          key: "day",
          head: words.day,
          priority: 1,
          cell: ({ start }) => formats.date(start),
        },
        {
          key: "cohort",
          head: words.cohort,
          cell: ({ cohort, stream }) => (stream === "LOAD" ? cohort : `${cohort}, ${words.feedIn}`),
        },
        {
          key: "state",
          head: words.state,
          cell: ({ state }) => <BlockStateBadge state={state} />,
        },
        {
          key: "contributors",
          head: words.contributors,
          align: "end",
          cell: ({ contributors, members }) => `${contributors}/${members}`,
        },
        { key: "codes", head: words.codes, cell: ({ codes }) => <Refusals codes={codes} /> },
        {
          key: "more",
          head: common.details,
          cell: (entry) => (
            <Button kind="quiet" onClick={() => onChoose(entry)}>
              {common.details}
            </Button>
          ),
        },
      ]}
    />
  );
}

function EntryFacts({ entry, zone }: { readonly entry: Entry; readonly zone: string }): VNode {
  const { privacy: words } = useTexts();
  const formats = useFormats(zone);
  const { answers, trustees, log } = entry;
  const numbers = (list: readonly number[]): string => (list.length === 0 ? "–" : list.join(", "));
  return (
    <div class="stack">
      <Facts
        items={[
          [words.version, String(entry.cohortVersion)],
          [words.contributors, `${entry.contributors}/${entry.members}`],
          [
            words.slots,
            words.slotsText(entry.slotsCovered, entry.slotsValued, entry.slotCount * entry.members),
          ],
          [
            words.digest,
            entry.requestDigest === null ? "–" : <code class="id">{entry.requestDigest}</code>,
          ],
          [words.sealedAt, entry.sealedAt === null ? "–" : formats.dateTime(entry.sealedAt)],
          [words.policyId, entry.policyId ?? "–"],
          ...(log === null
            ? []
            : [[words.witnesses, words.cosigned(numbers(log.cosigned), log.needed)] as const]),
          ...(trustees === null
            ? []
            : [
                [
                  words.waitsFor,
                  words.trusteesText(
                    numbers(trustees.answered),
                    numbers(trustees.silent),
                    trustees.threshold,
                  ),
                ] as const,
              ]),
        ]}
      />
      {answers.map(({ trustee, codes }) => (
        <div key={trustee}>
          <strong>{words.trustee(trustee)}</strong>
          {codes.length === 0 ? <p>{words.agreed}</p> : <Refusals codes={codes} />}
        </div>
      ))}
    </div>
  );
}

interface BillsProps {
  readonly summary: LoadState<LedgerSummary>;
  readonly zone: string;
}

function Bills({ summary, zone }: BillsProps): VNode {
  const { privacy: words } = useTexts();
  const formats = useFormats(zone);
  return (
    <Panel title={words.billsTitle} lead={words.billsLead}>
      <Loaded
        of={summary}
        empty={({ bills }) =>
          bills.length === 0 ? <p class="muted">{words.noLedger}</p> : undefined
        }
      >
        {({ bills }) => (
          <Table
            caption={words.billsCaption}
            rows={bills}
            rowKey={({ from, to, state, code, costCode }) =>
              `${from} ${to} ${state} ${code} ${costCode}`
            }
            columns={[
              {
                key: "window",
                head: words.window,
                priority: 1,
                cell: (window) => windowLabel(window, zone, formats),
              },
              {
                key: "state",
                head: words.state,
                cell: ({ state }) => <BlockStateBadge state={state} />,
              },
              { key: "windows", head: words.count, align: "end", cell: ({ windows }) => windows },
              {
                key: "code",
                head: words.codes,
                cell: ({ code, costCode }) => (
                  <>
                    {code !== null && <Refusal code={code} />}
                    {costCode !== null && <Refusal code={costCode} />}
                  </>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}
