/**
 * A map whose next version shares what stays the same: an index of a million service points costs an epoch what the epoch changes. Run by
 * every party that reads a registry's view.
 */

/** Entries of a shard, about: what the first change in it copies. */
const SHARD_ENTRIES = 32;

export interface SharedMapEdit<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  /** The map with these changes; the edit is over. */
  done(): SharedMap<Value>;
}

export class SharedMap<Value> {
  readonly #shards: readonly ReadonlyMap<string, Value>[];

  private constructor(shards: readonly ReadonlyMap<string, Value>[]) {
    this.#shards = shards;
  }

  /** Of about `entries` in the end: more are slower to change, not to find. */
  static empty<Value>(entries: number): SharedMap<Value> {
    const bits = Math.ceil(Math.log2(Math.max(1, entries / SHARD_ENTRIES)));
    return new SharedMap<Value>(Array.from({ length: 2 ** bits }, () => new Map<string, Value>()));
  }

  get(key: string): Value | undefined {
    return this.#shards[shardOf(key, this.#shards.length)]?.get(key);
  }

  /** This map itself does not change. */
  edit(): SharedMapEdit<Value> {
    const shards = [...this.#shards];
    const own = new Map<number, Map<string, Value>>();
    const ownShard = (key: string): Map<string, Value> => {
      const index = shardOf(key, shards.length);
      let shard = own.get(index);
      if (shard === undefined) {
        shard = new Map(shards[index]);
        own.set(index, shard);
        shards[index] = shard;
      }
      return shard;
    };
    return {
      get: (key) => shards[shardOf(key, shards.length)]?.get(key),
      set: (key, value) => ownShard(key).set(key, value),
      delete: (key) => ownShard(key).delete(key),
      done: () => new SharedMap(shards),
    };
  }
}

/** FNV-1a, 32 bits; `shards` is a power of two. */
function shardOf(key: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) & (shards - 1);
}
