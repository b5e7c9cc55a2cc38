/**
 * The engine that runs wherever JavaScript does: bigint arithmetic, inline or on worker threads.
 */
import { createPool } from "#platform";
import { assert, PaillierError } from "../../errors.ts";
import { batchItemsMax, itemBytes, type Engine, type EngineKey } from "../engine.ts";
import { createArithmetic } from "./arithmetic.ts";
import type { PublicOperation } from "./job.ts";
import type { Pool } from "./pool.ts";

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
  const pool = threads === 0 ? createInline() : createPool({ threads, jobsMax });

  function run(
    operation: PublicOperation,
    key: EngineKey,
    count: number,
    columns: readonly Uint8Array[],
  ): Promise<Uint8Array> {
    return pool.run({ operation, key, count, columns });
  }

  return {
    name: `portable/${threads}`,

    async warm(key) {
      await pool.broadcast({ operation: "warm", key, count: 1, columns: [] });
    },

    async encrypt(key, messages, blindings) {
      const bytes = itemBytes(key.bits);
      const count = countOf(messages, bytes.message);
      if (blindings === undefined) return await run("encrypt", key, count, [messages]);
      assert(blindings.length === count * bytes.blinding, "one blinding for each message");
      return await run("encrypt", key, count, [messages, blindings]);
    },

    async check(key, ciphertexts) {
      const count = countOf(ciphertexts, itemBytes(key.bits).ciphertext);
      return await run("check", key, count, [ciphertexts]);
    },

    async product(key, ciphertexts, groupSizes) {
      const items = countOf(ciphertexts, itemBytes(key.bits).ciphertext);
      const total = groupSizes.reduce((sum, size) => sum + size, 0);
      assert(total === items, "group sizes add up to the ciphertexts");
      assert(
        groupSizes.every((size) => Number.isInteger(size) && size >= 1),
        "no empty group",
      );
      return await pool.run({
        operation: "product",
        key,
        count: groupSizes.length,
        columns: [ciphertexts],
        groupSizes,
      });
    },

    async subtract(key, minuends, subtrahends) {
      const count = countOf(minuends, itemBytes(key.bits).ciphertext);
      assert(minuends.length === subtrahends.length, "one subtrahend for each minuend");
      return await run("subtract", key, count, [minuends, subtrahends]);
    },

    async scale(key, ciphertexts, scalars) {
      const count = countOf(ciphertexts, itemBytes(key.bits).ciphertext);
      assert(count === 0 || scalars.length % count === 0, "one scalar for each ciphertext");
      return await run("scale", key, count, [ciphertexts, scalars]);
    },

    async decrypt(key, ciphertexts) {
      const count = countOf(ciphertexts, itemBytes(key.bits).ciphertext);
      return await pool.run({ operation: "decrypt", key, count, columns: [ciphertexts] });
    },

    close: () => pool.close(),
  };
}

function countOf(flat: Uint8Array, widthBytes: number): number {
  const count = flat.length / widthBytes;
  assert(Number.isInteger(count), `whole items of ${widthBytes} bytes`);
  assert(count <= batchItemsMax, `at most ${batchItemsMax} items in one call`);
  return count;
}

/** A pool of no threads: every job at once, in the caller's. */
function createInline(): Pool {
  let arithmetic: ReturnType<typeof createArithmetic> | undefined = createArithmetic();
  const run: Pool["run"] = async (job) => {
    if (arithmetic === undefined) {
      throw new PaillierError("PAILLIER_ENGINE_CLOSED", "the Paillier engine is closed");
    }
    return job.count === 0 ? new Uint8Array(0) : arithmetic.run(job);
  };
  return {
    run,
    broadcast: async (job) => {
      await run(job);
    },
    close: async () => {
      arithmetic = undefined;
    },
  };
}
