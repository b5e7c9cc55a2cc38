/** Days of a span that were not released, each with its reason as the release ledger has it. */
import { Link, Panel, Table, useFormats, useLoaded } from "@smarter-metering/web";
import { addLocalDays, localDate } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import type { CohortList, LedgerPage, LoadPage } from "../api.ts";
import { isoText, secondsOf } from "../model/iso-day.ts";
import type { Range } from "../model/load-curve.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { BlockStateBadge } from "./block-state.tsx";
import { Refusals } from "./refusal.tsx";

const ENTRIES_MAX = 200;

export interface GapsPanelProps {
  readonly cohort: CohortList["cohorts"][number];
  readonly range: Range;
  readonly released: LoadPage["releases"];
}

export function GapsPanel({ cohort, range, released }: GapsPanelProps): VNode | null {
  const { neighbourhoods: words } = useTexts();
  const missing = missingDays(cohort, range, released);
  return missing.length === 0 ? null : (
    <Panel title={words.gapsTitle} lead={words.gapsLead}>
      <GapsTable cohort={cohort} days={missing} />
    </Panel>
  );
}

/** Starts of days without a release, up to the newest one that has: what comes later has not been due. */
function missingDays(
  { zone, lastBlock }: GapsPanelProps["cohort"],
  { from, to }: Range,
  released: LoadPage["releases"],
): number[] {
  const known = new Set(released.map(({ start }) => secondsOf(start)));
  const end = Math.min(to, lastBlock === null ? to : addLocalDays(secondsOf(lastBlock), 1, zone));
  const days: number[] = [];
  for (let day = from; day < end; day = addLocalDays(day, 1, zone)) {
    if (!known.has(day)) days.push(day);
  }
  return days;
}

interface GapsTableProps {
  readonly cohort: GapsPanelProps["cohort"];
  readonly days: readonly number[];
}

function GapsTable({ cohort: { cohort, zone }, days }: GapsTableProps): VNode {
  const { neighbourhoods: words, privacy } = useTexts();
  const api = useApi();
  const formats = useFormats(zone);
  const [from = 0, to = 0] = [days[0], days.at(-1)];
  const ledger = useLoaded(
    (signal) =>
      api.get<LedgerPage>("/v1/ledger", {
        signal,
        query: {
          cohort,
          stream: "LOAD",
          from: isoText(from),
          to: isoText(to + 1),
          limit: ENTRIES_MAX,
        },
      }),
    [api, cohort, from, to],
  );
  const entries = ledger.state === "ready" ? ledger.value.entries : [];
  const entryOf = (day: number): LedgerPage["entries"][number] | undefined =>
    entries.find(({ start }) => secondsOf(start) === day);
  return (
    <Table
      caption={words.gapsTitle}
      rows={days}
      rowKey={String}
      columns={[
        {
          key: "day",
          head: privacy.day,
          priority: 1,
          cell: (day) => (
            <Link to={ledgerPath(cohort, localDate(day, zone))}>{formats.date(day)}</Link>
          ),
        },
        {
          key: "state",
          head: privacy.state,
          cell: (day) => {
            const entry = entryOf(day);
            return entry === undefined ? "–" : <BlockStateBadge state={entry.state} />;
          },
        },
        {
          key: "reason",
          head: privacy.code,
          cell: (day) => {
            const codes = entryOf(day)?.codes ?? [];
            return codes.length === 0 ? words.gapUnknown : <Refusals codes={codes} />;
          },
        },
      ]}
    />
  );
}

const ledgerPath = (cohort: string, date: string): string =>
  `/privacy?${new URLSearchParams({ tab: "ledger", cohort, from: date, to: date }).toString()}`;
