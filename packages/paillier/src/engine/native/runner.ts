/**
 * Runs jobs in the native addon, on the process's thread pool (UV_THREADPOOL_SIZE, by default 4),
 * of which it never takes more than its own number of threads. Keys are opened once and shared by
 * all engines of the process; a secret key is wiped when it falls out of the cache, and at `close`.
 */
import { concatBytes } from "../../big-endian.ts";
import { PaillierError } from "../../errors.ts";
import type { EngineKey, EngineSecretKey } from "../engine.ts";
import {
  splitJob,
  type ChunkSizes,
  type EncryptSecretJob,
  type Job,
  type PublicJob,
  type Runner,
} from "../job.ts";
import type { AddonKey, Kernel, NativeAddon } from "./addon.ts";
import { closedError, Turns } from "./turns.ts";

export type NativeRunnerOptions = {
  readonly kernel: Kernel;
  readonly threads: number;
  readonly jobsMax: number;
};

/** About 25 ms of work at 3072 bits on eight lanes, five times that without them. */
const chunkSizes: ChunkSizes = {
  warm: 1,
  encrypt: 128,
  encryptSecret: 128,
  rerandomize: 128,
  blind: 128,
  encryptBlinded: 2_048,
  check: 2_048,
  product: 512,
  weightedProduct: 256,
  repack: 8,
  subtract: 256,
  power: 8,
  decrypt: 32,
};
/** Factors of a product that one thread multiplies in one go; larger groups are shared. */
const factorsMax = 2_048;

/**
 * Windows of the fixed-base table that is built ahead or after `narrowEncryptionsMax` encryptions;
 * before, the addon makes do with one of 4 bits (benchmarks/paillier: memory and build time).
 */
const wideWindowBits = 9;
const narrowEncryptionsMax = 1_000;
/** Keys that are kept open: the current one and its successor; the oldest goes first. */
const keysMax = 2;

type OpenKey = {
  readonly key: AddonKey;
  encryptions: number;
  /** Under way or done: the wide table; of a secret key, what encrypts with it. */
  wide: Promise<unknown> | undefined;
};

export function createNativeRunner(
  addon: NativeAddon,
  { kernel, threads, jobsMax }: NativeRunnerOptions,
): Runner {
  const publicKeys = new Map<string, OpenKey>();
  const secretKeys = new Map<string, OpenKey>();
  const turns = new Turns(threads, jobsMax, runChunk);
  let closed = false;

  function open(keys: Map<string, OpenKey>, id: string, make: () => AddonKey): OpenKey {
    const known = keys.get(id) ?? { key: make(), encryptions: 0, wide: undefined };
    keep(keys, id, known, ({ key }) => addon.close(key));
    return known;
  }

  const publicKey = ({ id, n, hs }: EngineKey): OpenKey =>
    open(publicKeys, id, () => addon.openPublicKey(n, hs, kernel));

  const secretKey = ({ id, p, q }: EngineSecretKey): OpenKey =>
    open(secretKeys, id, () => addon.openSecretKey(p, q, kernel));

  const keyOf = (job: Job): OpenKey =>
    job.operation === "decrypt" || job.operation === "encryptSecret"
      ? secretKey(job.key)
      : publicKey(job.key);

  /** Builds the wide table, once; a build that failed is tried again by the next call. */
  async function widen(
    known: OpenKey,
    operation: "buildTable" | "buildSecretTables",
    hs?: Uint8Array,
  ): Promise<void> {
    known.wide ??= addon.run(operation, known.key, hs, undefined, undefined, wideWindowBits);
    try {
      await known.wide;
    } catch (error) {
      known.wide = undefined;
      throw failureOf(operation, error);
    }
  }

  const widenPublic = (key: EngineKey): Promise<void> => widen(publicKey(key), "buildTable");

  const widenSecret = ({ key, publicKey: { hs } }: EncryptSecretJob): Promise<void> =>
    widen(secretKey(key), "buildSecretTables", hs);

  async function runChunk(job: Job): Promise<Uint8Array> {
    const [first, second = job.exponent] = job.columns;
    const groupSizes = job.groupSizes && Uint32Array.from(job.groupSizes);
    const operation = job.operation === "warm" ? "buildTable" : job.operation;
    try {
      const running = addon.run(
        operation,
        keyOf(job).key,
        first,
        second,
        groupSizes,
        job.shiftBits ?? 0,
      );
      for (const column of job.columns) column.fill(0); // our copies; the addon has its own
      return await running;
    } catch (error) {
      throw failureOf(job.operation, error);
    }
  }

  async function run(job: Job): Promise<Uint8Array> {
    if (closed) throw closedError();
    if (job.count === 0) return new Uint8Array(0); // of nothing, without a table
    if (job.operation === "encryptSecret") await widenSecret(job);
    if (isBlinding(job)) {
      const known = publicKey(job.key);
      known.encryptions += job.count;
      if (known.encryptions > narrowEncryptionsMax) await widenPublic(job.key);
    }
    if (isProduct(job) && job.groupSizes.some((size) => size > factorsMax)) {
      return runInParts(job);
    }
    return concatBytes(await turns.run(splitJob(job, threads, chunkSizes)));
  }

  /** Large groups as products of products. */
  async function runInParts(job: ProductJob): Promise<Uint8Array> {
    const parts = job.groupSizes.map((size) => Math.ceil(size / factorsMax));
    const groupSizes = job.groupSizes.flatMap((size) => partSizes(size));
    const { key } = job;
    const partial = await run({ ...job, count: groupSizes.length, groupSizes });
    return run({
      operation: "product",
      key,
      count: parts.length,
      columns: [partial],
      groupSizes: parts,
    });
  }

  return {
    run,
    warm: async (key) => {
      if (closed) throw closedError();
      await widenPublic(key);
    },
    close: async () => {
      closed = true;
      turns.close();
      for (const { key } of publicKeys.values()) addon.close(key);
      for (const { key } of secretKeys.values()) addon.close(key);
      publicKeys.clear();
      secretKeys.clear();
    },
  };
}

function isBlinding(job: Job): job is PublicJob {
  const { operation } = job;
  return operation === "encrypt" || operation === "rerandomize" || operation === "blind";
}

type ProductJob = PublicJob & { readonly groupSizes: readonly number[] };

function isProduct(job: Job): job is ProductJob {
  const isOne = job.operation === "product" || job.operation === "weightedProduct";
  return isOne && job.groupSizes !== undefined;
}

function partSizes(size: number): number[] {
  const parts = Array.from({ length: Math.floor(size / factorsMax) }, () => factorsMax);
  return size % factorsMax === 0 ? parts : [...parts, size % factorsMax];
}

/** Makes `value` the youngest of what is kept, and lets the oldest go when there are too many. */
function keep<Value>(
  kept: Map<string, Value>,
  id: string,
  value: Value,
  release: (value: Value) => void,
): void {
  kept.delete(id);
  kept.set(id, value);
  if (kept.size <= keysMax) return;
  for (const [oldest, old] of kept) {
    kept.delete(oldest);
    release(old);
    return;
  }
}

function failureOf(operation: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "NOT_A_UNIT") {
    const message = `cannot ${operation} a ciphertext`;
    return new PaillierError("PAILLIER_CIPHERTEXT_INVALID", message);
  }
  if (code === "BASE_NOT_A_UNIT") {
    return new PaillierError("PAILLIER_KEY_INVALID", `cannot ${operation}: hs is not coprime to n`);
  }
  if (code === "NO_MEMORY") {
    return new PaillierError("PAILLIER_ENGINE_FAILED", `${operation}: out of memory`);
  }
  return error;
}
