/**
 * LOAD sets: one cohort version, stream and block (docs/protocol.md §7.2). Sealing by the clock,
 * and the request that a sealed set makes. The product is recomputed here from the ledger's rows;
 * it is still a ciphertext.
 */
import type { Engine } from "@smarter-metering/paillier";
import { hasMember, presenceRuns } from "@smarter-metering/policy";
import {
  concatBytes,
  decodeContribution,
  toHex,
  type Cohort,
  type ContributionHeader,
  type LoadRequest,
  type MemberRun,
  type NetworkView,
} from "@smarter-metering/protocol";
import { insertMany, type Sql, type SqlValue, type Store } from "@smarter-metering/runtime";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { lockAllPartitions } from "./partition-lock.ts";
import { blockOf, type RegistryContext } from "./registry-context.ts";
import { isToBeWithheld, WITHHELD } from "./withhold.ts";

/** Blocks that one tick closes for one cohort; the next tick goes on. */
const BLOCKS_PER_TICK_MAX = 64;

export type LoadStream = LoadRequest["stream"];

export interface LoadSetKey {
  readonly cohort: string;
  readonly version: number;
  readonly stream: LoadStream;
  readonly block: number;
}

/**
 * Seals every set whose cutoff has passed, and suppresses those without a contribution, also where
 * none ever arrived. Returns whether anything was sealed. Nothing is recorded meanwhile: what is under
 * way is counted first, what comes after is late.
 */
export async function sealPastCutoff(
  store: Store,
  { view, policy }: RegistryContext,
  nowSeconds: number,
): Promise<boolean> {
  const closedSeconds = nowSeconds - policy.loadCutoffSeconds;
  const missing = await findMissingSets(store, view, closedSeconds);
  // Looked at first: the lock stops all aggregators, and hardly any tick has something to seal.
  if (missing.marks.length === 0 && !(await isAnyDue(store, closedSeconds))) return false;
  return store.transaction(async (sql) => {
    await lockAllPartitions(sql);
    await addMissingSets(sql, missing);
    const sealed = await sql.query(
      `update load_set set sealed_at = $1,
         state = case when covered > 0 then 'SEALED' else 'SUPPRESSED' end,
         codes = case when covered > 0 then '' else 'NO_CONTRIBUTIONS' end
        where state = 'OPEN' and block_end <= $2 returning block`,
      [nowSeconds, closedSeconds],
    );
    return sealed.length > 0;
  });
}

async function isAnyDue(sql: Sql, closedSeconds: number): Promise<boolean> {
  const due = await sql.query(
    "select 1 as one from load_set where state = 'OPEN' and block_end <= $1 limit 1",
    [closedSeconds],
  );
  return due.length > 0;
}

interface MissingSets {
  readonly sets: readonly (readonly SqlValue[])[];
  /** Each cohort's next block that is not closed. */
  readonly marks: readonly (readonly SqlValue[])[];
}

/**
 * Rows for the closed blocks of every cohort from which nothing may have come; a watermark per cohort
 * keeps this cheap.
 */
async function findMissingSets(
  sql: Sql,
  view: NetworkView,
  closedSeconds: number,
): Promise<MissingSets> {
  const marks = await sql.query<{ cohort: string; next_block: bigint }>(
    `select cohort, next_block from load_watermark`,
  );
  const watermarks = new Map(marks.map((mark) => [mark.cohort, Number(mark.next_block)]));
  const sets: SqlValue[][] = [];
  const moved: SqlValue[][] = [];
  for (const [id, first] of firstBlocks(view)) {
    const start = watermarks.get(id) ?? first;
    let block = start;
    for (let count = 0; count < BLOCKS_PER_TICK_MAX; count++) {
      const cohort = view.cohortAt(id, block);
      if (cohort === undefined || blockOf(cohort, block).endSeconds > closedSeconds) break;
      sets.push(...setRows(cohort, block));
      block = addLocalDays(block, 1, cohort.zone);
    }
    if (block !== start) moved.push([id, block]);
  }
  return { sets, marks: moved };
}

async function addMissingSets(sql: Sql, { sets, marks }: MissingSets): Promise<void> {
  const columns = {
    cohort: "text",
    version: "int4",
    stream: "text",
    block: "int8",
    block_end: "int8",
    members: "int4",
    slots: "int4",
    state: "text",
  } as const;
  await insertMany(sql, "load_set", columns, sets, {
    onConflict: "(cohort, version, stream, block) do nothing",
  });
  await insertMany(sql, "load_watermark", { cohort: "text", next_block: "int8" }, marks, {
    onConflict: "(cohort) do update set next_block = excluded.next_block",
  });
}

