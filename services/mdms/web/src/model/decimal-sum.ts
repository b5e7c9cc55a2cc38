/** Money as decimal text, added without floating point. */
import { formatMinor } from "@smarter-metering/tariff";

/** The sum of decimal texts, exact, with the digits of the first. */
export function sumOf(amounts: readonly string[]): string {
  const digits = Math.max(0, ...amounts.map((text) => text.split(".")[1]?.length ?? 0));
  const minor = amounts.map((text) => {
    const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
    const value = BigInt(whole + fraction.padEnd(digits, "0"));
    return text.startsWith("-") ? -value : value;
  });
  return formatMinor(
    minor.reduce((sum, value) => sum + value, 0n),
    digits,
  );
}
