/** A household of `bill.ts` that is billed by the price of each hour: tariff, prices, and the frames of a meter. */
import {
  decodeFrame,
  encodeContribution,
  encodeFrame,
  frameHash,
  keyCommitment,
  sealFrame,
  signContribution,
  type ContributionContext,
  type FrameHeader,
} from "@smarter-metering/protocol";
import { parseTariff, type CostTerms, type Tariff } from "@smarter-metering/tariff";
import { recomputeContributions } from "../src/index.ts";
import * as bill from "./bill.ts";
import { filled, midnight, must, slotsOf } from "./bill.ts";

export const costTerms = {
  prices: "market",
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: -200_000,
} as const satisfies CostTerms;

export const hourlyTariff = (cost: CostTerms): Tariff =>
  parseTariff({
    kind: "smarter-metering/tariff",
    tariff: "by-the-hour",
    currency: "EUR",
    minorDigits: 2,
    calendar: { id: "by-the-hour", bands: ["all"], rules: [], defaultBand: "all", cost },
    versions: [
      {
        version: 1,
        validFrom: "2018-01-01",
        pricesMicroPerKilowattHour: { all: 60_000 },
        costFallbackMicroPerKilowattHour: 250_000,
        feedInMicroPerKilowattHour: 80_000,
        standingChargeMicroPerDay: 120_000,
        taxBasisPoints: 810,
      },
    ],
  });

/** By the hour of the epoch, from −0.187 to 0.412 EUR. */
export const priceAt = (seconds: number): number =>
  1000 * (((Math.floor(seconds / 3600) * 7919) % 600) - 187);

/** A document of prices from the start of one day to that of another; not signed. */
export function pricesOf(
  cost: CostTerms,
  [fromDay, toDay]: readonly [number, number],
  priceOf = priceAt,
) {
  const hours = (midnight(toDay) - midnight(fromDay)) / 3600;
  return {
    kind: "smarter-metering/prices",
    ...cost,
    currency: "EUR",
    startSeconds: midnight(fromDay),
    pricesMicroPerKilowattHour: Array.from({ length: hours }, (_, hour) =>
      priceOf(midnight(fromDay) + 3600 * hour),
    ),
  };
}

/** What is used in each quarter of a day, mWh. */
export const valuesOf = (day: number): number[] =>
  Array.from({ length: slotsOf(day) }, (_, slot) => 90_000 + 1013 * slot + 37 * day);

export const dataKey = filled(32, 0xc3);
const keyEpoch = 1_540_000_000;

export interface MeterDay {
  readonly day: number;
  readonly bank: Uint8Array;
  readonly importMilliwattHours: readonly number[];
  readonly exportMilliwattHours: readonly number[];
  /** At its end. */
  readonly registers: readonly bigint[];
  /** The frame of the day before. */
  readonly previous: Uint8Array | undefined;
}

/** The frame of a day, encoded. */
export async function sealDay(meterDay: MeterDay): Promise<Uint8Array> {
  const { day, bank, previous, registers } = meterDay;
  const { importMilliwattHours, exportMilliwattHours } = meterDay;
  const count = importMilliwattHours.length;
  const header = {
    profile: "pes-encrypts",
    kind: "BLOCK",
    networkPseudonym: bill.networkPseudonym,
    meterId: bill.meterId,
    keyEpoch,
    keyCommitment: await keyCommitment(bill.meterId, keyEpoch, dataKey),
    counter: day,
    blockStart: midnight(day),
    firstSlot: 0,
    count,
    intervalSeconds: 900,
    registerBank: bank,
    previousFrameHash: previous ? await frameHash(decodeFrame(previous)) : filled(32, 0),
  } as const;
  const body = {
    importMilliwattHours: Uint32Array.from(importMilliwattHours),
    exportMilliwattHours: Uint32Array.from(exportMilliwattHours),
    quality: new Uint8Array(count),
    registersMilliwattHours: registers,
  };
  return encodeFrame(await sealFrame(header, body, dataKey, must(bill.meter)));
}

/** What the opener contributes of a frame, signed. */
export async function contributionsOf(
  frame: Uint8Array,
  contextOf: (header: FrameHeader) => Promise<ContributionContext | undefined>,
): Promise<Uint8Array[]> {
  const decoded = decodeFrame(frame);
  const context = must(await contextOf(decoded.header));
  const { encrypt } = bill.evidence.contributions;
  const own = await recomputeContributions(decoded, dataKey, context, encrypt);
  return Promise.all(
    own.map(async ({ headerBytes, header, ciphertext }) =>
      encodeContribution(
        await signContribution(headerBytes, header, ciphertext, must(bill.opener)),
      ),
    ),
  );
}
