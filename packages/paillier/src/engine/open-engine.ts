/** The choice of an engine: native where it can be had, else portable. */
import { hasThreads, loadAddon } from "#platform";
import { PaillierError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { createNativeEngine, type NativeEngineOptions } from "./native/native.ts";
import { createPortableEngine } from "./portable/portable.ts";

export type OpenedEngine = {
  readonly engine: Engine;
  /** Why the portable engine serves; undefined with the native one. */
  readonly whyPortable: string | undefined;
};

/** `kernel` has no effect where the portable engine serves. */
export type OpenEngineOptions = NativeEngineOptions;

/**
 * The native engine if its addon loads and passes the self-test, else the portable one with as many
 * worker threads (in a browser without). SMARTER_METERING_ENGINE=portable forces the portable engine; with `native`, doing
 * without is an error. PAILLIER_ENGINE_UNAVAILABLE.
 */
export async function openEngine(options: OpenEngineOptions = {}): Promise<OpenedEngine> {
  const loaded = loadAddon();
  if ("reason" in loaded) return portable(options, loaded.reason);
  try {
    return { engine: await createNativeEngine(loaded.addon, options), whyPortable: undefined };
  } catch (error) {
    const isUnfit = error instanceof PaillierError && error.code === "PAILLIER_ENGINE_UNAVAILABLE";
    if (!isUnfit || loaded.required) throw error;
    return portable(options, error.message);
  }
}

function portable({ threads = 2, jobsMax = 256 }: OpenEngineOptions, why: string): OpenedEngine {
  const engine = createPortableEngine({ threads: hasThreads ? threads : 0, jobsMax });
  return { engine, whyPortable: why };
}
