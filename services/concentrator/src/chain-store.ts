/**
 * What the concentrator remembers of every meter's chain (docs/protocol.md §2.7): heads, the hashes
 * of the frames of the last 40 days, and evidence of forks. Holds what was signed (header, hash of
 * the body, signature), never a body.
 */
import {
  concatBytes,
  fromHex,
  placeInBlock,
  primitives,
  toHex,
  type ChainHead,
  type SealedFrame,
} from "@smarter-metering/protocol";
import { insertMany, type Migration, type Sql, type Store } from "@smarter-metering/runtime";
import { counterName, slotName, type BatchMemory } from "./judge-batch.ts";
import type { ExaminedFrame } from "./examine.ts";

/**
 * Frames are remembered this long: a fork or a repeat older than that meets the aggregator's
 * ledger.
 */
export const KEPT_DAYS = 40;
/** Forks kept of one meter; later ones are refused and counted all the same. */
const FORKS_PER_METER_MAX = 16;

export const chainMigration: Migration = {
  name: "0001-chain",
  statements: [
    `create table concentrator_head (
      meter bytea primary key, key_epoch int8 not null, counter int8 not null,
      hash bytea not null)`,
    `create table concentrator_frame (
      meter bytea not null, key_epoch int8 not null, counter int8 not null, hash bytea not null,
      block_start int8 not null, first_slot int4 not null, is_block bool not null,
      proof bytea not null, seen_seconds int8 not null, primary key (meter, key_epoch, counter))`,
    `create unique index concentrator_frame_slot
      on concentrator_frame (meter, block_start, first_slot) where is_block`,
    `create index concentrator_frame_seen on concentrator_frame (seen_seconds)`,
    `create table concentrator_fork (
      meter bytea not null, hash bytea not null, network text not null, proof bytea not null,
      known_hash bytea not null, known_proof bytea, seen_seconds int8 not null,
      primary key (meter, hash))`,
  ],
};

/** A frame refused because another one stands in its place. */
export interface Fork {
  readonly frame: ExaminedFrame;
  readonly knownHash: Uint8Array;
}

interface HeadRow {
  readonly meter: Uint8Array;
  readonly key_epoch: bigint;
  readonly counter: bigint;
  readonly hash: Uint8Array;
}

interface FrameRow extends HeadRow {
  readonly block_start: bigint;
  readonly first_slot: number;
  readonly is_block: boolean;
}

