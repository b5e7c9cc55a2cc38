// Worker thread that turns a workbook's first sheet into rows of text. It runs apart because a small
// workbook may expand to gigabytes: the heap limit of the thread ends it, not the process.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { streamXlsxRows } from "hucre/xlsx";
import type { CellValue } from "hucre/xlsx";
import type { Row } from "./layout.ts";

/** To the parent; it answers every batch with one (empty) message. */
export type WorkerMessage =
  | { readonly kind: "rows"; readonly rows: Row[] }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly reason: string };

const BATCH_ROWS = 1000;
/** Batches on their way: enough to keep both threads busy, few enough to hold in memory. */
const UNANSWERED_MAX = 4;

const port = parentPort;
assert(port !== null, "runs as a worker only");

const send = (message: WorkerMessage) => port.postMessage(message);

/** Cells as a CSV would have them; a date is wall-clock time, as spreadsheets have no zone. */
function cellText(value: CellValue): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) {
    // A serial day number is a binary fraction: a minute is only met to within microseconds.
    const seconds = Math.round(value.getTime() / 1000);
    return new Date(seconds * 1000).toISOString().slice(0, 19);
  }
  return String(value);
}

async function run(): Promise<void> {
  let unanswered = 0;
  port?.on("message", () => (unanswered -= 1));
  let rows: Row[] = [];
  for await (const { index, values } of streamXlsxRows(workerData as Uint8Array)) {
    if (values.length > 0) rows.push({ line: index + 1, cells: values.map(cellText) });
    if (rows.length < BATCH_ROWS) continue;
    send({ kind: "rows", rows });
    rows = [];
    unanswered += 1;
    while (unanswered >= UNANSWERED_MAX && port !== null) await once(port, "message");
  }
  send({ kind: "rows", rows });
}

try {
  await run();
  send({ kind: "end" });
} catch (error) {
  send({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
} finally {
  port.close();
}
