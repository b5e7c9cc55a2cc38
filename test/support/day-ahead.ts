/** Made-up prices of a day-ahead market, and a tariff that bills by them (docs/protocol.md §6.6). */
import { createHash } from "node:crypto";
import {
  addLocalDays,
  parseDynamicPrices,
  parseTariff,
  type CostTerms,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";

export const dayAheadTerms: CostTerms = {
  prices: "day-ahead",
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: -500_000,
};

/** The same market, but its prices are published afterwards; every price is above the floor. */
export const afterwardsTerms: CostTerms = {
  ...dayAheadTerms,
  prices: "balancing",
  known: "afterwards",
};

/** A kWh costs what the market says, and the band's price for grid and margin. */
export const dayAheadTariff = (cost: CostTerms = dayAheadTerms): Tariff =>
  parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "household-dynamic",
    currency: "CHF",
    minorDigits: 2,
    calendar: { id: "all-hours", bands: ["all"], rules: [], defaultBand: "all", cost },
    versions: [
      {
        version: 1,
        validFrom: "2010-01-01",
        pricesMicroPerKilowattHour: { all: 98_000 },
        feedInMicroPerKilowattHour: 60_000,
        standingChargeMicroPerDay: 250_000,
        taxBasisPoints: 810,
        costFallbackMicroPerKilowattHour: 150_000,
      },
    ],
  });

/** Dear in the morning and the evening, cheap at noon, below zero now and then: the same for an hour whenever it is asked. */
function priceAt(seconds: number, { stepSeconds, priceStepMicro }: CostTerms): number {
  const hour = Math.floor(seconds / 3600) % 24;
  const [noise = 0] = createHash("sha256").update(`${seconds} ${stepSeconds}`).digest();
  const shape = 110 + 60 * Math.cos(((hour - 18) * Math.PI) / 6) - (noise > 250 ? 180 : 0);
  return Math.round((1000 * (shape + noise / 4)) / priceStepMicro) * priceStepMicro;
}

export function dayAheadPrices(
  { startSeconds, endSeconds }: { readonly startSeconds: number; readonly endSeconds: number },
  terms: CostTerms = dayAheadTerms,
): DynamicPrices {
  const count = Math.ceil((endSeconds - startSeconds) / terms.stepSeconds);
  const at = (index: number): number => startSeconds + index * terms.stepSeconds;
  return parseDynamicPrices({
    kind: "smarter-metering/prices",
    ...terms,
    currency: "CHF",
    startSeconds,
    pricesMicroPerKilowattHour: Array.from({ length: count }, (_, i) => priceAt(at(i), terms)),
  });
}

/** One document for each local day, as a market publishes them. */
export const dayAheadDays = (
  firstDay: number,
  days: number,
  zone: string,
  terms: CostTerms = dayAheadTerms,
): DynamicPrices[] =>
  Array.from({ length: days }, (_, day) =>
    dayAheadPrices(
      {
        startSeconds: addLocalDays(firstDay, day, zone),
        endSeconds: addLocalDays(firstDay, day + 1, zone),
      },
      terms,
    ),
  );
