/** A party's Paillier engine: chosen, shown in its metrics, and said once when it is not the native one. */
import { openEngine, type Engine } from "@smarter-metering/paillier";
import type { Logger, Metrics } from "@smarter-metering/runtime";

let hasSaidWhy = false;

/** PAILLIER_ENGINE_UNAVAILABLE when SMARTER_METERING_ENGINE asks for what is not there. */
export async function startEngine(
  threads: number,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics },
): Promise<Engine> {
  const { engine, whyPortable } = await openEngine({ threads });
  const gauge = metrics.gauge("paillier_engine", "1 for the engine that serves", ["engine"]);
  gauge.set(1, { engine: engine.name });
  if (whyPortable !== undefined && !hasSaidWhy) {
    hasSaidWhy = true;
    log.warn("the portable Paillier engine serves", { errorMessage: whyPortable });
  }
  return engine;
}

/** `native (ifma)` or `portable`, and why it is not native: for `--version`, `doctor` and summaries. */
export async function engineInUse(): Promise<{ name: string; whyPortable: string | undefined }> {
  const { engine, whyPortable } = await openEngine({ threads: 1 });
  await engine.close();
  return { name: engine.name.replace(/\/\d+/, ""), whyPortable };
}
