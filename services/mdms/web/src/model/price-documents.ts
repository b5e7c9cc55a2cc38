/** Prices to be shown, from documents that the registry's root has signed: bills do not rest on this page, so it only reads them. */
import { ProtocolError, unverifiedDocument } from "@smarter-metering/protocol";
import { parseDynamicPrices, TariffError, type DynamicPrices } from "@smarter-metering/tariff";

/** Undefined for what says no prices. */
export function fromUnverified(jws: string | undefined): DynamicPrices | undefined {
  if (jws === undefined) return undefined;
  try {
    return parseDynamicPrices(unverifiedDocument("smarter-metering/prices", jws));
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof TariffError) return undefined;
    throw error;
  }
}
