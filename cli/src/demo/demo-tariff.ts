/** The tariff of a demonstration: two bands, a standing charge, tax; in the currency of the zone. */
import { parseTariff, type Tariff } from "@smarter-metering/tariff";
import type { DemoOptions } from "./demo-options.ts";

const CURRENCIES: readonly (readonly [prefix: string, currency: string])[] = [
  ["Europe/Zurich", "CHF"],
  ["Europe/London", "GBP"],
  ["Europe/", "EUR"],
  ["America/", "USD"],
  ["Australia/", "AUD"],
];

/** The user's own, or the demonstration's. */
export const tariffOf = ({ tariff, zone }: Pick<DemoOptions, "tariff" | "zone">): Tariff =>
  tariff ?? demoTariff(zone);

export function demoTariff(zone: string): Tariff {
  const currency = CURRENCIES.find(([prefix]) => zone.startsWith(prefix))?.[1] ?? "EUR";
  return parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "household-tou",
    currency,
    minorDigits: 2,
    calendar: {
      id: "high-low",
      bands: ["high", "low"],
      rules: [{ weekdays: [1, 2, 3, 4, 5, 6], from: "07:00", to: "21:00", band: "high" }],
      defaultBand: "low",
    },
    versions: [
      {
        version: 1,
        validFrom: "2000-01-01",
        pricesMicroPerKilowattHour: { high: 285_400, low: 217_100 },
        feedInMicroPerKilowattHour: 96_000,
        standingChargeMicroPerDay: 320_000,
        taxBasisPoints: 810,
      },
    ],
  });
}
