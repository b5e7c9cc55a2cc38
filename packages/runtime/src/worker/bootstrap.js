/**
 * Starts a TypeScript worker on a Node.js that does not strip types itself (before 22.18). Plain
 * JavaScript, because such a Node.js can load nothing else as the first file of a thread, and
 * `--import tsx` does not reach worker threads there.
 */
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.module);
