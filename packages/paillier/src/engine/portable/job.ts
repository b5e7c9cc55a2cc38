/**
 * One engine call as a message: what a worker thread receives, and how a large call falls into
 * chunks that several threads share.
 */
import type { EngineKey, EngineSecretKey } from "../engine.ts";

export type PublicOperation = "warm" | "encrypt" | "check" | "product" | "subtract" | "scale";

/**
 * `columns` are flat buffers with one item per result each: (messages, blindings?), (ciphertexts,
 * scalars), and so on; in a product a result takes `groupSizes[i]` items of the one column.
 */
type Batch = {
  readonly count: number;
  readonly columns: readonly Uint8Array[];
  readonly groupSizes?: readonly number[];
};

export type PublicJob = Batch & { readonly operation: PublicOperation; readonly key: EngineKey };
export type SecretJob = Batch & { readonly operation: "decrypt"; readonly key: EngineSecretKey };
export type Job = PublicJob | SecretJob;

/**
 * Results per chunk at most: about 25 ms of work at 3072 bits, so that a small call never waits
 * long behind a large one. A chunk of `subtract` shares one inversion: those are longer.
 */
const chunkItemsMax: Readonly<Record<Job["operation"], number>> = {
  warm: 1,
  encrypt: 8,
  check: 256,
  product: 8,
  subtract: 256,
  scale: 8,
  decrypt: 4,
};

/** The chunks of `job` for `threads` threads, in order; each owns copies of its columns. */
export function splitJob(job: Job, threads: number): Job[] {
  const items = Math.min(chunkItemsMax[job.operation], Math.ceil(job.count / threads));
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
    return column.slice(itemsBefore(from) * widthBytes, itemsBefore(to) * widthBytes);
  });
  const groupSizes = job.groupSizes?.slice(from, to);
  return { ...job, count: to - from, columns, ...(groupSizes && { groupSizes }) };
}
