/** The tariff by which the customers of the tests are billed, and where they live. */
import { parseTariff, type Tariff } from "@smarter-metering/tariff";

export const zone = "Europe/Luxembourg";

export const tariffDocument: Tariff = parseTariff({
  kind: "smarter-metering/tariff",
  tariff: "day-night",
  currency: "EUR",
  minorDigits: 2,
  calendar: {
    id: "day-night",
    bands: ["day", "night"],
    rules: [{ weekdays: [1, 2, 3, 4, 5, 6, 7], from: "06:00", to: "22:00", band: "day" }],
    defaultBand: "night",
  },
  versions: [
    {
      version: 1,
      validFrom: "2018-01-01",
      pricesMicroPerKilowattHour: { day: 250_000, night: 150_000 },
      feedInMicroPerKilowattHour: 80_000,
      standingChargeMicroPerDay: 120_000,
      taxBasisPoints: 800,
    },
  ],
});
