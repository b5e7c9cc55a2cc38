/**
 * The operator's stored hashes, in tiles of 256 as C2SP tlog-tiles lays them out: tile (level, index) holds the roots
 * of the perfect subtrees of 2^(8·level) leaves from 256·index on. A proof reads about two tiles a level, whatever the
 * size; appending rewrites the last tile of each level that grows.
 */
import assert from "node:assert/strict";
import { concatBytes, HASH_BYTES, nodeHash } from "@smarter-metering/protocol";
import { insertMany, type Sql } from "@smarter-metering/runtime";
import type { SubtreeReader } from "./tree.ts";

const TILE_LEVELS = 8;
const TILE_HASHES = 2 ** TILE_LEVELS;

export const tileStatements: readonly string[] = [
  `create table log_tile (
    level int4 not null,
    tile int8 not null,
    hashes bytea not null,
    primary key (level, tile))`,
];

/** Reads and appends within one transaction, or reads for one proof; it keeps every tile that it has read. */
export class Tiles {
  readonly #sql: Sql;
  readonly #tiles = new Map<string, Promise<Uint8Array[]>>();
  readonly #changed = new Map<string, readonly [level: number, tile: number]>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Of perfect subtrees that are complete: what proofs ask for. */
  readonly subtree: SubtreeReader = async (level, index) => {
    const tileLevel = Math.floor(level / TILE_LEVELS);
    const count = 2 ** (level % TILE_LEVELS);
    const first = index * count;
    const tile = await this.#tile(tileLevel, Math.floor(first / TILE_HASHES));
    const start = first % TILE_HASHES;
    assert(start + count <= tile.length, `the log has no subtree ${level}/${index}`);
    return perfectRoot(tile.slice(start, start + count));
  };

  /** Appends leaf hashes to a tree of `size` leaves. */
  async append(size: number, leaves: readonly Uint8Array[]): Promise<void> {
    for (const [at, leaf] of leaves.entries()) await this.#push(0, size + at, leaf);
  }

  async save(): Promise<void> {
    const rows = [...this.#changed.values()].map(async ([level, tile]) => {
      return [level, tile, concatBytes(...(await this.#tile(level, tile)))] as const;
    });
    const columns = { level: "int4", tile: "int8", hashes: "bytea" } as const;
    const onConflict = "(level, tile) do update set hashes = excluded.hashes";
    await insertMany(this.#sql, "log_tile", columns, await Promise.all(rows), { onConflict });
    this.#changed.clear();
  }

  async #push(level: number, position: number, hash: Uint8Array): Promise<void> {
    const index = Math.floor(position / TILE_HASHES);
    const tile = await this.#tile(level, index);
    assert(tile.length === position % TILE_HASHES, `tile ${level}/${index} is not in step`);
    tile.push(hash);
    this.#changed.set(`${level}/${index}`, [level, index]);
    if (tile.length === TILE_HASHES) await this.#push(level + 1, index, await perfectRoot(tile));
  }

  #tile(level: number, tile: number): Promise<Uint8Array[]> {
    const name = `${level}/${tile}`;
    const known = this.#tiles.get(name);
    if (known !== undefined) return known;
    const read = this.#read(level, tile);
    this.#tiles.set(name, read);
    return read;
  }

  async #read(level: number, tile: number): Promise<Uint8Array[]> {
    const [row] = await this.#sql.query<{ hashes: Uint8Array }>(
      "select hashes from log_tile where level = $1 and tile = $2",
      [level, tile],
    );
    const bytes = row?.hashes ?? new Uint8Array(0);
    return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) =>
      bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
    );
  }
}

async function perfectRoot(hashes: readonly Uint8Array[]): Promise<Uint8Array> {
  let row = hashes;
  while (row.length > 1) {
    const pairs: Promise<Uint8Array>[] = [];
    for (let at = 0; at < row.length; at += 2) {
      const [left, right] = [row[at], row[at + 1]];
      assert(left !== undefined && right !== undefined, "a power of two");
      pairs.push(nodeHash(left, right));
    }
    row = await Promise.all(pairs);
  }
  const [root] = row;
  assert(root !== undefined, "at least one hash");
  return root;
}
