/** What a signed document must not say to the tariff code, told as a value: the customer names it and goes on. */
import { TariffError } from "@smarter-metering/tariff";

/** Undefined for what a tariff, a zone or a window cannot be; anything else that is thrown goes on. */
export function tariffOrUndefined<Result>(compute: () => Result): Result | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof TariffError) return undefined;
    throw error;
  }
}
