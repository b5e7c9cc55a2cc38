/**
 * Looks for the opener's newest keys on behalf of a fleet (docs/protocol.md §3.3): at the start, then
 * once an hour, and at every day that a meter cannot seal for want of one. Each meter believes what
 * comes under the root key that it pins itself.
 */
import { errorFields, type Clock, type Logger } from "@smarter-metering/runtime";
import { MeterError } from "./error.ts";
import type { Meter } from "./meter.ts";
import type { Uplink } from "./uplink.ts";

const PERIOD_SECONDS = 3600;

export interface OpenerWatch {
  /** One attempt when it is due; never rejects because the concentrator is away. */
  look(): Promise<void>;
}

export function openerWatch(
  meters: readonly Meter[],
  { clock, log, uplink }: { readonly clock: Clock; readonly log: Logger; readonly uplink: Uplink },
): OpenerWatch {
  const sealing = meters.filter(({ opener }) => opener !== undefined);
  let lookedSeconds = Number.NEGATIVE_INFINITY;

  /** At the same time, so that the meters' journal is flushed once. */
  async function spread(jws: string): Promise<void> {
    const outcomes = await Promise.all(sealing.map(async ({ opener }) => opener?.take(jws)));
    for (const [index, outcome = "known"] of outcomes.entries()) {
      if (outcome === "taken" || outcome === "known") continue;
      const ids = { meterId: sealing[index]?.name, errorCode: outcome };
      log.warn("a list of opener keys was refused; the meter goes on with its own", ids);
    }
  }

  return {
    async look() {
      const nowSeconds = Math.floor(clock.nowMs() / 1000);
      const isLacking = sealing.some(({ opener }) => opener?.keyAt(nowSeconds) === undefined);
      const isDue = isLacking || nowSeconds >= lookedSeconds + PERIOD_SECONDS;
      const [first] = sealing;
      if (first === undefined || uplink.openerKeys === undefined || !isDue) return;
      let jws: string | undefined;
      try {
        jws = await uplink.openerKeys(first.name);
      } catch (error) {
        if (!(error instanceof MeterError)) throw error;
        log.warn("no list of opener keys came", { ...errorFields(error), errorCode: error.code });
        return;
      }
      lookedSeconds = nowSeconds;
      if (jws !== undefined) await spread(jws);
    },
  };
}
