/**
 * A worker thread of the portable engine: jobs in, results out, one at a time. Wipes its copies of
 * what it was sent. Bigints made of them stay until the garbage collector comes round, and of the
 * last two secret keys for as long as the thread does (arithmetic.ts).
 */
import { parentPort } from "node:worker_threads";

import { assert, PaillierError, type PaillierErrorCode } from "../../errors.ts";
import { createArithmetic } from "./arithmetic.ts";
import type { Job } from "../job.ts";

/** The answer to a job; a failure keeps its code, but no cause that could carry values. */
export type Reply =
  | { readonly ok: true; readonly result: Uint8Array }
  | { readonly ok: false; readonly code: PaillierErrorCode; readonly message: string };

assert(parentPort !== null, "worker.ts runs as a worker thread");
const port = parentPort;
const arithmetic = createArithmetic();

port.on("message", (job: Job) => {
  const reply = replyTo(job);
  for (const column of job.columns) column.fill(0);
  job.exponent?.fill(0);
  if (job.operation === "decrypt" || job.operation === "encryptSecret") {
    job.key.p.fill(0);
    job.key.q.fill(0);
  }
  port.postMessage(reply);
});

function replyTo(job: Job): Reply {
  try {
    return { ok: true, result: arithmetic.run(job) };
  } catch (cause) {
    if (cause instanceof PaillierError) {
      return { ok: false, code: cause.code, message: cause.message };
    }
    return { ok: false, code: "PAILLIER_ENGINE_FAILED", message: `${job.operation} failed` };
  }
}
