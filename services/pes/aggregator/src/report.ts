/**
 * What the aggregator tells its operators (docs/protocol.md §7): counts, states and reasons; no
 * ciphertext leaves here.
 */
import { toHex, type NetworkView } from "@smarter-metering/protocol";
import type { LogReader } from "@smarter-metering/log/store";
import type { Sql, Store } from "@smarter-metering/runtime";
import { loadTallies } from "./ledger.ts";
import type { LoadStream } from "./load-set.ts";
import { logStandingsOf, notAppended, type LogStanding } from "./log-standing.ts";
import { standingsOf, type Standing } from "./quorum.ts";
import { blockOf, type RegistryContext } from "./registry-context.ts";
import { COST_ASKED } from "./bill-cost.ts";
import { codesOf, type SetState } from "./request-state.ts";

const ENTRIES_MAX = 200;

export interface SetSummary {
  readonly kind: "LOAD";
  readonly cohort: string;
  readonly cohortVersion: number;
  readonly stream: LoadStream;
  readonly blockStart: number;
  readonly blockEnd: number;
  readonly members: number;
  /**
   * Slots of the block; of all members together, how many are in the ledger, and how many of those
   * have a value.
   */
  readonly slotCount: number;
  readonly slotsCovered: number;
  readonly slotsValued: number;
  readonly state: SetState;
  /** Why it was refused or suppressed. */
  readonly codes: readonly string[];
  readonly requestDigest: string | null;
  readonly sealedAt: number | null;
  /** While it is SEALED and its request made: whose cosignatures of the log it waits for. */
  readonly log: LogStanding | null;
  /** While it is REQUESTED: whose answers it has and whose it waits for. */
  readonly trustees: Standing | null;
}

export interface BillSummary {
  readonly kind: "BILL";
  /** Network pseudonym. */
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly fromBorder: number | null;
  readonly toBorder: number | null;
  readonly state: SetState;
  readonly codes: readonly string[];
  /** Why its cost is not asked for, where the service point has one. */
  readonly costCodes: readonly string[];
  readonly requestDigest: string | null;
  readonly sealedAt: number | null;
  /** While it is SEALED and its request made: whose cosignatures of the log it waits for. */
  readonly log: LogStanding | null;
  /** While it is REQUESTED: whose answers it has and whose it waits for. */
  readonly trustees: Standing | null;
}

export interface AggregatorStatus {
  /** By stream (`refused` for what never got in) and outcome, since the ledger began. */
  readonly contributions: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly sets: Readonly<Partial<Record<SetState, number>>>;
  readonly bills: Readonly<Partial<Record<SetState, number>>>;
}

export interface NotDue {
  readonly what: SetSummary | BillSummary;
  readonly reason:
    | "BLOCK_NOT_ENDED"
    | "INCOMPLETE_BEFORE_CUTOFF"
    | "WINDOW_NOT_ENDED"
    | "BORDER_BEFORE_CUTOFF"
    /** The registry at hand does not know the cohort version, or has another cutoff by now. */
    | "RETRY_LATER";
  /** When it will be asked for on its own at the latest, epoch seconds. */
  readonly dueAt: number;
}

export interface Asked {
  /** Their requests are made; SEALED while they wait for the log. */
  readonly requested: readonly (SetSummary | BillSummary)[];
  readonly notDue: readonly NotDue[];
  /** Became final by this call without a request; `codes` say why. */
  readonly suppressed: readonly (SetSummary | BillSummary)[];
}

export async function loadStatus(sql: Sql): Promise<AggregatorStatus> {
  const contributions: Record<string, Record<string, number>> = {};
  for (const { stream, outcome, total } of await loadTallies(sql)) {
    (contributions[stream] ??= {})[outcome] = total;
  }
  return {
    contributions,
    sets: await statesOf(sql, "load_set"),
    bills: await statesOf(sql, "bill_window"),
  };
}

async function statesOf(
  sql: Sql,
  table: "load_set" | "bill_window",
): Promise<Partial<Record<SetState, number>>> {
  const rows = await sql.query<{ state: SetState; total: number }>(
    `select state, count(*)::int4 as total from ${table} group by state`,
  );
  return Object.fromEntries(rows.map(({ state, total }) => [state, total]));
}

export interface Page {
  readonly limit: number;
  readonly offset: number;
}

export interface ReportSources {
  readonly store: Store;
  readonly log: LogReader;
  readonly registry: RegistryContext;
}

