/**
 * LOAD sets: one cohort version, stream and block (docs/protocol.md §7.2). Sealing by the clock,
 * and the request that a sealed set makes. The product is recomputed here from the ledger's rows;
 * it is still a ciphertext.
 */
import type { Engine } from "@smarter-metering/paillier";
import {
  concatBytes,
  decodeContribution,
  type Cohort,
  type LoadRequest,
  type NetworkView,
  type ReleaseRequest,
} from "@smarter-metering/protocol";
import { insertMany, type Sql, type SqlValue, type Store } from "@smarter-metering/runtime";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
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
 * none ever arrived. Returns whether anything was sealed.
 */
export async function sealPastCutoff(
  store: Store,
  { view, policy }: RegistryContext,
  nowSeconds: number,
): Promise<boolean> {
  const closedSeconds = nowSeconds - policy.loadCutoffSeconds;
  return store.transaction(async (sql) => {
    await addMissingSets(sql, view, closedSeconds);
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

/**
 * Rows for the closed blocks of every cohort from which nothing came; a watermark per cohort keeps
 * this cheap.
 */
async function addMissingSets(sql: Sql, view: NetworkView, closedSeconds: number): Promise<void> {
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
  await insertMany(sql, "load_watermark", { cohort: "text", next_block: "int8" }, moved, {
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

/** Sealed sets whose request is still to be made, oldest first. */
export async function loadSealedSets(sql: Sql, limit: number): Promise<LoadSetKey[]> {
  const rows = await sql.query<Omit<LoadSetKey, "block"> & { block: bigint }>(
    `select cohort, version, stream, block from load_set
      where state = 'SEALED' and request is null
      order by block_end, cohort, version, stream limit $1`,
    [limit],
  );
  return rows.map((row) => ({ ...row, block: Number(row.block) }));
}

/**
 * The request of a sealed set, or WITHHELD when it is to be left out; undefined while the registry
 * at hand does not know the cohort version.
 */
export async function makeLoadRequest(
  sql: Sql,
  { cohort: id, version, stream, block }: LoadSetKey,
  registry: RegistryContext,
  engine: Engine,
): Promise<ReleaseRequest | typeof WITHHELD | undefined> {
  const cohort = registry.view.cohort(id, version);
  if (cohort === undefined) return undefined;
  // Canonical order: members ascend by pseudonym in the registry, and so do rows when compared byte
  // by byte.
  const rows = await sql.query<{ service_point: string; encoded: Uint8Array }>(
    `select service_point, encoded from contribution
      where cohort = $1 and version = $2 and stream = $3 and block = $4 and not excluded
      order by service_point collate "C", first_slot`,
    [id, version, stream, block],
  );
  const contributions = rows.map(({ encoded }) => decodeContribution(encoded));
  const headers = contributions.map(({ header }) => header);
  const set = { cohort: id, version, stream, block };
  if (await isToBeWithheld(sql, set, cohort, headers, registry)) return WITHHELD;
  const ciphertexts = contributions.map(({ ciphertext }) => ciphertext);
  const product = await engine.product(registry.key, concatBytes(...ciphertexts), [rows.length]);
  return {
    terms: {
      kind: "LOAD",
      stream,
      registryEpoch: registry.epoch,
      cohort: id,
      cohortVersion: version,
      blockStart: block,
      intervalSeconds: cohort.intervalSeconds,
      slotCount: blockOf(cohort, block).slots,
      members: memberBitmap(cohort, new Set(rows.map((row) => row.service_point))),
      paillierKeyId: registry.keyId,
      product,
    },
    contributions: rows.map(({ encoded }) => encoded),
  };
}

function memberBitmap(cohort: Cohort, present: ReadonlySet<string>): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(cohort.members.length / 8));
  for (const [index, member] of cohort.members.entries()) {
    if (present.has(member)) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bitmap;
}
