/** Blocks and bill windows by state, and the reasons for what was refused. */
import { Loaded, Panel, Table, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { BlockState, LedgerSummary } from "../api.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { BlockStateBadge } from "./block-state.tsx";
import { useLive } from "./live.tsx";
import { Refusal } from "./refusal.tsx";

interface Row {
  readonly state: BlockState;
  readonly blocks: number;
  readonly windows: number;
}

export function BlocksPanel(): VNode | null {
  const { overview: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const { version } = useLive();
  const isShown = may("ledger");
  const loaded = useLoaded(
    (signal) => api.get<LedgerSummary>("/v1/ledger/summary", { signal }),
    [api, version],
  );
  if (!isShown) return null;
  return (
    <Panel title={words.blocks} lead={words.blocksLead}>
      <Loaded of={loaded}>{(summary) => <Summary summary={summary} />}</Loaded>
    </Panel>
  );
}

const STATES: readonly BlockState[] = ["OPEN", "SEALED", "REQUESTED", "RELEASED", "SUPPRESSED"];

function rowsOf({ blocks, bills }: LedgerSummary): Row[] {
  // One with several codes counts under each: the first code, or none, counts it once.
  const sum = (counts: readonly number[]): number => counts.reduce((total, one) => total + one, 0);
  return STATES.map((state) => ({
    state,
    blocks: sum(blocks.filter((one) => one.state === state).map((one) => one.blocks)),
    windows: sum(bills.filter((one) => one.state === state).map(({ windows }) => windows)),
  })).filter(({ blocks: count, windows }) => count + windows > 0);
}

function Summary({ summary }: { readonly summary: LedgerSummary }): VNode {
  const { overview: words, privacy } = useTexts();
  const codes = new Map<string, number>();
  const count = (code: string | null, times: number): void => {
    if (code !== null) codes.set(code, (codes.get(code) ?? 0) + times);
  };
  for (const { code, blocks } of summary.blocks) count(code, blocks);
  for (const { code, windows } of summary.bills) count(code, windows);
  return (
    <div class="stack">
      <Table
        caption={words.blocks}
        rows={rowsOf(summary)}
        rowKey={({ state }) => state}
        columns={[
          {
            key: "state",
            head: privacy.state,
            priority: 1,
            cell: ({ state }) => <BlockStateBadge state={state} />,
          },
          { key: "blocks", head: words.loadDays, align: "end", cell: ({ blocks }) => blocks },
          { key: "windows", head: words.billWindows, align: "end", cell: ({ windows }) => windows },
        ]}
      />
      {codes.size > 0 && (
        <div>
          <h3>{words.reasons}</h3>
          <ul class="plain-list">
            {[...codes]
              .toSorted(([, a], [, b]) => b - a)
              .map(([code, times]) => (
                <li key={code} class="reason">
                  <span class="count">{times}</span>
                  <Refusal code={code} />
                </li>
              ))}
          </ul>
        </div>
      )}
    </div>
  );
}
