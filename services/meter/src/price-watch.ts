/**
 * Looks for prices on behalf of a fleet (docs/protocol.md §6.6): at the start, then once an hour, and whenever a meter cannot seal for
 * want of one. Each meter believes what comes under the root key that it pins itself.
 */
import { errorFields, type Clock, type Logger } from "@smarter-metering/runtime";
import { MeterError } from "./error.ts";
import type { Meter } from "./meter.ts";
import type { PriceSeries } from "./price-book.ts";
import type { Uplink } from "./uplink.ts";

const PERIOD_SECONDS = 3600;
/** Requests in one look for one series: more than 400 days in documents of a day. */
const REQUESTS_MAX = 16;

export interface PriceWatch {
  /**
   * One attempt when it is due: when an hour has passed, or prices before `untilSeconds` are not known. Never rejects because the
   * concentrator is away.
   */
  look(untilSeconds: number): Promise<void>;
}

export interface PriceWatchPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly uplink: Uplink;
}

/** The meters that count by prices of one id, under whatever root keys and terms. */
interface Readers {
  readonly prices: string;
  readonly meters: readonly Meter[];
  readonly series: ReadonlySet<PriceSeries>;
}

export function priceWatch(
  meters: readonly Meter[],
  { clock, log, uplink }: PriceWatchPorts,
): PriceWatch {
  const groups = readersOf(meters);
  let lookedSeconds = Number.NEGATIVE_INFINITY;

  /** Where the next request begins: behind all that came; undefined when nothing new did. */
  async function take(
    { meters: readers, series }: Readers,
    documents: readonly string[],
    nowSeconds: number,
  ): Promise<number | undefined> {
    let end: number | undefined;
    for (const jws of documents) {
      for (const each of series) {
        const outcome = await each.take(jws, nowSeconds);
        if (outcome === "PRICES_INVALID" || outcome === "PRICES_CONFLICT") {
          const reader = readers.find((meter) => meter.prices === each);
          const ids = { meterId: reader?.name, errorCode: outcome };
          log.warn("a document of prices was refused; meters go on with what they know", ids);
        }
        end = Math.max(end ?? 0, each.endOf(jws) ?? 0);
      }
    }
    return end;
  }

  async function fetchFrom(readers: Readers, needed: number, nowSeconds: number): Promise<void> {
    const [first] = readers.meters;
    let from = needed;
    for (let requests = 0; requests < REQUESTS_MAX; requests++) {
      const documents = await uplink.prices?.(first?.name ?? "", readers.prices, from);
      if (documents === undefined) return;
      const end = await take(readers, documents, nowSeconds);
      if (end === undefined || end <= from) return;
      from = end;
    }
  }

  return {
    async look(untilSeconds) {
      const nowSeconds = Math.floor(clock.nowMs() / 1000);
      const isDue = nowSeconds >= lookedSeconds + PERIOD_SECONDS;
      if (uplink.prices === undefined) return;
      for (const readers of groups) {
        const needed = Math.min(...readers.meters.map(({ nextInstant }) => nextInstant));
        const isLacking = readers.meters.some((meter) => meter.lacksPrices(untilSeconds));
        if (needed === Infinity || !(isDue || isLacking)) continue;
        try {
          await fetchFrom(readers, needed, nowSeconds);
        } catch (error) {
          if (!(error instanceof MeterError)) throw error;
          log.warn("no prices came", { ...errorFields(error), errorCode: error.code });
          return;
        }
      }
      if (isDue) lookedSeconds = nowSeconds;
    },
  };
}

function readersOf(meters: readonly Meter[]): Readers[] {
  const ids = new Set(meters.flatMap((meter) => meter.prices?.terms.prices ?? []));
  return Array.from(ids, (prices) => {
    const readers = meters.filter((meter) => meter.prices?.terms.prices === prices);
    const series = new Set(readers.flatMap((meter) => meter.prices ?? []));
    return { prices, meters: readers, series };
  });
}
