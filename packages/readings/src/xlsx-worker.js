// Worker thread that turns a workbook's first sheet into rows of text (its parent is xlsx-rows.ts).
// It runs apart because a small workbook may expand to gigabytes: the heap limit of the thread ends
// it, not the process. Plain JavaScript because a worker of Node 20 does not inherit the TypeScript
// loader of its parent.
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { streamXlsxRows } from "hucre/xlsx";

const BATCH_ROWS = 1000;
/** Batches on their way: enough to keep both threads busy, few enough to hold in memory. */
const UNANSWERED_MAX = 4;

/**
 * Cells as a CSV would have them; a date is wall-clock time, as spreadsheets have no zone.
 * @param {import("hucre/xlsx").CellValue} value
 */
function cellText(value) {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) {
    // A serial day number is a binary fraction: a minute is only met to within microseconds.
    const seconds = Math.round(value.getTime() / 1000);
    return new Date(seconds * 1000).toISOString().slice(0, 19);
  }
  return String(value);
}

/**
 * Posts the rows in batches; the parent answers each with one (empty) message.
 * @param {import("node:worker_threads").MessagePort} port
 * @param {Uint8Array} workbook
 */
async function postRows(port, workbook) {
  let unanswered = 0;
  let rows = [];
  for await (const { index, values } of streamXlsxRows(workbook)) {
    if (values.length > 0) rows.push({ line: index + 1, cells: values.map(cellText) });
    if (rows.length < BATCH_ROWS) continue;
    port.postMessage({ kind: "rows", rows });
    rows = [];
    unanswered += 1;
    if (unanswered < UNANSWERED_MAX) continue;
    await once(port, "message");
    unanswered -= 1;
  }
  port.postMessage({ kind: "rows", rows });
  port.postMessage({ kind: "end" });
}

if (parentPort === null) throw new Error("runs as a worker only");
try {
  await postRows(parentPort, workerData);
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  parentPort.postMessage({ kind: "failed", reason }, []);
} finally {
  parentPort.close();
}