/** Each cohort's first block. */
function firstBlocks(view: NetworkView): Map<string, number> {
  const first = new Map<string, number>();
  for (const { id, fromBlock, zone } of view.document.cohorts) {
    const block = localDayStart(fromBlock, zone);
    first.set(id, Math.min(block, first.get(id) ?? block));
  }
  return first;
}

function setRows(cohort: Cohort, block: number): SqlValue[][] {
  const { endSeconds, slots } = blockOf(cohort, block);
  const streams: LoadStream[] = cohort.exportLoad ? ["LOAD", "LOAD_EXPORT"] : ["LOAD"];
  return streams.map((stream) => {
    const set = [cohort.id, cohort.version, stream, block, endSeconds];
    return [...set, cohort.members.length, slots, "OPEN"];
  });
}

/**
 * Sealed sets whose request is to be made now, oldest first. Trustees judge a request by the time at
 * which it is logged, for good: none is made before a complete block has ended, or before the cutoff
 * of any other.
 */
export async function loadSealedSets(
  sql: Sql,
  { policy }: RegistryContext,
  nowSeconds: number,
  limit: number,
): Promise<LoadSetKey[]> {
  const rows = await sql.query<Omit<LoadSetKey, "block"> & { block: bigint }>(
    `select cohort, version, stream, block from load_set
      where state = 'SEALED' and request is null and block_end <= $1
        and (valued = members * slots or block_end <= $2)
      order by block_end, cohort, version, stream limit $3`,
    [nowSeconds, nowSeconds - policy.loadCutoffSeconds, limit],
  );
  return rows.map((row) => ({ ...row, block: Number(row.block) }));
}

/** The contributions of a sealed set as they are stored, in canonical order. */
export async function contributionsOfSet(
  sql: Sql,
  { cohort, version, stream, block }: LoadSetKey,
): Promise<Uint8Array[]> {
  // Members ascend by pseudonym in the registry, and so do rows when compared byte by byte.
  const rows = await sql.query<{ encoded: Uint8Array }>(
    `select encoded from contribution
      where cohort = $1 and version = $2 and stream = $3 and block = $4 and not excluded
      order by service_point collate "C", first_slot`,
    [cohort, version, stream, block],
  );
  return rows.map(({ encoded }) => encoded);
}

/** What a sealed set holds, and the terms of its request: WITHHELD when it is to be left out. */
export interface SealedSet {
  readonly contributions: readonly Uint8Array[];
  readonly terms: LoadRequest | typeof WITHHELD;
}

/** Undefined while the registry at hand does not know the cohort version. */
export async function readSealedSet(
  sql: Sql,
  set: LoadSetKey,
  registry: RegistryContext,
  engine: Engine,
): Promise<SealedSet | undefined> {
  const cohort = registry.view.cohort(set.cohort, set.version);
  if (cohort === undefined) return undefined;
  const contributions = await contributionsOfSet(sql, set);
  const decoded = contributions.map(decodeContribution);
  const headers = decoded.map(({ header }) => header);
  if (await isToBeWithheld(sql, set, cohort, headers, registry)) {
    return { contributions, terms: WITHHELD };
  }
  const ciphertexts = concatBytes(...decoded.map(({ ciphertext }) => ciphertext));
  const product = await engine.product(registry.key, ciphertexts, [contributions.length]);
  const slotCount = blockOf(cohort, set.block).slots;
  const terms: LoadRequest = {
    kind: "LOAD",
    stream: set.stream,
    registryEpoch: registry.epoch,
    cohort: set.cohort,
    cohortVersion: set.version,
    blockStart: set.block,
    intervalSeconds: cohort.intervalSeconds,
    slotCount,
    ...membersOf(cohort, headers, slotCount),
    paillierKeyId: registry.keyId,
    product,
  };
  return { contributions, terms };
}

/** Who contributes at all, and who has a value in which slots. */
function membersOf(
  { members }: Cohort,
  headers: readonly ContributionHeader[],
  slotCount: number,
): { readonly members: Uint8Array; readonly runs: readonly MemberRun[] } {
  const partsOf = new Map<string, ContributionHeader[]>();
  for (const header of headers) {
    const servicePoint = toHex(header.networkPseudonym);
    const parts = partsOf.get(servicePoint);
    if (parts === undefined) partsOf.set(servicePoint, [header]);
    else parts.push(header);
  }
  const parts = members.map((member) => partsOf.get(member) ?? []);
  const bitmap = new Uint8Array(Math.ceil(members.length / 8));
  for (const [index, own] of parts.entries()) {
    if (own.length > 0) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  // A contribution's bitmap of slots has the format of one of members.
  const hasValue = (index: number, slot: number): boolean =>
    (parts[index] ?? []).some(({ firstSlot, count, bitmap: values }) => {
      const at = slot - firstSlot;
      return at >= 0 && at < count && hasMember(values, at);
    });
  return { members: bitmap, runs: presenceRuns(slotCount, members.length, hasValue) };
}
