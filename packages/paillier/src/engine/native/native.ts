/** The engine over the native addon. */
import { assert } from "../../errors.ts";
import type { Engine } from "../engine.ts";
import { createJobEngine } from "../job-engine.ts";
import type { Kernel, NativeAddon } from "./addon.ts";
import { createNativeRunner } from "./runner.ts";
import { selfTest } from "./self-test.ts";

export type NativeEngineOptions = {
  /** Threads of the process's pool that it takes at most; 1 or more, default 2. */
  readonly threads?: number;
  /** Calls accepted and not finished (default 256); one more fails with PAILLIER_ENGINE_BUSY. */
  readonly jobsMax?: number;
  /** For tests and benchmarks; by default the fastest that this machine can run. */
  readonly kernel?: Kernel;
};

/** After the self-test, once for each kernel and process. PAILLIER_ENGINE_UNAVAILABLE if it fails. */
export async function createNativeEngine(
  addon: NativeAddon,
  {
    threads = 2,
    jobsMax = 256,
    kernel = addon.kernels()[0] ?? "generic",
  }: NativeEngineOptions = {},
): Promise<Engine> {
  assert(Number.isInteger(threads) && threads >= 1 && threads <= 1024, "1 to 1024 threads");
  await testOnce(addon, kernel);
  const runner = createNativeRunner(addon, { kernel, threads, jobsMax });
  return createJobEngine(`native/${threads} (${kernel})`, runner);
}

const tested = new Map<Kernel, Promise<void>>();

function testOnce(addon: NativeAddon, kernel: Kernel): Promise<void> {
  const result = tested.get(kernel) ?? selfTest(addon, kernel);
  tested.set(kernel, result);
  return result;
}
