/**
 * BILL windows: one service point between two borders (docs/protocol.md §7.3). Each service point
 * has one open window; when it is decided, the next one starts at its end with the same border, up
 * to the end of the contract. The difference of two registers is still a ciphertext.
 *
 * Not billed here: a window in which the register bank or the Paillier key changed, or a meter was
 * exchanged whose last registers never came.
 */
import { nextContractWindow, windowEnd, type Contract } from "@smarter-metering/policy";
import type { NetworkView, ServicePoint } from "@smarter-metering/protocol";
import { insertMany, type Sql, type SqlValue, type Store } from "@smarter-metering/runtime";
import { gridInstantAtOrAfter, localDayStart } from "@smarter-metering/tariff";
import { isCostThere } from "./bill-cost.ts";
import { exchangesOf, meterChain } from "./meter-chain.ts";
import type { RegistryContext } from "./registry-context.ts";

/** Windows decided in one transaction; the caller comes again while there are more. */
const DECISIONS_MAX = 256;

/** A BILL contribution in the ledger that serves as a border. */
export interface Border {
  readonly block: number;
  readonly slot: number;
  readonly instant: number;
  /** Meter, register bank and key. */
  readonly origin: string;
  readonly encoded: Uint8Array;
}

export interface OpenWindow {
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  /** Undefined while the installation contribution of a first window is missing. */
  readonly from: Border | undefined;
  /** The first BILL contribution at or after `toGrid` and within the cutoff. */
  readonly to: Border | undefined;
  /** Where the borders are of two meters: the registers at each exchange between them are there. */
  readonly hasExchanges?: boolean;
  /** Of a service point with a cost: all that it is made of is there. */
  readonly hasCosts?: boolean;
}

export type Decision =
  | { readonly kind: "wait" }
  | { readonly kind: "extend"; readonly toGrid: number }
  | { readonly kind: "seal"; readonly from: Border; readonly to: Border }
  | { readonly kind: "suppress"; readonly code: string; readonly to: Border | undefined };

/** What becomes of an open window at `nowSeconds`: a pure function. */
export function decideWindow(
  window: OpenWindow,
  contract: Contract,
  cutoffSeconds: number,
  nowSeconds: number,
): Decision {
  const { from, to, toGrid, hasCosts = true } = window;
  const pastCutoff = nowSeconds >= toGrid + cutoffSeconds;
  const isWhole = from?.origin === to?.origin || window.hasExchanges === true;
  // Until the cutoff an earlier border may still arrive, unless this is the earliest there can be.
  const isEarliest = to?.instant === toGrid && from !== undefined && isWhole && hasCosts;
  if (!pastCutoff && !isEarliest) return { kind: "wait" };
  if (to === undefined) {
    const next = windowEnd(contract, gridInstantAtOrAfter(contract, toGrid + 1));
    return next <= toGrid
      ? { kind: "suppress", code: "CONTRACT_ENDED", to }
      : { kind: "extend", toGrid: next };
  }
  if (from === undefined) return { kind: "suppress", code: "NO_INSTALLATION_BORDER", to };
  if (!isWhole) return { kind: "suppress", code: "METER_OR_KEY_CHANGED", to };
  return { kind: "seal", from, to };
}

/**
 * Opens the first window of every service point that has none, and ends open ones where a contract
 * does; called when the registry changes.
 */
export async function planWindows(store: Store, { view, policy }: RegistryContext): Promise<void> {
  await store.transaction(async (sql) => {
    const known = await sql.query<{ service_point: string }>(
      `select distinct service_point from bill_window`,
    );
    const billed = new Set(known.map((row) => row.service_point));
    const rows = view.document.servicePoints
      .filter(({ network }) => !billed.has(network))
      .flatMap((point): SqlValue[][] => {
        const contract = { ...contractOf(point, policy), afterSeconds: 0 };
        const windowDaysMin = policy.billWindowDaysMin;
        const window = nextContractWindow({ ...contract, windowDaysMin });
        if (window === undefined) return [];
        return [[point.network, window.fromSeconds, window.toSeconds, "OPEN"]];
      });
    const columns = {
      service_point: "text",
      from_grid: "int8",
      to_grid: "int8",
      state: "text",
    } as const;
    await insertMany(sql, "bill_window", columns, rows);
    await endWindows(sql, { view, policy });
  });
}