export async function listSets(
  sources: ReportSources,
  filter: { readonly state?: SetState; readonly cohort?: string; readonly block?: number },
  page: Page,
): Promise<SetSummary[]> {
  const rows = await sources.store.query<SetRow>(
    `select cohort, version, stream, block, block_end, members, slots, covered, valued, state,
       codes, digest, entry, sealed_at from load_set
      where ($1::text is null or state = $1) and ($2::text is null or cohort = $2)
        and ($3::int8 is null or block = $3)
      order by block desc, cohort, version, stream limit $4 offset $5`,
    [filter.state ?? null, filter.cohort ?? null, filter.block ?? null, page.limit, page.offset],
  );
  return setSummaries(sources, rows);
}

export async function setSummaries(
  sources: ReportSources,
  rows: readonly SetRow[],
): Promise<SetSummary[]> {
  const waits = await waitsOf(sources, rows);
  return rows.map((row) => setSummary(row, waits));
}

export async function listBills(
  sources: ReportSources,
  filter: { readonly state?: SetState; readonly servicePoint?: string },
  page: Page,
): Promise<BillSummary[]> {
  const rows = await sources.store.query<BillRow>(
    `select service_point, from_grid, to_grid, from_border, to_border, state, codes, cost,
       digest, entry, sealed_at from bill_window
      where ($1::text is null or state = $1) and ($2::text is null or service_point = $2)
      order by to_grid desc, service_point limit $3 offset $4`,
    [filter.state ?? null, filter.servicePoint ?? null, page.limit, page.offset],
  );
  const waits = await waitsOf(sources, rows);
  return rows.map((row) => billSummary(row, waits));
}

/** What requests wait for: the log, then trustees, by digest in hex. */
interface Waits {
  readonly log: ReadonlyMap<string, LogStanding>;
  readonly trustees: ReadonlyMap<string, Standing>;
}

async function waitsOf(
  { store, log, registry }: ReportSources,
  rows: readonly RequestRow[],
): Promise<Waits> {
  const made = rows.flatMap(({ state, digest, entry }) =>
    digest === null ? [] : [{ state, digest, entry: numberOrNull(entry) }],
  );
  const requested = made.filter(({ state }) => state === "REQUESTED");
  const sealed = made.filter(({ state }) => state === "SEALED");
  const entries = sealed.flatMap(({ entry }) => (entry === null ? [] : [entry]));
  const standings = await logStandingsOf(log, registry, entries);
  return {
    log: new Map(
      sealed.map(({ digest, entry }) => {
        const standing = entry === null ? undefined : standings.get(entry);
        return [toHex(digest), standing ?? notAppended(registry)];
      }),
    ),
    trustees: await standingsOf(
      store,
      registry.quorum,
      requested.map(({ digest }) => digest),
    ),
  };
}

interface RequestRow {
  readonly state: SetState;
  readonly codes: string;
  readonly digest: Uint8Array | null;
  readonly entry: bigint | null;
  readonly sealed_at: bigint | null;
}

export interface SetRow extends RequestRow {
  readonly cohort: string;
  readonly version: number;
  readonly stream: LoadStream;
  readonly block: bigint;
  readonly block_end: bigint;
  readonly members: number;
  readonly slots: number;
  readonly covered: number;
  readonly valued: number;
}

interface BillRow extends RequestRow {
  readonly service_point: string;
  readonly from_grid: bigint;
  readonly to_grid: bigint;
  readonly from_border: bigint | null;
  readonly to_border: bigint | null;
  readonly cost: string;
}

const setSummary = (row: SetRow, waits: Waits): SetSummary => ({
  kind: "LOAD",
  cohort: row.cohort,
  cohortVersion: row.version,
  stream: row.stream,
  blockStart: Number(row.block),
  blockEnd: Number(row.block_end),
  members: row.members,
  slotCount: row.slots,
  slotsCovered: row.covered,
  slotsValued: row.valued,
  ...requestSummary(row, waits),
});

const billSummary = (row: BillRow, waits: Waits): BillSummary => ({
  kind: "BILL",
  servicePoint: row.service_point,
  fromGrid: Number(row.from_grid),
  toGrid: Number(row.to_grid),
  fromBorder: numberOrNull(row.from_border),
  toBorder: numberOrNull(row.to_border),
  costCodes: row.cost === COST_ASKED ? [] : codesOf(row.cost),
  ...requestSummary(row, waits),
});

