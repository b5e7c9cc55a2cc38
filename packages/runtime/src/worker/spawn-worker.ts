/**
 * Starts a worker thread from a TypeScript file on every supported Node.js. Every process uses it.
 */
import { Worker, workerData } from "node:worker_threads";
import type { ResourceLimits } from "node:worker_threads";

export interface SpawnWorkerOptions {
  /** Handed to the worker by structured clone; the worker reads it with `workerInput`. */
  readonly input: unknown;
  /** Heap limits of the thread; a thread that passes them ends with ERR_WORKER_OUT_OF_MEMORY. */
  readonly resourceLimits?: ResourceLimits;
  /** Shown in debuggers and diagnostic reports. */
  readonly name?: string;
}

/**
 * Starts `module` (a file URL: `new URL("./x.ts", import.meta.url)`) as a worker thread. Where
 * Node.js cannot strip types, a `.ts` module is loaded through tsx; a bundled `.js` needs neither.
 */
export function spawnWorker(module: URL, options: SpawnWorkerOptions): Worker {
  const { input, ...threadOptions } = options;
  const needsTsx = module.pathname.endsWith(".ts") && !stripsTypes();
  const entry = needsTsx ? new URL("./bootstrap.js", import.meta.url) : module;
  // execArgv is emptied: the parent's loaders (--import tsx, --test) have no use in the thread.
  const workerData = { module: module.href, input };
  return new Worker(entry, { ...threadOptions, workerData, execArgv: [] });
}

/** Called inside a worker that `spawnWorker` started: its input, to be checked by the caller. */
export function workerInput(): unknown {
  const data: unknown = workerData;
  return typeof data === "object" && data !== null && "input" in data ? data.input : undefined;
}

function stripsTypes(): boolean {
  return "typescript" in process.features && Boolean(process.features.typescript);
}