type Registered = Pick<RegistryContext, "view" | "policy">;

/** Open windows of contracts that end, as far as their end is known now. */
async function endWindows(sql: Sql, { view, policy }: Registered): Promise<void> {
  const ending = view.document.servicePoints.filter(({ contractEnd }) => contractEnd !== null);
  const open = await sql.query<{ service_point: string; from_grid: bigint; to_grid: bigint }>(
    `select service_point, from_grid, to_grid from bill_window
      where state = 'OPEN' and service_point = any($1::text[])`,
    [ending.map(({ network }) => network)],
  );
  const ends = open.flatMap(({ service_point: network, from_grid, to_grid }) => {
    const point = view.servicePoint(network);
    if (point === undefined) return [];
    const end = windowEnd(contractOf(point, policy), Number(to_grid));
    return end === Number(to_grid) ? [] : [{ network, fromGrid: Number(from_grid), end }];
  });
  await sql.query(
    `update bill_window w set to_grid = e.to_grid
      from unnest($1::text[], $2::int8[], $3::int8[]) as e(service_point, from_grid, to_grid)
      where w.service_point = e.service_point and w.from_grid = e.from_grid
       and e.to_grid > e.from_grid`,
    [
      ends.map(({ network }) => network),
      ends.map(({ fromGrid }) => fromGrid),
      ends.map(({ end }) => end),
    ],
  );
}

function contractOf(point: ServicePoint, policy: Registered["policy"]): Contract {
  return {
    grid: policy.billGrid,
    zone: point.zone,
    contractStartSeconds: point.contractStart,
    contractEndSeconds: point.contractEnd,
  };
}

/**
 * Decides open windows that can be decided now, in one transaction; true while there may be more.
 * Contributions arrive meanwhile. Each says one thing once (it is there, later it may be contradicted)
 * and none is read twice to decide: what a decision did not see counts as having come after it.
 */
export function decideWindows(
  store: Store,
  registry: RegistryContext,
  nowSeconds: number,
): Promise<boolean> {
  const { billCutoffSeconds, billWindowDaysMin } = registry.policy;
  return store.transaction(async (sql) => {
    const windows = await loadDecidable(sql, registry.view, billCutoffSeconds, nowSeconds);
    const decided: Decided[] = [];
    const next: SqlValue[][] = [];
    for (const window of windows) {
      const point = registry.view.servicePoint(window.servicePoint);
      // The registry never forgets; a view that did is not acted on.
      if (point === undefined) continue;
      const contract = contractOf(point, registry.policy);
      const asked = { ...window, ...(await bordersThere(sql, point, window, registry)) };
      const decision = decideWindow(asked, contract, billCutoffSeconds, nowSeconds);
      if (decision.kind === "wait") continue;
      decided.push({ window, decision });
      if (decision.kind === "extend" || decision.to === undefined) continue;
      const { block, slot, instant } = decision.to;
      const following = nextContractWindow({
        ...contract,
        windowDaysMin: billWindowDaysMin,
        afterSeconds: window.toGrid,
      });
      if (following === undefined) continue;
      const grid = [point.network, following.fromSeconds, following.toSeconds];
      next.push([...grid, block, slot, instant, "OPEN"]);
    }
    const columns = {
      service_point: "text",
      from_grid: "int8",
      to_grid: "int8",
      from_block: "int8",
      from_slot: "int4",
      from_border: "int8",
      state: "text",
    } as const;
    await applyDecisions(sql, decided, nowSeconds);
    await insertMany(sql, "bill_window", columns, next);
    return decided.length > 0;
  });
}

