/**
 * The prices that a cost was counted by (docs/protocol.md §6.6, §11.2): signed by the registry's root, of the series that the tariff
 * names, and known for the whole window. On the customer's device.
 */
import { ProtocolError, verifyDocument, type Statement } from "@smarter-metering/protocol";
import {
  arePricesKnown,
  isCountedInMeter,
  parseDynamicPrices,
  sameCostTerms,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import { instantText, type LinkBook } from "./link.ts";
import type { Registered } from "./registered.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

/** What prices are held against. */
export interface PriceContext {
  /** Ed25519, raw, of the registry's root. */
  readonly rootKey: Uint8Array;
  readonly registered: Registered | undefined;
  readonly statement: Statement | undefined;
  readonly tariff: Tariff | undefined;
}

/** Undefined, and the link in the book, unless all of `shown` (JWS) are good; for a tariff without a cost there is no such link. */
export async function checkPrices(
  shown: readonly string[] | undefined,
  { rootKey, registered, statement, tariff }: PriceContext,
  book: LinkBook,
): Promise<readonly DynamicPrices[] | undefined> {
  if (registered === undefined || statement === undefined || tariff === undefined) {
    if (shown === undefined) return undefined;
    const waits = registered === undefined ? "registry" : statement ? "tariff" : "statement";
    book.notChecked("prices", `waits for the ${waits}`);
    return undefined;
  }
  if (tariff.calendar.cost === undefined) return undefined;
  if (shown === undefined) {
    const todo = "ask the data manager for the window's prices";
    const isCounted = isCountedInMeter(tariff.calendar);
    const checked = isCounted ? "is checked by registers alone" : "is not checked";
    book.notChecked("prices", `none were shown: the cost ${checked}`, todo);
    return undefined;
  }
  const documents: DynamicPrices[] = [];
  for (const [position, jws] of shown.entries()) {
    const document = await verifiedPrices(jws, rootKey, tariff);
    if (document !== undefined) documents.push(document);
    else book.broken("PRICES_INVALID", `prices ${position + 1}`);
  }
  if (documents.length < shown.length) return undefined;
  const { from, to } = statement;
  if (!arePricesKnown(documents, { fromSeconds: from, toSeconds: to })) {
    book.broken("PRICES_MISSING", `window ${instantText(from)} to ${instantText(to)}`);
    return undefined;
  }
  book.ok("prices", `${documents.length} documents of prices ${tariff.calendar.cost.prices}`);
  return documents;
}

async function verifiedPrices(
  jws: string,
  rootKey: Uint8Array,
  { calendar, currency }: Tariff,
): Promise<DynamicPrices | undefined> {
  try {
    const value = await verifyDocument("smarter-metering/prices", jws, rootKey);
    const document = tariffOrUndefined(() => parseDynamicPrices(value));
    const isOfTariff =
      document?.currency === currency &&
      calendar.cost !== undefined &&
      sameCostTerms(document, calendar.cost);
    return isOfTariff ? document : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
