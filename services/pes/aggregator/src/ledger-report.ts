/**
 * What the aggregator tells the MDMS of its ledger (docs/protocol.md §7.5): LOAD sets, which have no names in them but cohorts', and of
 * BILL windows numbers alone, for they are named by network pseudonyms. No ciphertext, no bitmap.
 */
import { toHex } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import { COST_ASKED } from "./bill-cost.ts";
import { loadTallies } from "./ledger.ts";
import type { LoadStream } from "./load-set.ts";
import { setSummaries, type ReportSources, type SetRow, type SetSummary } from "./report.ts";
import { codesOf, type SetState } from "./request-state.ts";

/** Different windows, states and codes of one answer; beyond, `more` says so and a shorter range is to be asked. */
const GROUPS_MAX = 2000;

/** Epoch seconds, half-open. */
export interface LedgerRange {
  readonly from: number;
  readonly to: number;
}

/** Where a page ended: blocks come newest first. */
export interface BlockCursor {
  readonly block: number;
  /** Of the cohort, its version and the stream. */
  readonly after: readonly [cohort: string, version: number, stream: string];
}

export interface BlockQuery extends LedgerRange {
  readonly cohort?: string | undefined;
  readonly state?: SetState | undefined;
  /** One of the codes that say why a block was not released. */
  readonly code?: string | undefined;
  readonly stream?: LoadStream | undefined;
  readonly cursor?: BlockCursor | undefined;
  readonly limit: number;
}

/** A trustee's answer to the request of a set; no codes are a release. */
export interface TrusteesAnswer {
  readonly trustee: number;
  readonly codes: readonly string[];
}

export interface LedgerBlock extends SetSummary {
  /** Service points with something in the ledger that counts. */
  readonly contributors: number;
  readonly answers: readonly TrusteesAnswer[];
}

/** Blocks that begin in the range, newest first. */
export async function listBlocks(
  sources: ReportSources,
  { from, to, cohort, state, code, stream, cursor, limit }: BlockQuery,
): Promise<LedgerBlock[]> {
  const { store } = sources;
  const [afterCohort, afterVersion, afterStream] = cursor?.after ?? [null, null, null];
  const rows = await store.query<SetRow>(
    `select cohort, version, stream, block, block_end, members, slots, covered, valued, state,
       codes, digest, entry, sealed_at from load_set
      where block >= $1 and block < $2 and ($3::text is null or cohort = $3)
        and ($4::text is null or state = $4) and ($5::text is null or stream = $5)
        and ($6::int8 is null or block < $6
          or (block = $6 and (cohort, version, stream) > ($7::text, $8::int4, $9::text)))
        and ($10::text is null or (codes <> '' and string_to_array(codes, ',') @> array[$10::text]))
      order by block desc, cohort, version, stream limit $11`,
    [
      from,
      to,
      cohort ?? null,
      state ?? null,
      stream ?? null,
      cursor?.block ?? null,
      afterCohort,
      afterVersion,
      afterStream,
      code ?? null,
      limit,
    ],
  );
  const contributors = await contributorsOf(store, rows);
  const answers = await answersTo(store, rows);
  const summaries = await setSummaries(sources, rows);
  return summaries.map((summary, index) => ({
    ...summary,
    contributors: contributors[index] ?? 0,
    answers: answers.get(summary.requestDigest ?? "") ?? [],
  }));
}

async function contributorsOf(sql: Sql, rows: readonly SetRow[]): Promise<number[]> {
  if (rows.length === 0) return [];
  const counts = await sql.query<{ contributors: number }>(
    `select coalesce(s.contributors,
        (select count(distinct c.service_point)::int4 from contribution c
          where c.cohort = a.cohort and c.version = a.version and c.stream = a.stream
            and c.block = a.block and not c.excluded)) as contributors
      from unnest($1::text[], $2::int4[], $3::text[], $4::int8[])
        with ordinality as a(cohort, version, stream, block, position)
      join load_set s using (cohort, version, stream, block) order by position`,
    [
      rows.map(({ cohort }) => cohort),
      rows.map(({ version }) => version),
      rows.map(({ stream }) => stream),
      rows.map(({ block }) => block),
    ],
  );
  return counts.map(({ contributors }) => contributors);
}

