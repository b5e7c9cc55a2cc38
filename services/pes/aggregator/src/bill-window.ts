/**
 * BILL windows: one service point between two borders (docs/protocol.md §7.3). Each service point
 * has one open window; when it is decided, the next one starts at its end with the same border. The
 * difference of two registers is still a ciphertext.
 *
 * Not billed here: a window in which the meter, its register bank or the Paillier key changed (a
 * request has exactly two borders; both sides of the change would be needed), and what is left of a
 * contract after its last whole window.
 */
import type { Engine } from "@smarter-metering/paillier";
import {
  decodeContribution,
  fromHex,
  type ReleaseRequest,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { insertMany, type Sql, type SqlValue, type Store } from "@smarter-metering/runtime";
import { gridInstantAtOrAfter, nextWindow, type ContractGrid } from "@smarter-metering/tariff";
import type { RegistryContext } from "./registry-context.ts";

/** Windows decided in one transaction; the caller comes again while there are more. */
const DECISIONS_MAX = 256;

/** A BILL contribution in the ledger that serves as a border. */
export interface Border {
  readonly block: number;
  readonly slot: number;
  readonly instant: number;
  /** Meter, register bank and key: the same at both borders of a bill. */
  readonly origin: string;
}

export interface OpenWindow {
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  /** Undefined while the installation contribution of a first window is missing. */
  readonly from: Border | undefined;
  /** The first BILL contribution at or after `toGrid` and within the cutoff. */
  readonly to: Border | undefined;
}

export type Decision =
  | { readonly kind: "wait" }
  | { readonly kind: "extend"; readonly toGrid: number }
  | { readonly kind: "seal"; readonly from: Border; readonly to: Border }
  | { readonly kind: "suppress"; readonly code: string; readonly to: Border | undefined };

/** What becomes of an open window at `nowSeconds`: a pure function. */
export function decideWindow(
  window: OpenWindow,
  contract: ContractGrid & { readonly contractEndSeconds: number | null },
  cutoffSeconds: number,
  nowSeconds: number,
): Decision {
  const { from, to, toGrid } = window;
  const pastCutoff = nowSeconds >= toGrid + cutoffSeconds;
  // Until the cutoff an earlier border may still arrive, unless this is the earliest there can be.
  if (!pastCutoff && (to?.instant !== toGrid || from === undefined)) return { kind: "wait" };
  if (to === undefined) {
    const next = gridInstantAtOrAfter(contract, toGrid + 1);
    const { contractEndSeconds } = contract;
    return contractEndSeconds !== null && next > contractEndSeconds
      ? { kind: "suppress", code: "CONTRACT_ENDED", to }
      : { kind: "extend", toGrid: next };
  }
  if (from === undefined) return { kind: "suppress", code: "NO_INSTALLATION_BORDER", to };
  if (from.origin !== to.origin) return { kind: "suppress", code: "METER_OR_KEY_CHANGED", to };
  return { kind: "seal", from, to };
}

/**
 * Opens the first window of every service point that has none; called when the registry changes.
 */
export async function openFirstWindows(
  store: Store,
  { view, policy }: RegistryContext,
): Promise<void> {
  await store.transaction(async (sql) => {
    const known = await sql.query<{ service_point: string }>(
      `select distinct service_point from bill_window`,
    );
    const billed = new Set(known.map((row) => row.service_point));
    const rows = view.document.servicePoints
      .filter(({ network }) => !billed.has(network))
      .map((point): SqlValue[] => {
        const contract = { ...contractOf(point, policy), afterSeconds: 0 };
        const window = nextWindow({ ...contract, windowDaysMin: policy.billWindowDaysMin });
        return [point.network, window.fromSeconds, window.toSeconds, "OPEN"];
      });
    const columns = {
      service_point: "text",
      from_grid: "int8",
      to_grid: "int8",
      state: "text",
    } as const;
    await insertMany(sql, "bill_window", columns, rows);
  });
}

function contractOf(
  point: ServicePoint,
  policy: RegistryContext["policy"],
): ContractGrid & { readonly contractEndSeconds: number | null } {
  return {
    grid: policy.billGrid,
    zone: point.zone,
    contractStartSeconds: point.contractStart,
    contractEndSeconds: point.contractEnd,
  };
}

/**
 * Decides open windows that can be decided now, in one transaction; true while there may be more.
 */
export function decideWindows(
  store: Store,
  registry: RegistryContext,
  nowSeconds: number,
): Promise<boolean> {
  const { billCutoffSeconds, billWindowDaysMin } = registry.policy;
  return store.transaction(async (sql) => {
    const windows = await loadDecidable(sql, billCutoffSeconds, nowSeconds);
    const next: SqlValue[][] = [];
    let decided = 0;
    for (const window of windows) {
      const point = registry.view.servicePoint(window.servicePoint);
      // The registry never forgets; a view that did is not acted on.
      if (point === undefined) continue;
      const contract = contractOf(point, registry.policy);
      const decision = decideWindow(window, contract, billCutoffSeconds, nowSeconds);
      if (decision.kind === "wait") continue;
      decided += 1;
      await applyDecision(sql, window, decision, nowSeconds);
      if (decision.kind === "extend" || decision.to === undefined) continue;
      const { block, slot, instant } = decision.to;
      const following = nextWindow({
        ...contract,
        windowDaysMin: billWindowDaysMin,
        afterSeconds: window.toGrid,
      });
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
    await insertMany(sql, "bill_window", columns, next);
    return decided > 0;
  });
}

async function applyDecision(
  sql: Sql,
  { servicePoint, fromGrid }: OpenWindow,
  decision: Exclude<Decision, { readonly kind: "wait" }>,
  nowSeconds: number,
): Promise<void> {
  const key = [servicePoint, fromGrid];
  if (decision.kind === "extend") {
    await sql.query(
      `update bill_window set to_grid = $3 where service_point = $1 and from_grid = $2`,
      [...key, decision.toGrid],
    );
    return;
  }
  const { to } = decision;
  const borders = [to?.block ?? null, to?.slot ?? null, to?.instant ?? null, nowSeconds];
  await sql.query(
    `update bill_window set to_block = $3, to_slot = $4, to_border = $5, sealed_at = $6,
       state = $7, codes = $8 where service_point = $1 and from_grid = $2`,
    decision.kind === "seal"
      ? [...key, ...borders, "SEALED", ""]
      : [...key, ...borders, "SUPPRESSED", decision.code],
  );
  if (decision.kind === "suppress") return;
  const { block, slot, instant } = decision.from;
  await sql.query(
    `update bill_window set from_block = $3, from_slot = $4, from_border = $5
      where service_point = $1 and from_grid = $2`,
    [...key, block, slot, instant],
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
  readonly to_block: bigint | null;
  readonly to_slot: number | null;
  readonly to_border: bigint | null;
  readonly to_origin: string | null;
}

/**
 * Open windows with the borders the ledger has for them. A border once shared with the window
 * before is fixed, even if it is in conflict by now; a new one is never an excluded contribution.
 */
async function loadDecidable(
  sql: Sql,
  cutoffSeconds: number,
  nowSeconds: number,
): Promise<OpenWindow[]> {
  const border = "block, first_slot, instant, origin";
  const rows = await sql.query<WindowRow>(
    `select w.service_point, w.from_grid, w.to_grid,
       a.block as from_block, a.first_slot as from_slot, a.instant as from_border,
       a.origin as from_origin,
       b.block as to_block, b.first_slot as to_slot, b.instant as to_border, b.origin as to_origin
      from bill_window w
      left join lateral (
        select ${border} from contribution c
         where c.service_point = w.service_point and c.stream = 'BILL'
           and case when w.from_block is null then c.slots = 0 and not c.excluded
               else c.block = w.from_block and c.first_slot = w.from_slot end
         order by c.instant limit 1) a on true
      left join lateral (
        select ${border} from contribution c
         where c.service_point = w.service_point and c.stream = 'BILL' and not c.excluded
           and c.instant between w.to_grid and w.to_grid + $1
         order by c.instant, c.first_slot limit 1) b on true
      where w.state = 'OPEN' and w.to_grid <= $2
        and (w.to_grid + $1 <= $2 or (b.instant = w.to_grid and a.block is not null))
      order by w.to_grid, w.service_point limit ${DECISIONS_MAX}`,
    [cutoffSeconds, nowSeconds],
  );
  return rows.map((row) => ({
    servicePoint: row.service_point,
    fromGrid: Number(row.from_grid),
    toGrid: Number(row.to_grid),
    from: borderOf(row.from_block, row.from_slot, row.from_border, row.from_origin),
    to: borderOf(row.to_block, row.to_slot, row.to_border, row.to_origin),
  }));
}

function borderOf(
  block: bigint | null,
  slot: number | null,
  instant: bigint | null,
  origin: string | null,
): Border | undefined {
  if (block === null || slot === null || instant === null || origin === null) return undefined;
  return { block: Number(block), slot, instant: Number(instant), origin };
}

/** A sealed window with its two contributions. */
export interface SealedWindow {
  readonly servicePoint: string;
  readonly fromGrid: number;
  readonly toGrid: number;
  readonly earlier: Uint8Array;
  readonly later: Uint8Array;
}

/** Sealed windows whose request is still to be made. */
export async function loadSealedWindows(sql: Sql, limit: number): Promise<SealedWindow[]> {
  const rows = await sql.query<{
    service_point: string;
    from_grid: bigint;
    to_grid: bigint;
    earlier: Uint8Array;
    later: Uint8Array;
  }>(
    `select w.service_point, w.from_grid, w.to_grid, a.encoded as earlier, b.encoded as later
      from bill_window w
      join contribution a on a.service_point = w.service_point and a.stream = 'BILL'
       and a.block = w.from_block and a.first_slot = w.from_slot
      join contribution b on b.service_point = w.service_point and b.stream = 'BILL'
       and b.block = w.to_block and b.first_slot = w.to_slot
      where w.state = 'SEALED' and w.request is null
      order by w.to_grid, w.service_point limit $1`,
    [limit],
  );
  return rows.map(({ service_point: servicePoint, from_grid, to_grid, earlier, later }) => {
    return { servicePoint, fromGrid: Number(from_grid), toGrid: Number(to_grid), earlier, later };
  });
}

/** Enc(b) · Enc(a)⁻¹ (§6.1): what the registers counted between the two borders. */
export async function makeBillRequest(
  window: SealedWindow,
  registry: RegistryContext,
  engine: Engine,
): Promise<ReleaseRequest> {
  const later = decodeContribution(window.later).ciphertext;
  const earlier = decodeContribution(window.earlier).ciphertext;
  return {
    terms: {
      kind: "BILL",
      registryEpoch: registry.epoch,
      networkPseudonym: fromHex(window.servicePoint, 16),
      fromGrid: window.fromGrid,
      toGrid: window.toGrid,
      paillierKeyId: registry.keyId,
      product: await engine.subtract(registry.key, later, earlier),
    },
    contributions: [window.earlier, window.later],
  };
}
