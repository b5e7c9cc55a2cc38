/**
 * Sealed frames at rest (docs/protocol.md §2.5): BLOCK frames stay (retention.ts), a LIVE frame goes when a BLOCK of its meter covers it, in whichever
 * order the two arrive. The UCS holds no key and never sees a reading.
 */
import type { FrameKind } from "@smarter-metering/protocol";
import { insertMany, type Sql, type Store } from "@smarter-metering/runtime";

/** No frame spans more than a block, which is a local day of at most 25 hours. */
const BLOCK_SECONDS_MAX = 90_000;

export interface StoredFrame {
  readonly hash: Uint8Array;
  readonly servicePoint: string;
  readonly meter: string;
  readonly kind: FrameKind;
  readonly block: number;
  readonly firstSlot: number;
  /** [starts, ends), epoch seconds. */
  readonly starts: number;
  readonly ends: number;
  readonly sealed: Uint8Array;
}

export interface Added {
  /** Written now: neither known before nor LIVE under a BLOCK that is there. */
  readonly fresh: readonly StoredFrame[];
  /** Hashes of BLOCK frames that stand in another one's place; both are kept, the customer is to see it. */
  readonly flagged: readonly Uint8Array[];
}

export interface FrameRange {
  readonly servicePoint: string;
  readonly from: number;
  readonly to: number;
  /** The last frame of the page before. */
  readonly after?: FramePlace;
  readonly limit: number;
}

export interface FramePlace {
  readonly starts: number;
  readonly hash: Uint8Array;
}

const COLUMNS = {
  hash: "bytea",
  service_point: "text",
  meter: "text",
  kind: "text",
  block: "int8",
  first_slot: "int4",
  starts: "int8",
  ends: "int8",
  received_at: "int8",
  sealed: "bytea",
} as const;

const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString("latin1");

export class FrameStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Stores a batch in one transaction. Idempotent by frame hash. */
  add(frames: readonly StoredFrame[], nowSeconds: number): Promise<Added> {
    return this.#store.transaction(async (sql) => {
      const known = await sql.query<{ hash: Uint8Array }>(
        "select hash from ucs_frame where hash = any($1::bytea[])",
        [frames.map(({ hash }) => hash)],
      );
      const seen = new Set(known.map(({ hash }) => keyOf(hash)));
      const unknown = frames.filter(({ hash }) => !seen.has(keyOf(hash)) && seen.add(keyOf(hash)));
      await insertMany(
        sql,
        "ucs_frame",
        COLUMNS,
        unknown.map((frame) => rowOf(frame, nowSeconds)),
      );
      const dropped = await dropCovered(sql, unknown);
      const flagged = await flagForks(sql, unknown);
      return { fresh: unknown.filter(({ hash }) => !dropped.has(keyOf(hash))), flagged };
    });
  }

  /** Frames that overlap [from, to), in order of time; those without readings count by their instant. */
  async page(range: FrameRange): Promise<(FramePlace & { readonly sealed: Uint8Array })[]> {
    const { servicePoint, from, to, after, limit } = range;
    const rows = await this.#store.query<{ starts: bigint; hash: Uint8Array; sealed: Uint8Array }>(
      `select starts, hash, sealed from ucs_frame
      where service_point = $1 and starts > $2 and starts < $4 and (ends > $3 or starts >= $3)
        and (starts, hash) > ($5, $6)
      order by starts, hash limit $7`,
      [
        servicePoint,
        from - BLOCK_SECONDS_MAX,
        from,
        to,
        after?.starts ?? -1,
        after?.hash ?? new Uint8Array(0),
        limit,
      ],
    );
    return rows.map((row) => ({ ...row, starts: Number(row.starts) }));
  }
}

function rowOf(frame: StoredFrame, nowSeconds: number) {
  const { hash, servicePoint, meter, kind, block, firstSlot, starts, ends, sealed } = frame;
  const place = [hash, servicePoint, meter, kind, block, firstSlot, starts, ends];
  return [...place, nowSeconds, sealed];
}

/** Of the new LIVE frames, and of those that a new BLOCK may cover. */
async function dropCovered(sql: Sql, frames: readonly StoredFrame[]): Promise<Set<string>> {
  const live = frames.filter(({ kind }) => kind === "LIVE").map(({ hash }) => hash);
  const meters = frames.filter(({ kind }) => kind === "BLOCK").map(({ meter }) => meter);
  const rows = await sql.query<{ hash: Uint8Array }>(
    `delete from ucs_frame live
    where live.kind = 'LIVE' and (live.hash = any($1::bytea[]) or live.meter = any($2::text[]))
      and exists (select 1 from ucs_frame block
        where block.kind = 'BLOCK' and block.meter = live.meter
          and block.service_point = live.service_point and block.block = live.block
          and block.starts <= live.starts and block.ends >= live.ends)
    returning live.hash`,
    [live, [...new Set(meters)]],
  );
  return new Set(rows.map(({ hash }) => keyOf(hash)));
}

async function flagForks(sql: Sql, frames: readonly StoredFrame[]): Promise<Uint8Array[]> {
  const blocks = frames.filter(({ kind }) => kind === "BLOCK");
  const rows = await sql.query<{ hash: Uint8Array }>(
    `update ucs_frame frame set flagged = true
    where frame.kind = 'BLOCK' and not frame.flagged
      and frame.meter = any($1::text[]) and frame.block = any($2::int8[])
      and exists (select 1 from ucs_frame other
        where other.kind = 'BLOCK' and other.meter = frame.meter and other.block = frame.block
          and other.first_slot = frame.first_slot and other.hash <> frame.hash)
    returning frame.hash`,
    [
      [...new Set(blocks.map(({ meter }) => meter))],
      [...new Set(blocks.map(({ block }) => block))],
    ],
  );
  return rows.map(({ hash }) => hash);
}