async function answersTo(
  sql: Sql,
  rows: readonly SetRow[],
): Promise<ReadonlyMap<string, TrusteesAnswer[]>> {
  const digests = rows.flatMap(({ digest }) => (digest === null ? [] : [digest]));
  const found = await sql.query<{ digest: Uint8Array; trustee: number; codes: string | null }>(
    `select digest, trustee, codes from request_answer where digest = any($1::bytea[])
      order by trustee`,
    [digests],
  );
  const answers = new Map<string, TrusteesAnswer[]>();
  for (const { digest, trustee, codes } of found) {
    const key = toHex(digest);
    const answer = { trustee, codes: codesOf(codes ?? "") };
    answers.set(key, [...(answers.get(key) ?? []), answer]);
  }
  return answers;
}

/** How many BILL windows are in a state, and with a code where one says why. */
export interface BillCount {
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly state: SetState;
  /** Why it was refused or suppressed: a window with several counts under each. */
  readonly code: string | null;
  /** Why the cost of a window is kept back that is itself asked for or released. */
  readonly costCode: string | null;
  readonly windows: number;
}

/** Of windows that touch the range, newest first. */
export async function countBills(
  sql: Sql,
  { from, to }: LedgerRange,
): Promise<{ readonly bills: readonly BillCount[]; readonly more: boolean }> {
  const rows = await sql.query<{
    fromGrid: bigint;
    toGrid: bigint;
    state: SetState;
    codes: string;
    cost: string;
    windows: number;
  }>(
    `select from_grid as "fromGrid", to_grid as "toGrid", state, codes, cost,
       count(*)::int4 as windows from bill_window
      where from_grid < $2 and to_grid > $1
      group by from_grid, to_grid, state, codes, cost
      order by to_grid desc, from_grid desc, state, codes, cost limit $3`,
    [from, to, GROUPS_MAX + 1],
  );
  const counts = new Map<string, BillCount>();
  for (const { fromGrid, toGrid, state, codes, cost, windows } of rows.slice(0, GROUPS_MAX)) {
    const costCodes = cost === COST_ASKED ? [] : codesOf(cost);
    const reasons = [
      ...codesOf(codes).map((code) => ({ code, costCode: null })),
      ...costCodes.map((costCode) => ({ code: null, costCode })),
    ];
    for (const reason of reasons.length > 0 ? reasons : [{ code: null, costCode: null }]) {
      const window = { fromGrid: Number(fromGrid), toGrid: Number(toGrid), state, ...reason };
      const key = JSON.stringify(window);
      counts.set(key, { ...window, windows: windows + (counts.get(key)?.windows ?? 0) });
    }
  }
  return { bills: [...counts.values()], more: rows.length > GROUPS_MAX };
}

export interface LedgerSummary {
  /** LOAD sets by cohort. */
  readonly sets: readonly {
    readonly cohort: string;
    readonly stream: LoadStream;
    readonly state: SetState;
    readonly code: string | null;
    readonly blocks: number;
  }[];
  /** Contributions ever, by stream (`refused` for what never got in) and outcome. */
  readonly contributions: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Of blocks that begin in the range. */
export async function summariseLedger(sql: Sql, { from, to }: LedgerRange): Promise<LedgerSummary> {
  const sets = await sql.query<LedgerSummary["sets"][number]>(
    `select cohort, stream, state, code, count(*)::int4 as blocks
      from load_set left join lateral unnest(string_to_array(nullif(codes, ''), ','))
        as code on true
      where block >= $1 and block < $2
      group by cohort, stream, state, code order by cohort, stream, state, code limit $3`,
    [from, to, GROUPS_MAX],
  );
  const contributions: Record<string, Record<string, number>> = {};
  for (const { stream, outcome, total } of await loadTallies(sql)) {
    (contributions[stream] ??= {})[outcome] = total;
  }
  return { sets, contributions };
}
