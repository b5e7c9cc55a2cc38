/**
 * One engine call as a message: what a thread works on, and how a large call falls into chunks that
 * several threads share.
 */
import type { EngineKey, EngineSecretKey } from "./engine.ts";

export type PublicOperation =
  | "warm"
  | "encrypt"
  | "rerandomize"
  | "blind"
  | "encryptBlinded"
  | "check"
  | "product"
  | "weightedProduct"
  | "repack"
  | "subtract"
  | "power";

/**
 * `columns` are flat buffers with one item per result each: (messages, blindings), (ciphertexts,
 * blindings), (powers, messages), (minuends, subtrahends), and so on. Where there are `groupSizes`,
 * a result takes `groupSizes[i]` items of each column.
 */
type Batch = {
  readonly count: number;
  readonly columns: readonly Uint8Array[];
  readonly groupSizes?: readonly number[];
  /** Of `repack`. */
  readonly shiftBits?: number;
  /** Of `power`; secret. */
  readonly exponent?: Uint8Array;
};

export type PublicJob = Batch & { readonly operation: PublicOperation; readonly key: EngineKey };
export type DecryptJob = Batch & {
  readonly operation: "decrypt";
  readonly key: EngineSecretKey;
};
export type EncryptSecretJob = Batch & {
  readonly operation: "encryptSecret";
  readonly key: EngineSecretKey;
  readonly publicKey: EngineKey;
};
export type Job = PublicJob | DecryptJob | EncryptSecretJob;

/** What runs jobs: threads of its own, or the calling thread. */
export type Runner = {
  /** The results, count × (item width of the operation's result) bytes. */
  run(job: Job): Promise<Uint8Array>;
  warm(key: EngineKey): Promise<void>;
  close(): Promise<void>;
};

/** Results per chunk at most, with a key of 3072 bits. */
export type ChunkSizes = Readonly<Record<Job["operation"], number>>;

/**
 * The chunks of `job` for `threads` threads, in order; each owns copies of its columns. As many for
 * each thread, of the same size, so that all end together; larger ones with a smaller key, whose
 * every multiplication costs the square of its length.
 */
export function splitJob(job: Job, threads: number, sizes: ChunkSizes): Job[] {
  const itemsMax = Math.max(1, Math.floor(sizes[job.operation] * (3072 / job.key.bits) ** 2));
  const rounds = Math.ceil(job.count / (itemsMax * threads));
  const items = Math.ceil(job.count / (rounds * threads));
  const chunks: Job[] = [];
  for (let from = 0; from < job.count; from += items) {
    chunks.push(sliceJob(job, from, Math.min(from + items, job.count)));
  }
  return chunks;
}

function sliceJob(job: Job, from: number, to: number): Job {
  const itemsBefore = (result: number) =>
    job.groupSizes?.slice(0, result).reduce((sum, size) => sum + size, 0) ?? result;
  const items = itemsBefore(job.count);
  const columns = job.columns.map((column) => {
    const widthBytes = column.length / items;
    // Not slice(): of a Buffer that is a view, and the runner wipes its copies.
    return new Uint8Array(
      column.subarray(itemsBefore(from) * widthBytes, itemsBefore(to) * widthBytes),
    );
  });
  const groupSizes = job.groupSizes?.slice(from, to);
  return { ...job, count: to - from, columns, ...(groupSizes && { groupSizes }) };
}
