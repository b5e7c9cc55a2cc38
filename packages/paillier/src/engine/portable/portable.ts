/**
 * The engine that runs wherever JavaScript does: bigint arithmetic, inline or on worker threads.
 */
import { createPool } from "#platform";
import { assert, PaillierError } from "../../errors.ts";
import type { Engine, EngineKey } from "../engine.ts";
import { createJobEngine } from "../job-engine.ts";
import type { Job, Runner } from "../job.ts";
import { createArithmetic } from "./arithmetic.ts";

export type PortableEngineOptions = {
  /** 0 (default): in the calling thread, which blocks meanwhile. ≥ 1: Node worker threads. */
  readonly threads?: number;
  /** Calls accepted and not finished (default 256); one more fails with PAILLIER_ENGINE_BUSY. */
  readonly jobsMax?: number;
};

export function createPortableEngine({
  threads = 0,
  jobsMax = 256,
}: PortableEngineOptions = {}): Engine {
  assert(Number.isInteger(threads) && threads >= 0 && threads <= 256, "0 to 256 threads");
  const runner = threads === 0 ? createInline() : createPool({ threads, jobsMax });
  return createJobEngine(`portable/${threads}`, runner);
}

/** A runner of no threads: every job at once, in the caller's. */
function createInline(): Runner {
  let arithmetic: ReturnType<typeof createArithmetic> | undefined = createArithmetic();
  const run = async (job: Job): Promise<Uint8Array> => {
    if (arithmetic === undefined) {
      throw new PaillierError("PAILLIER_ENGINE_CLOSED", "the Paillier engine is closed");
    }
    return job.count === 0 ? new Uint8Array(0) : arithmetic.run(job);
  };
  return {
    run,
    warm: async (key: EngineKey) => {
      await run({ operation: "warm", key, count: 1, columns: [] });
    },
    close: async () => {
      arithmetic = undefined;
    },
  };
}
