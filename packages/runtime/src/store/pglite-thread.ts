/** Starts the thread in which a database runs. */
import { Worker } from "node:worker_threads";
import type { PgliteInput } from "./pglite-wire.ts";

export function startPgliteWorker(input: PgliteInput): Worker {
  // execArgv is emptied: the parent's loaders (--import tsx, --test) have no use in the thread.
  const options = { workerData: input, execArgv: [], name: `pglite ${input.task}` };
  return new Worker(new URL("./pglite-worker.js", import.meta.url), options);
}