/** Whether what was registered at each exchange of the window's meters, and the cost, is in the ledger. */
async function bordersThere(
  sql: Sql,
  point: ServicePoint,
  { from, to }: OpenWindow,
  registry: RegistryContext,
): Promise<Pick<OpenWindow, "hasExchanges" | "hasCosts">> {
  const isOne = from?.origin === to?.origin;
  if (from === undefined || to === undefined || (isOne && point.prices === undefined)) return {};
  const ends = { earlier: from.encoded, later: to.encoded, isSealed: false };
  const chain = await meterChain(sql, point, ends);
  const hasExchanges = !isOne && chain !== undefined;
  if (point.prices === undefined || chain === undefined) return { hasExchanges };
  return { hasExchanges, hasCosts: await isCostThere(sql, point, chain, registry) };
}

interface Decided {
  readonly window: OpenWindow;
  readonly decision: Exclude<Decision, { readonly kind: "wait" }>;
}

/** One statement for all: what a decision does not set stays as it is. */
async function applyDecisions(
  sql: Sql,
  decided: readonly Decided[],
  nowSeconds: number,
): Promise<void> {
  if (decided.length === 0) return;
  const rows = decided.map(({ window, decision }) => {
    const from = decision.kind === "seal" ? decision.from : undefined;
    const to = decision.kind === "extend" ? undefined : decision.to;
    const open = decision.kind === "extend";
    return {
      servicePoint: window.servicePoint,
      fromGrid: window.fromGrid,
      toGrid: open ? decision.toGrid : window.toGrid,
      from: [from?.block ?? null, from?.slot ?? null, from?.instant ?? null] as const,
      to: [to?.block ?? null, to?.slot ?? null, to?.instant ?? null] as const,
      sealedAt: open ? null : nowSeconds,
      state: open ? "OPEN" : decision.kind === "seal" ? "SEALED" : "SUPPRESSED",
      codes: decision.kind === "suppress" ? decision.code : "",
    };
  });
  await sql.query(
    `update bill_window w set to_grid = d.to_grid,
       from_block = coalesce(d.from_block, w.from_block),
       from_slot = coalesce(d.from_slot, w.from_slot),
       from_border = coalesce(d.from_border, w.from_border),
       to_block = d.to_block, to_slot = d.to_slot, to_border = d.to_border,
       sealed_at = d.sealed_at, state = d.state, codes = d.codes
      from unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::int4[], $6::int8[],
         $7::int8[], $8::int4[], $9::int8[], $10::int8[], $11::text[], $12::text[])
       as d(service_point, from_grid, to_grid, from_block, from_slot, from_border,
         to_block, to_slot, to_border, sealed_at, state, codes)
      where w.service_point = d.service_point and w.from_grid = d.from_grid`,
    [
      rows.map(({ servicePoint }) => servicePoint),
      rows.map(({ fromGrid }) => fromGrid),
      rows.map(({ toGrid }) => toGrid),
      ...([0, 1, 2] as const).map((column) => rows.map(({ from }) => from[column])),
      ...([0, 1, 2] as const).map((column) => rows.map(({ to }) => to[column])),
      rows.map(({ sealedAt }) => sealedAt),
      rows.map(({ state }) => state),
      rows.map(({ codes }) => codes),
    ],
  );
}

/**
 * Opens refused windows again, up to the end of the next one, when the bill by itself would show a
 * part of somebody's readings beside all that was released (§8.3, R5): over two windows it may hide
 * it. Only while the next one is open; once that is asked for, the refusal is final. The code stays,
 * to say why the window is longer.
 */
export async function extendExposed(sql: Sql, refused: readonly Uint8Array[]): Promise<void> {
  await sql.query(
    `with exposed as (
       select service_point, from_grid, to_grid from bill_window
        where digest = any($1::bytea[]) and state = 'SUPPRESSED'
          and 'R5_EXPOSED' = any(string_to_array(codes, ','))),
     following as (
       delete from bill_window n using exposed e
        where n.service_point = e.service_point and n.from_grid = e.to_grid and n.state = 'OPEN'
        returning e.service_point, e.from_grid, n.to_grid)
     update bill_window w set to_grid = f.to_grid, state = 'OPEN', to_block = null,
       to_slot = null, to_border = null, digest = null, request = null, entry = null,
       sealed_at = null, cost = ''
      from following f where w.service_point = f.service_point and w.from_grid = f.from_grid`,
    [refused],
  );
}

