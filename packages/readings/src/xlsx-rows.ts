// Rows of a workbook, read in a worker thread (xlsx-worker.js) under a memory limit.
import { Worker } from "node:worker_threads";
import type { Row } from "./layout.ts";
import { ReadingsError } from "./readings-error.ts";
import type { SourceLimits } from "./source-options.ts";
import { declaredBytes } from "./zip-directory.ts";

/** From xlsx-worker.js; every batch of rows is answered with one (empty) message. */
type WorkerMessage =
  | { readonly kind: "rows"; readonly rows: Row[] }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * Batches of rows of the first sheet of `workbook`.
 * READINGS_TOO_LARGE when it declares more than `limits.bytes` or its reading outgrows the worker;
 * READINGS_FORMAT_UNKNOWN when it is no workbook.
 */
export async function* xlsxRows(
  workbook: Uint8Array,
  file: string,
  limits: Pick<SourceLimits, "bytes" | "workbookHeapMebibytes">,
): AsyncGenerator<Row[]> {
  const expanded = declaredBytes(workbook);
  if (expanded === undefined) throw notWorkbook(file, "its ZIP directory is damaged");
  if (expanded > limits.bytes) {
    throw new ReadingsError(
      "READINGS_TOO_LARGE",
      `${file}: expands to ${expanded} bytes, more than ${limits.bytes}; save it as CSV`,
    );
  }
  const heapMebibytes = limits.workbookHeapMebibytes;
  const worker = new Worker(new URL("./xlsx-worker.js", import.meta.url), {
    workerData: workbook,
    resourceLimits: { maxOldGenerationSizeMb: heapMebibytes },
  });
  const inbox = new Inbox(worker, file, heapMebibytes);
  try {
    for (;;) {
      const message = await inbox.next();
      if (message.kind === "end") return;
      if (message.kind === "failed") throw notWorkbook(file, message.reason);
      yield message.rows;
      worker.postMessage(null, []);
    }
  } finally {
    await worker.terminate();
  }
}

/** The worker's messages in order; it has at most four of them on their way. */
class Inbox {
  readonly #messages: WorkerMessage[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(worker: Worker, file: string, heapMebibytes: number) {
    worker.on("message", (message: WorkerMessage) => {
      this.#messages.push(message);
      this.#wake?.();
    });
    worker.on("error", (cause: Error) => {
      this.#failure = workerFailure(file, heapMebibytes, cause);
      this.#wake?.();
    });
    worker.on("exit", () => {
      this.#failure ??= notWorkbook(file, "its reader stopped early");
      this.#wake?.();
    });
  }

  async next(): Promise<WorkerMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function workerFailure(file: string, heapMebibytes: number, cause: Error): ReadingsError {
  if ("code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new ReadingsError(
      "READINGS_TOO_LARGE",
      `${file}: the workbook needs more than ${heapMebibytes} MiB; save it as CSV or raise ` +
        "limits.workbookHeapMebibytes",
      { cause },
    );
  }
  return new ReadingsError("READINGS_FORMAT_UNKNOWN", `${file}: cannot read the workbook`, {
    cause,
  });
}

function notWorkbook(file: string, reason: string): ReadingsError {
  return new ReadingsError(
    "READINGS_FORMAT_UNKNOWN",
    `${file}: not a readable workbook: ${reason}`,
  );
}
