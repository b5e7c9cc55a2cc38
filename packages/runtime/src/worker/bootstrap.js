/**
 * Starts a TypeScript worker on a Node.js that does not strip types itself (before 22.18). Plain
 * JavaScript, because such a Node.js can load nothing else as the first file of a thread, and
 * `--import tsx` does not reach worker threads there. Through `require`: tsx's loader for `import`
 * would start one more thread beside each worker.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { workerData } from "node:worker_threads";
import { register } from "tsx/cjs/api";

register();
createRequire(import.meta.url)(fileURLToPath(workerData.module));