function requestSummary({ state, codes, digest, sealed_at }: RequestRow, waits: Waits) {
  const requestDigest = digest && toHex(digest);
  return {
    state,
    codes: codesOf(codes),
    requestDigest,
    sealedAt: numberOrNull(sealed_at),
    log: (requestDigest !== null && waits.log.get(requestDigest)) || null,
    trustees: (requestDigest !== null && waits.trustees.get(requestDigest)) || null,
  };
}

const numberOrNull = (value: bigint | null): number | null =>
  value === null ? null : Number(value);

/**
 * Members of the cohort version in force, and how many have all LOAD slots of the block in the
 * ledger.
 */
export async function blockProgress(
  sql: Sql,
  view: NetworkView,
  id: string,
  block: number,
): Promise<{ readonly members: number; readonly complete: number }> {
  const cohort = view.cohortAt(id, block);
  if (cohort === undefined) return { members: 0, complete: 0 };
  const { slots } = blockOf(cohort, block);
  const members = cohort.members.length;
  const key = [id, cohort.version, block];
  const [set] = await sql.query<{ covered: number }>(
    `select covered from load_set
      where cohort = $1 and version = $2 and stream = 'LOAD' and block = $3`,
    key,
  );
  if (set === undefined) return { members, complete: 0 };
  if (set.covered === members * slots) return { members, complete: members };
  const [row] = await sql.query<{ complete: number }>(
    `select count(*)::int4 as complete from (
       select service_point from contribution
        where cohort = $1 and version = $2 and stream = 'LOAD' and block = $3
        group by service_point having sum(slots) >= $4) as whole`,
    [...key, slots],
  );
  return { members, complete: row?.complete ?? 0 };
}

/** Runs `ask` and says what it changed for one cohort or one service point. */
export async function askDue(
  sources: ReportSources,
  of: { readonly cohort: string } | { readonly servicePoint: string },
  nowSeconds: number,
  ask: () => Promise<void>,
): Promise<Asked> {
  const { policy } = sources.registry;
  const list = (): Promise<(SetSummary | BillSummary)[]> =>
    "cohort" in of
      ? listSets(sources, of, { limit: ENTRIES_MAX, offset: 0 })
      : listBills(sources, of, { limit: ENTRIES_MAX, offset: 0 });
  const settledBefore = new Set((await list()).filter((one) => !isUnderWay(one)).map(nameOf));
  await ask();
  const changed = (await list()).filter((one) => !settledBefore.has(nameOf(one)));
  return {
    requested: changed.filter((one) => !isUnderWay(one) && one.requestDigest !== null),
    notDue: changed.filter(isUnderWay).map((what) => ({
      what,
      ...(what.kind === "LOAD"
        ? loadNotDue(what, policy.loadCutoffSeconds, nowSeconds)
        : billNotDue(what, policy.billCutoffSeconds, nowSeconds)),
    })),
    suppressed: changed.filter((one) => !isUnderWay(one) && one.requestDigest === null),
  };
}

/** Not asked for and not final. */
const isUnderWay = ({ state, requestDigest }: SetSummary | BillSummary): boolean =>
  state === "OPEN" || (state === "SEALED" && requestDigest === null);

const nameOf = (one: SetSummary | BillSummary): string =>
  one.kind === "LOAD"
    ? `${one.cohort}/${one.cohortVersion}/${one.stream}/${one.blockStart}`
    : `${one.servicePoint}/${one.fromGrid}`;

function loadNotDue(
  { state, blockEnd }: SetSummary,
  cutoffSeconds: number,
  nowSeconds: number,
): Pick<NotDue, "reason" | "dueAt"> {
  const dueAt = blockEnd + cutoffSeconds;
  if (nowSeconds < blockEnd) return { reason: "BLOCK_NOT_ENDED", dueAt };
  if (state === "SEALED") return { reason: "RETRY_LATER", dueAt: nowSeconds };
  return { reason: "INCOMPLETE_BEFORE_CUTOFF", dueAt };
}

function billNotDue(
  { state, toGrid }: BillSummary,
  cutoffSeconds: number,
  nowSeconds: number,
): Pick<NotDue, "reason" | "dueAt"> {
  const dueAt = toGrid + cutoffSeconds;
  if (state === "SEALED") return { reason: "RETRY_LATER", dueAt: nowSeconds };
  return { reason: nowSeconds < toGrid ? "WINDOW_NOT_ENDED" : "BORDER_BEFORE_CUTOFF", dueAt };
}
