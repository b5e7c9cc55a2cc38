/**
 * What the aggregator's operators watch: sets and windows on their way to a release, and how far the
 * trustees follow the log. Counts over all neighbourhoods and customers, never of one.
 */
import type { Clock, Metrics, Store } from "@smarter-metering/runtime";

interface Waiting {
  readonly kind: "LOAD" | "BILL";
  readonly state: string;
  readonly count: number;
  readonly since: bigint;
}

/** Windows wait as OPEN for months, one of each contract: they are not on their way yet. */
const WAITING = `
  select 'LOAD' as kind, state, count(*)::int4 as count, min(sealed_at)::int8 as since
    from load_set where state in ('SEALED', 'REQUESTED') group by state
  union all
  select 'BILL', state, count(*)::int4, min(sealed_at)::int8
    from bill_window where state in ('SEALED', 'REQUESTED') group by state`;

const KINDS = ["LOAD", "BILL"] as const;
const STATES = ["SEALED", "REQUESTED"] as const;

export function addBacklogMetrics(metrics: Metrics, store: Store, clock: Clock): void {
  const labels = ["kind", "state"];
  const sets = metrics.gauge("aggregator_sets_waiting", "Sets and windows to be released", labels);
  const lag = metrics.gauge(
    "aggregator_release_lag_seconds",
    "Since the oldest of them was sealed; 0: there is none",
    labels,
  );
  metrics.collect("releases", async () => {
    const rows = await store.query<Waiting>(WAITING);
    const nowSeconds = clock.nowMs() / 1000;
    for (const kind of KINDS) {
      for (const state of STATES) {
        const row = rows.find((each) => each.kind === kind && each.state === state);
        sets.set(row?.count ?? 0, { kind, state });
        const since = row === undefined ? nowSeconds : Number(row.since);
        lag.set(Math.max(0, nowSeconds - since), { kind, state });
      }
    }
  });
  addLogMetrics(metrics, store, clock);
}

function addLogMetrics(metrics: Metrics, store: Store, clock: Clock): void {
  const entries = metrics.gauge("aggregator_log_entries", "Entries of the log under a head");
  const standing = metrics.gauge(
    "aggregator_log_standing_entries",
    "Entries of the log under a head that the quorum of trustees cosigned",
  );
  const waiting = metrics.gauge(
    "aggregator_log_waiting_seconds",
    "Since the oldest head was signed that the quorum has not; 0: it has cosigned all",
  );
  metrics.collect("log", async () => {
    const [row] = await store.query<{ size: bigint; quorum: bigint; since: bigint | null }>(
      `with quorum as (select coalesce(max(size), 0) as size from log_head where is_quorum)
       select (select coalesce(max(size), 0) from log_head)::int8 as size, q.size::int8 as quorum,
           (select h.seconds from log_head h where h.size > q.size order by h.size limit 1) as since
         from quorum q`,
    );
    entries.set(Number(row?.size ?? 0n));
    standing.set(Number(row?.quorum ?? 0n));
    const nowSeconds = clock.nowMs() / 1000;
    const since = row?.since ?? null;
    waiting.set(since === null ? 0 : Math.max(0, nowSeconds - Number(since)));
  });
}
