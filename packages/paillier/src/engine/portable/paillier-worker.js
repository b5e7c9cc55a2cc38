/**
 * Starts worker.ts from source. JavaScript, because a thread does not always inherit its parent's
 * TypeScript loader: where Node cannot strip types itself, tsx is registered for this thread. A
 * bundle replaces this file by worker.ts, bundled under this name beside the main file.
 */
if (!process.features.typescript) (await import("tsx/esm/api")).register();
await import("./worker.ts");
