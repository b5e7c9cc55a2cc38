/**
 * Starts worker.ts from source. JavaScript, because a thread does not always inherit its parent's
 * TypeScript loader: where Node cannot strip types itself, tsx is registered for this thread, for
 * `require`, as its loader for `import` would start one more thread beside this one. A bundle
 * replaces this file by worker.ts, bundled under this name beside the main file.
 */
import { createRequire } from "node:module";

if (process.features.typescript) await import("./worker.ts");
else {
  (await import("tsx/cjs/api")).register();
  createRequire(import.meta.url)("./worker.ts");
}
