/**
 * The prices of a state (docs/protocol.md §9.5): documents of a tariff signer, one after the other in each series, kept as signed. Run by
 * the registry, which makes no prices of its own: it signs again what it has checked, for meters know its key and no other.
 */
import { signDocument, unverifiedDocument, type Signer } from "@smarter-metering/protocol";
import {
  parseDynamicPrices,
  pricesEndSeconds,
  sameCostTerms,
  type DynamicPrices,
} from "@smarter-metering/tariff";
import { RegistryError } from "./error.ts";
import { PRICE_DOCUMENTS_MAX, type RegistryState } from "./state.ts";
import { signedByTariffSigner, tariffsOf } from "./tariff-list.ts";

const TYPE = "smarter-metering/prices";
/** A meter that was away, and whoever checks a bill, finds the prices of more than a year. */
const KEPT_SECONDS = 400 * 86_400;
/** Nobody knows prices for longer: a date further away is a slip. */
const AHEAD_SECONDS_MAX = 40 * 86_400;
/** The largest number that the rule for cost registers judges (docs/protocol.md §8.3, R9). */
const PRICE_STEPS_MAX = 2 ** 31 - 1;

type Prices = Pick<RegistryState, "prices">;

/**
 * The state with the next prices of a series that one of its tariffs names. They begin where the last ones end, and change none of them.
 * The same document again changes nothing. Throws REGISTRY_PRICES_INVALID.
 */
export async function withPrices(
  state: RegistryState,
  jws: string,
  nowSeconds: number,
): Promise<RegistryState> {
  const document = await verifiedPrices(state, jws);
  const series = state.prices.map(pricesIn).filter((known) => known.prices === document.prices);
  if (series.some((known) => JSON.stringify(known) === JSON.stringify(document))) return state;
  checkTerms(state, document);
  const last = series.at(-1);
  const end = last && pricesEndSeconds(last);
  if (end !== undefined && end !== document.startSeconds) {
    throw invalid(document, `go on at ${iso(end)}, not at ${iso(document.startSeconds)}`);
  }
  const until = pricesEndSeconds(document);
  if (document.known !== undefined && until > nowSeconds) {
    throw invalid(document, `are known afterwards, and ${iso(until)} is still to come`);
  }
  if (until > nowSeconds + AHEAD_SECONDS_MAX) {
    throw invalid(document, `until ${iso(until)} are more than 40 days ahead`);
  }
  if (currentPrices(state, nowSeconds).length >= PRICE_DOCUMENTS_MAX) {
    throw invalid(document, `are one document too many: ${PRICE_DOCUMENTS_MAX} are kept`);
  }
  return { ...state, prices: [...state.prices, jws] };
}

/** What the next epoch's state holds on to: what may still be shown, and of each series the last, which the next one follows. */
export function currentPrices({ prices }: Prices, atSeconds: number): string[] {
  const documents = prices.map((jws) => ({ jws, document: pricesIn(jws) }));
  const last = new Map(documents.map(({ jws, document }) => [document.prices, jws]));
  return documents
    .filter(
      ({ jws, document }) => isShown(document, atSeconds) || last.get(document.prices) === jws,
    )
    .map(({ jws }) => jws);
}

/** What the views of an epoch of `issuedAt` show, by series and time, each signed by the root. The same state gives the same bytes. */
export function signedPrices(
  { prices }: Prices,
  root: Signer,
  issuedAt: number,
): Promise<string[]> {
  const shown = prices.map(pricesIn).filter((document) => isShown(document, issuedAt));
  // Stable, and each series came in the order of time.
  const ordered = shown.toSorted(
    (a, b) => Number(a.prices > b.prices) - Number(a.prices < b.prices),
  );
  return Promise.all(ordered.map((document) => signDocument(TYPE, document, root)));
}

const isShown = (document: DynamicPrices, atSeconds: number): boolean =>
  pricesEndSeconds(document) > atSeconds - KEPT_SECONDS;

/** The signature was verified when the document came in. */
const pricesIn = (jws: string): DynamicPrices => parseDynamicPrices(unverifiedDocument(TYPE, jws));

async function verifiedPrices(state: RegistryState, jws: string): Promise<DynamicPrices> {
  const document = await signedByTariffSigner(state, TYPE, jws);
  const code = "REGISTRY_PRICES_INVALID";
  if (document === undefined) {
    throw new RegistryError(code, "not signed by a registered tariff signer");
  }
  try {
    return parseDynamicPrices(document);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "they cannot be read";
    throw new RegistryError(code, `not valid prices: ${reason}`, cause);
  }
}

/** As every tariff says that is billed by the series; and as R9 can judge them. */
function checkTerms(state: RegistryState, document: DynamicPrices): void {
  const { prices, priceStepMicro, floorMicroPerKilowattHour: floor, currency } = document;
  const tariffs = [...tariffsOf(state).values()].filter(
    ({ calendar }) => calendar.cost?.prices === prices,
  );
  if (tariffs.length === 0) throw invalid(document, "are no registered tariff's");
  for (const tariff of tariffs) {
    const { cost } = tariff.calendar;
    if (cost === undefined || !sameCostTerms(cost, document) || tariff.currency !== currency) {
      const message = `have another step, price step, floor or currency than tariff ${tariff.tariff}`;
      throw invalid(document, message);
    }
  }
  const highest = document.pricesMicroPerKilowattHour.findIndex(
    (price) => (price - floor) / priceStepMicro > PRICE_STEPS_MAX,
  );
  if (highest >= 0) {
    const message = `have at [${highest}] more than ${PRICE_STEPS_MAX} price steps above the floor`;
    throw invalid(document, message);
  }
}

const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");

const invalid = ({ prices }: DynamicPrices, what: string): RegistryError =>
  new RegistryError("REGISTRY_PRICES_INVALID", `prices ${prices} ${what}`);
