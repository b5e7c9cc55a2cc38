/** A tariff by prices that change by the hour, and a registry view that has it. */
import { signDocument, type MdmsView, type Signer } from "@smarter-metering/protocol";
import { parseTariff } from "@smarter-metering/tariff";

export const costTerms = {
  prices: "day-ahead",
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: -300_000,
};
export const costTariff = parseTariff({
  kind: "smarter-metering/tariff",
  tariff: "by-the-hour",
  currency: "CHF",
  minorDigits: 2,
  calendar: { id: "by-the-hour", bands: ["all"], rules: [], defaultBand: "all", cost: costTerms },
  versions: [
    {
      version: 1,
      validFrom: "2010-01-01",
      pricesMicroPerKilowattHour: { all: 81_000 },
      costFallbackMicroPerKilowattHour: 260_000,
      feedInMicroPerKilowattHour: 96_000,
      standingChargeMicroPerDay: 320_000,
      taxBasisPoints: 810,
    },
  ],
});

/** The view with that tariff, for these of its service points. */
export async function withCostTariff(
  view: MdmsView,
  signer: Signer,
  isBilledByIt: (servicePoint: string) => boolean,
): Promise<MdmsView> {
  const { tariff } = costTariff;
  return {
    ...view,
    tariffs: [...view.tariffs, await signDocument("smarter-metering/tariff", costTariff, signer)],
    servicePoints: view.servicePoints.map((point) =>
      isBilledByIt(point.servicePoint) ? { ...point, tariff } : point,
    ),
  };
}
