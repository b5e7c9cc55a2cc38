/** Time goes on after the load: an hour of meter time every second, so that charts move and customers see new readings. */
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import type { RunningDemo } from "./run-demo.ts";

const STEP_SECONDS = 3600;
const STEP_MS = 1000;
/** A frame is judged after its end. */
const SETTLE_SECONDS = 30;

/** Runs until `signal` aborts, or until the households' source has no more readings; says which. */
export async function goLive(
  { demo, fleet, control }: Pick<RunningDemo, "demo" | "fleet" | "control">,
  signal: AbortSignal,
): Promise<"stopped" | "no-more-readings"> {
  const { options, households } = demo;
  const { zone, intervalSeconds } = options;
  let at = addLocalDays(options.contractStart, options.days, zone);
  at = Math.max(at, Math.floor(control.nowMs() / 1000 / intervalSeconds) * intervalSeconds);
  while (!signal.aborted) {
    const begun = performance.now();
    const next = at + STEP_SECONDS;
    if (households[0]?.window(at, next) === undefined) return "no-more-readings";
    await control.advanceTo(1000 * (next + SETTLE_SECONDS));
    const today = localDayStart(next, zone);
    if (today > at - STEP_SECONDS && fleet.nextBlock() < today) {
      void fleet.sendDay(today); // Goes on while the next hours come; the cut-off is six of them away.
    }
    await fleet.sendLive(at, next);
    await fleet.poll();
    at = next;
    await pause(STEP_MS - (performance.now() - begun), signal);
  }
  return "stopped";
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0 || signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
