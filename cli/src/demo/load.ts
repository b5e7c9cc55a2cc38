/**
 * Plays past days through every party. Time stands at the end of a day until all of its contributions are in the aggregator's ledger: the
 * cut-offs are the real ones, so a clock that ran ahead of the work would make readings late.
 */
import type { Fleet } from "@smarter-metering/meter";
import type { Bus } from "@smarter-metering/runtime";
import { addLocalDays } from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";
import type { ReplayClock } from "../serve/replay-clock.ts";

/** A frame may be judged only after its end; a meter's clock and the concentrator's differ by seconds. */
const SETTLE_SECONDS = 30;
const LOOK_AGAIN_MS = 10;
const HOPS: readonly (readonly [stream: string, consumer: string])[] = [
  ["frames", "opener"],
  ["contributions", "aggregator"],
];
const AFTER_HOPS: typeof HOPS = [
  ["release-requests", "trustee"],
  ["releases", "mdms"],
  ["releases", "aggregator"],
  ["refusals", "aggregator"],
  ["sealed", "ucs"],
  ["customer-keys", "ucs"],
];

export interface LoadOptions {
  readonly fleet: Fleet;
  readonly bus: Bus;
  readonly clock: ReplayClock;
  readonly zone: string;
  readonly contractStart: number;
  readonly days: number;
  readonly progress: (done: number) => void;
  readonly signal: AbortSignal;
  /** Resolves when the replay clock's position is durable. */
  readonly rememberClock: () => Promise<void>;
}

/** Sends every day that is not settled yet. Throws LOAD_STOPPED when a meter is held back or `signal` aborts. */
export async function loadDays(options: LoadOptions): Promise<void> {
  const { fleet, bus, clock, zone, contractStart, days } = options;
  for (let day = 0; day < days; day++) {
    const end = addLocalDays(contractStart, day + 1, zone);
    if (fleet.nextBlock() < end) {
      await clock.advanceTo(1000 * (end + SETTLE_SECONDS));
      await options.rememberClock();
      const report = await fleet.sendDay(end);
      if (options.signal.aborted)
        throw new CliError("LOAD_STOPPED", "stopped; run it again to go on");
      if (!report.complete) {
        const codes = [...new Set(report.held.values())].join(", ") || "a meter has no data";
        throw new CliError("LOAD_STOPPED", `the load of day ${day + 1} did not finish: ${codes}`);
      }
      await settled(bus, HOPS, options.signal);
    }
    options.progress(day + 1);
  }
}

/** Resolves when everything published has been worked off by every party. */
export async function allSettled(bus: Bus, signal: AbortSignal): Promise<void> {
  await settled(bus, HOPS, signal);
  await settled(bus, AFTER_HOPS, signal);
}

async function settled(bus: Bus, hops: typeof HOPS, signal: AbortSignal): Promise<void> {
  for (const [stream, consumer] of hops) {
    while ((await bus.pending(stream, consumer)) > 0) {
      if (signal.aborted) throw new CliError("LOAD_STOPPED", "stopped; run it again to go on");
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}
