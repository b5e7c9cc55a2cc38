/**
 * What households would pay by a tariff: their readings, one bill for each local month, as the MDMS would make it. Reads a customer's own
 * file, or makes readings up.
 */
import { seriesEndSeconds, syntheticHousehold, type Series } from "@smarter-metering/readings";
import {
  addLocalDays,
  addLocalMonths,
  arePricesKnown,
  bandsOf,
  costOf,
  formatMinor,
  localDate,
  localDayStart,
  localDaysBetween,
  localMonthStart,
  priceBill,
  roundHalfEven,
  type Bill,
  type BillPart,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";
import type { Arguments, CommandContext } from "../command.ts";
import { readWithProgress } from "./readings-source.ts";

/** Names the made-up household: the same one for every tariff. */
const SAMPLE_SEED = "tariff-sample";

export interface MonthBill {
  /** YYYY-MM. */
  readonly month: string;
  readonly bill: Bill;
  readonly energyMilliwattHours: bigint;
  readonly exportMilliwattHours: bigint;
  readonly energyText: string;
  readonly exportText: string;
}

export interface ProfileBills {
  readonly label: string;
  readonly bills: readonly MonthBill[];
}

/** The sample of 15-minute readings from `fromSeconds` on, or every household of a file. */
export async function profileOf(
  profile: string,
  at: { readonly fromSeconds: number; readonly months: number; readonly zone: string },
  args: Arguments,
  context: CommandContext,
): Promise<Series[]> {
  const { fromSeconds, months, zone } = at;
  if (profile !== "sample") return (await readWithProgress(profile, args, context)).series;
  const days = localDaysBetween(fromSeconds, addLocalMonths(fromSeconds, months, zone), zone);
  const span = { startSeconds: fromSeconds, days, zone, intervalSeconds: 900 };
  const { series } = syntheticHousehold({ ...span, seed: SAMPLE_SEED, index: 0 });
  return [{ ...series, label: "a made-up household" }];
}

/** What bills are made by: a tariff, and what is known of the prices of its series. */
export interface Pricing {
  readonly tariff: Tariff;
  readonly prices?: readonly DynamicPrices[] | undefined;
}

/**
 * Whole local days of the readings, month by month; a month without prices of the series for all of them is billed at the tariff's price
 * for that. Throws PROFILE_TOO_SHORT, TariffError.
 */
export function billsOf(
  { tariff, prices = [] }: Pricing,
  series: Series,
  zone: string,
): ProfileBills {
  const start = localDayStart(series.startSeconds, zone);
  const first = start === series.startSeconds ? start : addLocalDays(start, 1, zone);
  const end = localDayStart(seriesEndSeconds(series), zone);
  if (first >= end) {
    const message = `the readings of ${series.label} cover no whole local day in ${zone}`;
    throw new CliError("PROFILE_TOO_SHORT", message);
  }
  const bills: MonthBill[] = [];
  let from = first;
  while (from < end) {
    const to = Math.min(end, addLocalMonths(localMonthStart(from, zone), 1, zone));
    const counted = measured({ tariff, prices }, series, { from, to }, zone);
    bills.push(monthBill(priceBill({ tariff, zone, ...counted }), zone));
    from = to;
  }
  return { label: series.label, bills };
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function measured(
  { tariff: { calendar }, prices }: Required<Pricing>,
  series: Series,
  { from, to }: Span,
  zone: string,
): BillPart {
  const { startSeconds, intervalSeconds } = series;
  const count = (to - from) / intervalSeconds;
  const offset = (from - startSeconds) / intervalSeconds;
  if (!Number.isInteger(count) || !Number.isInteger(offset)) {
    const message = `intervals of ${intervalSeconds} s do not end at local midnights in ${zone}`;
    throw new CliError("PROFILE_OFF_GRID", message);
  }
  const registers = calendar.bands.map(() => 0n);
  let exported = 0n;
  for (const [index, band] of bandsOf(calendar, from, intervalSeconds, count, zone).entries()) {
    const energy = BigInt(series.importMilliwattHours[offset + index] ?? 0);
    registers[band] = (registers[band] ?? 0n) + energy;
    exported += BigInt(series.exportMilliwattHours[offset + index] ?? 0);
  }
  const isCounted =
    calendar.cost !== undefined && arePricesKnown(prices, { fromSeconds: from, toSeconds: to });
  const energiesMilliwattHours = series.importMilliwattHours.subarray(offset, offset + count);
  const costed = { energiesMilliwattHours, fromSeconds: from, intervalSeconds };
  return {
    fromSeconds: from,
    toSeconds: to,
    registersMilliwattHours: registers,
    exportMilliwattHours: exported,
    ...(isCounted && { cost: costOf(prices, costed) }),
  };
}

/** kWh with one decimal. */
const kilowattHoursText = (milliwattHours: bigint): string =>
  formatMinor(roundHalfEven(milliwattHours, 100_000n), 1);

const sumOf = (values: readonly bigint[]): bigint => values.reduce((sum, each) => sum + each, 0n);

function monthBill(bill: Bill, zone: string): MonthBill {
  const energyMilliwattHours = sumOf(bill.parts.flatMap((part) => part.registersMilliwattHours));
  const exportMilliwattHours = sumOf(bill.parts.map((part) => part.exportMilliwattHours));
  return {
    month: localDate(bill.parts[0]?.fromSeconds ?? 0, zone).slice(0, 7),
    bill,
    energyMilliwattHours,
    exportMilliwattHours,
    energyText: kilowattHoursText(energyMilliwattHours),
    exportText: kilowattHoursText(exportMilliwattHours),
  };
}

/** The sum of the rounded bills, as it is paid. */
export function totalMinor({ bills }: ProfileBills): { text: string; row: string[] } {
  const digits = bills[0]?.bill.minorDigits ?? 2;
  const text = formatMinor(sumOf(bills.map(({ bill }) => bill.amountMinor)), digits);
  const energy = sumOf(bills.map((each) => each.energyMilliwattHours));
  const exported = sumOf(bills.map((each) => each.exportMilliwattHours));
  return { text, row: [kilowattHoursText(energy), kilowattHoursText(exported), text] };
}
