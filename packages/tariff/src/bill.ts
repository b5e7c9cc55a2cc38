// From the registers of one billing window to money, in integers, rounded once.
// docs/protocol.md: two streams; statements. Runs in the MDMS, which sees a window's totals, and
// again in the browser, on the customer's own readings: the same bill to the last cent.

import { splitPart } from "./bill-parts.ts";
import { importOf, sumOf, type BillLine, type PricedPart } from "./bill-line.ts";
import { chargeLines, minimumLines } from "./charge-lines.ts";
import { TariffError } from "./error.ts";
import { formatMinor, roundExact } from "./money.ts";
import { creditLines, feedInLines, taxLines } from "./tax-lines.ts";
import { versionOn, type Tariff } from "./tariff.ts";
import { localDate, localDayStart, localDaysBetween } from "./zone.ts";

/** What a stretch of a window consumed: one register for each band of the calendar, in its order. */
export interface BillPart {
  /** Local midnights of the bill's zone. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly registersMilliwattHours: readonly bigint[];
  readonly exportMilliwattHours: bigint;
  /** Where the calendar has a cost and it was released: what its register counted. */
  readonly cost?: bigint;
}

/** A window whose registers were counted as one: every statement's. */
export interface BillInput extends BillPart {
  readonly tariff: Tariff;
  readonly zone: string;
}

/** A window counted in parts, in order of time, each beginning where the one before ends. */
export interface BillPartsInput {
  readonly tariff: Tariff;
  readonly zone: string;
  readonly parts: readonly BillPart[];
}

/** A part with the version that it was priced by. */
export interface BilledPart extends BillPart {
  readonly version: number;
  /** First local day. */
  readonly fromDate: string;
  readonly days: number;
}

/** A priced window. Lines add up exactly; only their total was rounded (half-even). */
export interface Bill {
  readonly currency: string;
  readonly minorDigits: number;
  readonly zone: string;
  /** The tariff version applied, in the first part: the one in force on the window's first day. */
  readonly version: number;
  /** Local days of the window. */
  readonly days: number;
  /** As it was counted. */
  readonly counted: readonly BillPart[];
  /** As it was priced: cut where versions took effect inside. At most 8. */
  readonly parts: readonly BilledPart[];
  readonly lines: readonly BillLine[];
  readonly amountMinor: bigint;
  /** amountMinor as a decimal, "123.45". */
  readonly amount: string;
}

/** Registers of a bill: parts cannot be more. */
const partsMax = 8;

function checkPart({ tariff, zone }: BillPartsInput, part: BillPart): void {
  const { fromSeconds, toSeconds, registersMilliwattHours: registers } = part;
  const onMidnight = (seconds: number): boolean => localDayStart(seconds, zone) === seconds;
  if (!(fromSeconds < toSeconds) || !onMidnight(fromSeconds) || !onMidnight(toSeconds)) {
    const message = `${fromSeconds} to ${toSeconds} does not run between local midnights (${zone})`;
    throw new TariffError("TARIFF_WINDOW_INVALID", message);
  }
  if (registers.length !== tariff.calendar.bands.length) {
    const message = `${registers.length} registers for ${tariff.calendar.bands.length} bands`;
    throw new TariffError("TARIFF_REGISTERS_MISMATCH", message);
  }
  const { exportMilliwattHours, cost = 0n } = part;
  if ([...registers, exportMilliwattHours, cost].some((register) => register < 0n)) {
    throw new TariffError("TARIFF_REGISTERS_MISMATCH", "a register ran backwards");
  }
  if (part.cost !== undefined && tariff.calendar.cost === undefined) {
    throw new TariffError("TARIFF_REGISTERS_MISMATCH", "a cost, and prices of bands alone");
  }
}

/** The part's own fields, of an object that has others too. */
function ownFields(part: BillPart): BillPart {
  const { fromSeconds, toSeconds, registersMilliwattHours, exportMilliwattHours, cost } = part;
  const counted = {
    registersMilliwattHours,
    exportMilliwattHours,
    ...(cost !== undefined && { cost }),
  };
  return { fromSeconds, toSeconds, ...counted };
}

function pricedParts(input: BillPartsInput): PricedPart[] {
  const { tariff, zone } = input;
  const parts = input.parts.flatMap((part, index) => {
    checkPart(input, part);
    if (index > 0 && input.parts[index - 1]?.toSeconds !== part.fromSeconds) {
      const message = `part ${index} does not begin where the one before ends`;
      throw new TariffError("TARIFF_WINDOW_INVALID", message);
    }
    return splitPart(tariff, part, zone);
  });
  if (parts.length === 0 || parts.length > partsMax) {
    throw new TariffError("TARIFF_WINDOW_INVALID", `a window has 1 to ${partsMax} parts`);
  }
  let importBeforeMilliwattHours = 0n;
  return parts.map((part, index) => {
    const { fromSeconds, toSeconds } = part;
    const priced: PricedPart = {
      part: index,
      ...ownFields(part),
      version: versionOn(tariff, localDate(fromSeconds, zone)),
      days: localDaysBetween(fromSeconds, toSeconds, zone),
      importBeforeMilliwattHours,
    };
    importBeforeMilliwattHours += importOf(part);
    return priced;
  });
}

function linesOf({ tariff, zone }: BillPartsInput, parts: readonly PricedPart[]): BillLine[] {
  const windowDays = parts.reduce((sum, { days }) => sum + days, 0);
  const charges = parts.map((part) => chargeLines(tariff, part, { zone, windowDays }));
  const minimums = minimumLines(parts, sumOf(charges.flat()));
  return parts.flatMap((priced, index) => {
    const ownMinimums = minimums.filter(({ part }) => part === index);
    const charged = [...(charges[index] ?? []), ...ownMinimums];
    const taxes = taxLines(priced, charged);
    return [...charged, ...feedInLines(priced), ...taxes, ...creditLines(priced)];
  });
}

/**
 * Prices one window. The version in force on its first local day applies to all of it, but where one
 * that starts inside takes effect on its day (`versionsInside`): there begins another part. How each
 * price is billed: docs/protocol.md, statements. A negative total is a credit.
 * Throws TARIFF_WINDOW_INVALID, TARIFF_REGISTERS_MISMATCH, TARIFF_NOT_IN_FORCE, ZONE_UNKNOWN.
 */
export function priceBill(input: BillInput | BillPartsInput): Bill {
  const { tariff, zone } = input;
  const counted = "parts" in input ? input.parts.map(ownFields) : [ownFields(input)];
  const parted = { tariff, zone, parts: counted };
  const parts = pricedParts(parted);
  const lines = linesOf(parted, parts);
  const amountMinor = roundExact(sumOf(lines), tariff.minorDigits);
  const billed = parts.map((part): BilledPart => ({
    ...ownFields(part),
    version: part.version.version,
    fromDate: localDate(part.fromSeconds, zone),
    days: part.days,
  }));
  return {
    currency: tariff.currency,
    minorDigits: tariff.minorDigits,
    zone,
    version: billed[0]?.version ?? 0, // there is a first part
    days: billed.reduce((sum, { days }) => sum + days, 0),
    counted,
    parts: billed,
    lines,
    amountMinor,
    amount: formatMinor(amountMinor, tariff.minorDigits),
  };
}