export class ChainStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Everything known that bears on `frames`. */
  async load(frames: readonly ExaminedFrame[]): Promise<BatchMemory> {
    const memory: BatchMemory = { heads: new Map(), counters: new Map(), slots: new Map() };
    if (frames.length === 0) return memory;
    const headers = frames.map(({ frame }) => frame.header);
    const meters = headers.map(({ meterId }) => meterId);
    const [heads, same] = await Promise.all([
      this.#store.query<HeadRow>("select * from concentrator_head where meter = any($1::bytea[])", [
        meters,
      ]),
      this.#store.query<FrameRow>(
        `select f.meter, f.key_epoch, f.counter, f.hash, f.block_start, f.first_slot, f.is_block
        from unnest($1::bytea[], $2::int8[], $3::int8[]) as asked (meter, key_epoch, counter)
        join concentrator_frame f using (meter, key_epoch, counter)
        union
        select f.meter, f.key_epoch, f.counter, f.hash, f.block_start, f.first_slot, f.is_block
        from unnest($1::bytea[], $4::int8[], $5::int4[]) as asked (meter, block_start, first_slot)
        join concentrator_frame f using (meter, block_start, first_slot) where f.is_block`,
        [
          meters,
          headers.map(({ keyEpoch }) => keyEpoch),
          headers.map(({ counter }) => counter),
          headers.map(({ blockStart }) => blockStart),
          headers.map(placeInBlock),
        ],
      ),
    ]);
    for (const row of heads) memory.heads.set(toHex(row.meter), headOf(row));
    for (const row of same) {
      const meterId = toHex(row.meter);
      const counter = counterName(meterId, Number(row.key_epoch), Number(row.counter));
      memory.counters.set(counter, row.hash);
      if (row.is_block) {
        memory.slots.set(slotName(meterId, Number(row.block_start), row.first_slot), row.hash);
      }
    }
    return memory;
  }

  /**
   * Writes inside the caller's transaction. `accepted` in the order of judgement: the last of a
   * meter is its head.
   */
  async write(
    sql: Sql,
    accepted: readonly ExaminedFrame[],
    forks: readonly Fork[],
    nowSeconds: number,
  ): Promise<void> {
    const heads = new Map(accepted.map((entry) => [entry.meterId, entry]));
    await insertMany(
      sql,
      "concentrator_head",
      { meter: "bytea", key_epoch: "int8", counter: "int8", hash: "bytea" },
      Array.from(heads.values(), ({ frame: { header }, hash }) => [
        header.meterId,
        header.keyEpoch,
        header.counter,
        hash,
      ]),
      {
        onConflict: `(meter) do update set key_epoch = excluded.key_epoch,
          counter = excluded.counter, hash = excluded.hash`,
      },
    );
    const rows = accepted.map(async ({ frame, hash }) => {
      const { meterId, keyEpoch, counter, blockStart, kind } = frame.header;
      const proof = await proofOf(frame);
      return [
        meterId,
        keyEpoch,
        counter,
        hash,
        blockStart,
        placeInBlock(frame.header),
        kind === "BLOCK",
        proof,
        nowSeconds,
      ];
    });
    await insertMany(
      sql,
      "concentrator_frame",
      {
        meter: "bytea",
        key_epoch: "int8",
        counter: "int8",
        hash: "bytea",
        block_start: "int8",
        first_slot: "int4",
        is_block: "bool",
        proof: "bytea",
        seen_seconds: "int8",
      },
      await Promise.all(rows),
    );
    for (const fork of forks) await quarantine(sql, fork, nowSeconds);
  }

  /** Service points of which a fork is kept. */
  async servicePointsForked(): Promise<number> {
    const [row] = await this.#store.query<{ count: number }>(
      "select count(distinct network)::int4 as count from concentrator_fork",
    );
    return row?.count ?? 0;
  }

  /** Forgets frames and forks older than 40 days. */
  async forget(nowSeconds: number): Promise<void> {
    const before = nowSeconds - KEPT_DAYS * 86_400;
    for (const table of ["concentrator_frame", "concentrator_fork"]) {
      await forgetRows(this.#store, table, before);
    }
    for (const table of ["concentrator_frame", "concentrator_head"]) {
      await this.#store.query(`vacuum ${table}`);
    }
  }
}

const ROWS_AT_ONCE = 5_000;
/** A million rows an hour: 100,000 meters with LIVE frames send less. What is left over goes in the next. */
const ROUNDS_MAX = 200;

async function forgetRows(sql: Sql, table: string, before: number): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const gone = await sql.query(
      `delete from ${table} where ctid = any(array(
        select ctid from ${table} where seen_seconds < $1 limit $2)) returning 1`,
      [before, ROWS_AT_ONCE],
    );
    if (gone.length < ROWS_AT_ONCE) return;
  }
}

const headOf = (row: HeadRow): ChainHead => ({
  keyEpoch: Number(row.key_epoch),
  counter: Number(row.counter),
  frameHash: row.hash,
});

/**
 * Header, hash of the body, signature: convicts the signer of two frames without showing either
 * (§1.2).
 */
async function proofOf(frame: SealedFrame): Promise<Uint8Array> {
  return concatBytes(frame.headerBytes, await primitives.sha256(frame.body), frame.signature);
}

async function quarantine(sql: Sql, { frame, knownHash }: Fork, nowSeconds: number): Promise<void> {
  const meter = fromHex(frame.meterId);
  const proof = await proofOf(frame.frame);
  await sql.query(
    `insert into concentrator_fork
    select $1, $2, $3, $4, $5,
      (select proof from concentrator_frame where meter = $1 and hash = $5), $6
    where (select count(*) from concentrator_fork where meter = $1) < $7
    on conflict do nothing`,
    [meter, frame.hash, frame.network, proof, knownHash, nowSeconds, FORKS_PER_METER_MAX],
  );
}
