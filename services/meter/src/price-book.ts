/**
 * The prices that a fleet's meters count their costs by (docs/protocol.md §6.6): what the registry's root has signed, under the key
 * that a meter pins, and never another price for an instant whose price is known. In memory alone. Public data, no readings.
 */
import { ProtocolError, toHex, verifyDocument } from "@smarter-metering/protocol";
import {
  arePricesKnown,
  costOf,
  parseDynamicPrices,
  pricesEndSeconds,
  sameCostTerms,
  TariffError,
  type CostedIntervals,
  type CostTerms,
  type DynamicPrices,
  type PricedSpan,
} from "@smarter-metering/tariff";
import type { PriceTerms } from "./provisioning.ts";

/** What ended before, or begins later, is not kept: as far back as a registry's view goes. */
const KEPT_SECONDS = 400 * 86_400;
/** Ten a day; the oldest go first. */
const DOCUMENTS_MAX = 4096;

export type PricesOutcome =
  | "taken"
  | "known"
  /** Too old, or too far ahead, to be of use. */
  | "unneeded"
  /** Not prices of this series and these terms that the registry's root, as it is pinned here, has signed. */
  | "PRICES_INVALID"
  /** Another price for an instant whose price is known: what is known stays. */
  | "PRICES_CONFLICT";

/** One series of prices, for all meters that pin one root key and count by the same terms. */
export class PriceSeries {
  readonly terms: CostTerms;
  readonly #rootKey: Uint8Array;
  /** By their JWS, in order of their starts. */
  #documents: ReadonlyMap<string, DynamicPrices> = new Map();

  constructor({ rootKey, terms }: PriceTerms) {
    this.#rootKey = rootKey;
    this.terms = terms;
  }

  /** A document from above, by whatever way it came. */
  async take(jws: string, nowSeconds: number): Promise<PricesOutcome> {
    if (this.#documents.has(jws)) return "known";
    const fresh = await this.#read(jws);
    if (fresh === undefined) return "PRICES_INVALID";
    const isNear = (document: DynamicPrices): boolean =>
      pricesEndSeconds(document) > nowSeconds - KEPT_SECONDS &&
      document.startSeconds < nowSeconds + KEPT_SECONDS;
    if (!isNear(fresh)) return "unneeded";
    for (const known of this.#documents.values()) {
      if (contradict(known, fresh)) return "PRICES_CONFLICT";
    }
    const kept = [...this.#documents, [jws, fresh] as const]
      .filter(([, document]) => isNear(document))
      .toSorted(([, a], [, b]) => a.startSeconds - b.startSeconds);
    this.#documents = new Map(kept.slice(-DOCUMENTS_MAX));
    return "taken";
  }

  /** Where a document that is kept ends. */
  endOf(jws: string): number | undefined {
    const document = this.#documents.get(jws);
    return document && pricesEndSeconds(document);
  }

  isKnown(span: PricedSpan): boolean {
    return arePricesKnown(this.#within(span), span);
  }

  /** What a cost register counts over intervals whose prices are known. Throws as `costOf` (packages/tariff). */
  costOf(intervals: CostedIntervals): bigint {
    const { energiesMilliwattHours, fromSeconds, intervalSeconds } = intervals;
    const toSeconds = fromSeconds + energiesMilliwattHours.length * intervalSeconds;
    return costOf(this.#within({ fromSeconds, toSeconds }), intervals);
  }

  #within({ fromSeconds, toSeconds }: PricedSpan): DynamicPrices[] {
    return [...this.#documents.values()].filter(
      (document) => document.startSeconds < toSeconds && pricesEndSeconds(document) > fromSeconds,
    );
  }

  async #read(jws: string): Promise<DynamicPrices | undefined> {
    try {
      const document = await verifyDocument("smarter-metering/prices", jws, this.#rootKey);
      const prices = parseDynamicPrices(document);
      return sameCostTerms(prices, this.terms) ? prices : undefined;
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof TariffError) return undefined;
      throw error;
    }
  }
}

/** Every series that some meter of a fleet counts by. A meter sees nothing that another root has signed. */
export class PriceBook {
  readonly #series = new Map<string, PriceSeries>();

  of(terms: PriceTerms): PriceSeries {
    const name = `${toHex(terms.rootKey)} ${JSON.stringify(terms.terms)}`;
    const known = this.#series.get(name);
    if (known !== undefined) return known;
    const series = new PriceSeries(terms);
    this.#series.set(name, series);
    return series;
  }
}

/** Whether two documents of one series say different prices for some instant. */
function contradict(a: DynamicPrices, b: DynamicPrices): boolean {
  const { stepSeconds } = a;
  const from = Math.max(a.startSeconds, b.startSeconds);
  const to = Math.min(pricesEndSeconds(a), pricesEndSeconds(b));
  const priceAt = (document: DynamicPrices, at: number): number | undefined =>
    document.pricesMicroPerKilowattHour[(at - document.startSeconds) / stepSeconds];
  for (let at = from; at < to; at += stepSeconds) {
    if (priceAt(a, at) !== priceAt(b, at)) return true;
  }
  return false;
}
