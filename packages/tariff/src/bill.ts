// From the registers of one billing window to money, in integers, rounded once.
// docs/protocol.md: two streams; what the customer checks. Runs in the MDMS, which sees a window's
// totals, and again in the browser, on the customer's own readings: the same bill to the last cent.

import { TariffError } from "./error.ts";
import { formatMinor, roundExact } from "./money.ts";
import { versionOn, type Tariff, type TariffVersion } from "./tariff.ts";
import { localDate, localDayStart, localDaysBetween } from "./zone.ts";

/** A line; `amountE16` is exact, in 10^-16 currency units, negative for a credit. */
export type BillLine =
  | {
      readonly kind: "energy";
      readonly band: string;
      readonly quantityMilliwattHours: bigint;
      readonly priceMicroPerKilowattHour: number;
      readonly amountE16: bigint;
    }
  | {
      readonly kind: "feed-in";
      readonly quantityMilliwattHours: bigint;
      readonly priceMicroPerKilowattHour: number;
      readonly amountE16: bigint;
    }
  | {
      readonly kind: "standing-charge";
      readonly days: number;
      readonly priceMicroPerDay: number;
      readonly amountE16: bigint;
    }
  | { readonly kind: "tax"; readonly taxBasisPoints: number; readonly amountE16: bigint };

/** A priced window. Lines add up exactly; only their total was rounded (half-even). */
export interface Bill {
  readonly currency: string;
  readonly minorDigits: number;
  /** The tariff version applied. */
  readonly version: number;
  /** Local days of the window. */
  readonly days: number;
  readonly lines: readonly BillLine[];
  readonly amountMinor: bigint;
  /** amountMinor as a decimal, "123.45". */
  readonly amount: string;
}

/** What a window consumed: one register for each band of the calendar, in its order. */
export interface BillInput {
  readonly tariff: Tariff;
  readonly zone: string;
  /** Local midnights of `zone`. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly registersMilliwattHours: readonly bigint[];
  readonly exportMilliwattHours: bigint;
}

/** 10^-16 in one mWh × 10^-6/kWh (10^-12), and in one 10^-6. */
const e16PerEnergyPrice = 10_000n;
const e16PerMicro = 10_000_000_000n;
const basisPoints = 10_000n;

function checkInput(input: BillInput): void {
  const { fromSeconds, toSeconds, zone, tariff } = input;
  const onMidnight = (seconds: number): boolean => localDayStart(seconds, zone) === seconds;
  if (!(fromSeconds < toSeconds) || !onMidnight(fromSeconds) || !onMidnight(toSeconds)) {
    const message = `${fromSeconds} to ${toSeconds} does not run between local midnights (${zone})`;
    throw new TariffError("TARIFF_WINDOW_INVALID", message);
  }
  const registers = input.registersMilliwattHours;
  if (registers.length !== tariff.calendar.bands.length) {
    const message = `${registers.length} registers for ${tariff.calendar.bands.length} bands`;
    throw new TariffError("TARIFF_REGISTERS_MISMATCH", message);
  }
  if ([...registers, input.exportMilliwattHours].some((register) => register < 0n)) {
    throw new TariffError("TARIFF_REGISTERS_MISMATCH", "a register ran backwards");
  }
}

function energyLines(input: BillInput, version: TariffVersion): BillLine[] {
  return input.registersMilliwattHours.map((quantityMilliwattHours, index) => {
    const band = input.tariff.calendar.bands[index];
    const price = band === undefined ? undefined : version.pricesMicroPerKilowattHour[band];
    if (band === undefined || price === undefined) {
      throw new TariffError("TARIFF_BAND_UNKNOWN", `no price for register ${index}`);
    }
    return {
      kind: "energy",
      band,
      quantityMilliwattHours,
      priceMicroPerKilowattHour: price,
      amountE16: quantityMilliwattHours * BigInt(price) * e16PerEnergyPrice,
    };
  });
}

/** Feed-in, as a credit; none when nothing was exported and nothing would be paid. */
function feedInLines(input: BillInput, version: TariffVersion): BillLine[] {
  const quantityMilliwattHours = input.exportMilliwattHours;
  const price = version.feedInMicroPerKilowattHour;
  if (quantityMilliwattHours === 0n && price === 0) return [];
  const amountE16 = -(quantityMilliwattHours * BigInt(price) * e16PerEnergyPrice);
  return [{ kind: "feed-in", quantityMilliwattHours, priceMicroPerKilowattHour: price, amountE16 }];
}

function sumOf(lines: readonly BillLine[]): bigint {
  return lines.reduce((sum, line) => sum + line.amountE16, 0n);
}

/**
 * Prices one window. The version in force on its first local day applies to all of it; one that
 * starts inside takes effect with the next window (its registers cannot be split afterwards).
 * Tax is due on energy and standing charge, not on feed-in. A negative total is a credit.
 * Throws TARIFF_WINDOW_INVALID, TARIFF_REGISTERS_MISMATCH, TARIFF_NOT_IN_FORCE, ZONE_UNKNOWN.
 */
export function priceBill(input: BillInput): Bill {
  checkInput(input);
  const { tariff, zone, fromSeconds, toSeconds } = input;
  const version = versionOn(tariff, localDate(fromSeconds, zone));
  const days = localDaysBetween(fromSeconds, toSeconds, zone);
  const standing: BillLine = {
    kind: "standing-charge",
    days,
    priceMicroPerDay: version.standingChargeMicroPerDay,
    amountE16: BigInt(days) * BigInt(version.standingChargeMicroPerDay) * e16PerMicro,
  };
  const taxed = [...energyLines(input, version), standing];
  const tax: BillLine = {
    kind: "tax",
    taxBasisPoints: version.taxBasisPoints,
    // Exact: every taxed amount is a multiple of 10^4 of the unit.
    amountE16: (sumOf(taxed) / basisPoints) * BigInt(version.taxBasisPoints),
  };
  const lines = [...taxed, ...feedInLines(input, version), tax];
  const amountMinor = roundExact(sumOf(lines), tariff.minorDigits);
  return {
    currency: tariff.currency,
    minorDigits: tariff.minorDigits,
    version: version.version,
    days,
    lines,
    amountMinor,
    amount: formatMinor(amountMinor, tariff.minorDigits),
  };
}
