/**
 * Worker threads that share the chunks of jobs. Jobs take turns chunk by chunk, so a small one is
 * not stuck behind a large one. A job that asks for decryption puts the secret key into the threads
 * that work on it; what they keep of it (arithmetic.ts) ends with them, at `close`.
 */
import { Worker } from "node:worker_threads";

import { concatBytes } from "../../big-endian.ts";
import { PaillierError } from "../../errors.ts";
import { splitJob, type ChunkSizes, type Job, type Runner } from "../job.ts";
import type { Reply } from "./worker.ts";

export type PoolOptions = {
  readonly threads: number;
  /** Jobs accepted and not finished; one more is refused with PAILLIER_ENGINE_BUSY. */
  readonly jobsMax: number;
};

/** About 25 ms of work at 3072 bits, so that a small call never waits long behind a large one. */
const chunkSizes: ChunkSizes = {
  warm: 1,
  encrypt: 8,
  encryptSecret: 8,
  rerandomize: 8,
  blind: 8,
  encryptBlinded: 256,
  check: 256,
  product: 8,
  weightedProduct: 8,
  repack: 1,
  subtract: 256, // shares one inversion
  power: 1,
  decrypt: 4,
};

/** A job under way; `thread` when only that one may take it. */
type Task = {
  readonly chunks: readonly Job[];
  readonly results: Uint8Array[];
  readonly thread: number | undefined;
  readonly settle: (outcome: Uint8Array[] | PaillierError) => void;
  next: number;
  running: number;
};

type Thread = { readonly worker: Worker; task: Task | undefined; chunk: number };

export function createPool({ threads, jobsMax }: PoolOptions): Runner {
  const slots = Array.from({ length: threads }, (): Thread | undefined => undefined);
  const tasks: Task[] = [];
  let closed = false;

  function submit(chunks: readonly Job[], thread?: number): Promise<Uint8Array[]> {
    if (closed) return Promise.reject(closedError());
    if (chunks.length === 0) return Promise.resolve([]);
    if (tasks.length >= jobsMax) {
      const message = `${jobsMax} engine calls are waiting: try again later`;
      return Promise.reject(new PaillierError("PAILLIER_ENGINE_BUSY", message));
    }
    return new Promise((resolve, reject) => {
      const settle = (outcome: Uint8Array[] | PaillierError) =>
        outcome instanceof PaillierError ? reject(outcome) : resolve(outcome);
      tasks.push({ chunks, results: [], thread, settle, next: 0, running: 0 });
      for (let slot = 0; slot < threads; slot++) dispatch(slot);
    });
  }

  /** Gives the next chunk of the next task to the thread in `slot`, if it is idle. */
  function dispatch(slot: number): void {
    if (closed || slots[slot]?.task !== undefined) return;
    const task = tasks.find(
      (t) => t.next < t.chunks.length && (t.thread === undefined || t.thread === slot),
    );
    const chunk = task?.chunks[task.next];
    if (task === undefined || chunk === undefined) return;
    tasks.push(...tasks.splice(tasks.indexOf(task), 1)); // the others first, next time
    const thread = (slots[slot] ??= start(slot));
    thread.task = task;
    thread.chunk = task.next++;
    task.running++;
    thread.worker.ref();
    thread.worker.postMessage(
      chunk,
      chunk.columns.map((column) => column.buffer as ArrayBuffer), // slices of ours: moved
    );
  }

  function start(slot: number): Thread {
    const script = new URL("./paillier-worker.js", import.meta.url);
    const worker = new Worker(script, { execArgv: [] }); // our flags (--input-type) may not fit
    const thread: Thread = { worker, task: undefined, chunk: 0 };
    worker.unref(); // an idle pool does not keep the process
    let cause: unknown;
    worker.on("message", (reply: Reply) => {
      if (!closed) worker.unref(); // who awaits `close` waits for the thread's end
      finish(thread, reply.ok ? reply.result : new PaillierError(reply.code, reply.message));
      dispatch(slot);
    });
    worker.on("error", (error) => (cause = error));
    worker.on("exit", () => {
      if (slots[slot] === thread) slots[slot] = undefined; // the next chunk starts a fresh one
      const message = "a worker thread of the Paillier engine died";
      finish(thread, new PaillierError("PAILLIER_ENGINE_FAILED", message, { cause }));
      dispatch(slot);
    });
    return thread;
  }

  /** Takes the result of a chunk; a failed chunk ends its task, whose other results are dropped. */
  function finish(thread: Thread, result: Uint8Array | PaillierError): void {
    const { task, chunk } = thread;
    if (task === undefined) return;
    thread.task = undefined;
    task.running--;
    if (result instanceof PaillierError) {
      task.next = task.chunks.length;
      task.settle(result);
    } else {
      task.results[chunk] = result;
    }
    if (task.running === 0 && task.next === task.chunks.length) {
      tasks.splice(tasks.indexOf(task), 1);
      task.settle(task.results); // no effect after a failure
    }
  }

  return {
    run: async (job) => concatBytes(await submit(splitJob(job, threads, chunkSizes))),
    warm: async (key) => {
      const job: Job = { operation: "warm", key, count: 1, columns: [] };
      await Promise.all(slots.map((_, slot) => submit([job], slot)));
    },
    close: async () => {
      closed = true;
      for (const task of tasks.splice(0)) task.settle(closedError());
      const threads = slots.splice(0).filter((thread) => thread !== undefined);
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

function closedError(): PaillierError {
  return new PaillierError("PAILLIER_ENGINE_CLOSED", "the Paillier engine is closed");
}