interface WindowRow {
  readonly service_point: string;
  readonly from_grid: bigint;
  readonly to_grid: bigint;
  readonly from_block: bigint | null;
  readonly from_slot: number | null;
  readonly from_border: bigint | null;
  readonly from_origin: string | null;
  readonly from_encoded: Uint8Array | null;
  readonly to_block: bigint | null;
  readonly to_slot: number | null;
  readonly to_border: bigint | null;
  readonly to_origin: string | null;
  readonly to_encoded: Uint8Array | null;
}

interface InsideDay {
  readonly network: string;
  readonly instant: number;
}

const insideDaysOf = new WeakMap<NetworkView, readonly InsideDay[]>();

/** Exchanges that are at no midnight: their registers stand in the middle of a day. */
function exchangesInsideDays(view: NetworkView): readonly InsideDay[] {
  let known = insideDaysOf.get(view);
  if (known === undefined) {
    known = view.document.servicePoints.flatMap((point) =>
      exchangesOf(point)
        .filter((instant) => localDayStart(instant, point.zone) !== instant)
        .map((instant) => ({ network: point.network, instant })),
    );
    insideDaysOf.set(view, known);
  }
  return known;
}

/**
 * Open windows with the borders the ledger has for them. A border once shared with the window
 * before is fixed, even if it is in conflict by now; a new one is never an excluded contribution,
 * and never one of an exchange inside a day; where a meter ends and another begins, the one that ends.
 */
async function loadDecidable(
  sql: Sql,
  view: NetworkView,
  cutoffSeconds: number,
  nowSeconds: number,
): Promise<OpenWindow[]> {
  const insideDays = exchangesInsideDays(view);
  const border = "block, first_slot, instant, origin, encoded";
  const rows = await sql.query<WindowRow>(
    `select w.service_point, w.from_grid, w.to_grid,
       a.block as from_block, a.first_slot as from_slot, a.instant as from_border,
       a.origin as from_origin, a.encoded as from_encoded,
       b.block as to_block, b.first_slot as to_slot, b.instant as to_border, b.origin as to_origin,
       b.encoded as to_encoded
      from bill_window w
      left join lateral (
        select ${border} from contribution c
         where c.service_point = w.service_point and c.stream = 'BILL'
           and case when w.from_block is null
               then c.slots = 0 and not c.excluded and c.instant <= w.from_grid
               else c.block = w.from_block and c.first_slot = w.from_slot end
         order by c.instant limit 1) a on true
      left join lateral (
        select ${border} from contribution c
         where c.service_point = w.service_point and c.stream = 'BILL' and not c.excluded
           and c.instant between w.to_grid and w.to_grid + $1
           and not exists (select 1 from unnest($3::text[], $4::int8[]) as x(service_point, instant)
             where x.service_point = c.service_point and x.instant = c.instant)
         order by c.instant, c.slots = 0, c.first_slot limit 1) b on true
      where w.state = 'OPEN' and w.to_grid <= $2
        and (w.to_grid + $1 <= $2 or (b.instant = w.to_grid and a.block is not null))
      order by w.to_grid, w.service_point limit ${DECISIONS_MAX}`,
    [
      cutoffSeconds,
      nowSeconds,
      insideDays.map(({ network }) => network),
      insideDays.map(({ instant }) => instant),
    ],
  );
  return rows.map((row) => ({
    servicePoint: row.service_point,
    fromGrid: Number(row.from_grid),
    toGrid: Number(row.to_grid),
    from: borderOf(
      row.from_block,
      row.from_slot,
      row.from_border,
      row.from_origin,
      row.from_encoded,
    ),
    to: borderOf(row.to_block, row.to_slot, row.to_border, row.to_origin, row.to_encoded),
  }));
}

function borderOf(
  block: bigint | null,
  slot: number | null,
  instant: bigint | null,
  origin: string | null,
  encoded: Uint8Array | null,
): Border | undefined {
  if (block === null || slot === null || instant === null) return undefined;
  if (origin === null || encoded === null) return undefined;
  return { block: Number(block), slot, instant: Number(instant), origin, encoded };
}
