/**
 * `tariff check`: what is wrong with a tariff file, or what it says: in words, in hours of each band over a year, and in the bills of a
 * household; of a file of prices what R9 makes of them. Runs at a tariff's author; knows made-up readings, or a customer's own file.
 */
import { defaultPolicy } from "@smarter-metering/policy";
import {
  addLocalMonths,
  dayStartOf,
  describeTariff,
  localMonthStart,
  parseTariff,
  publishNotes,
  tariffFaults,
  type Tariff,
} from "@smarter-metering/tariff";
import { EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { readJsonFile } from "./json-file.ts";
import { isPrices } from "./price-check.ts";
import { onlyOperand, sourceOptions } from "./readings-source.ts";
import { checkPrices, priceOptions, readPrices } from "./tariff-check-prices.ts";
import { bandMonths, type BandMonth } from "./tariff-hours.ts";
import {
  billsOf,
  profileOf,
  totalMinor,
  type MonthBill,
  type ProfileBills,
} from "./tariff-profile.ts";

const ZONE = "Europe/Zurich";
const MONTHS = 12;

export const tariffCheck: Command = {
  name: "tariff check",
  summary: "Check a file of a tariff or of prices, say in words what it charges, bill a household.",
  operands: "<tariff.json or prices.json>",
  options: {
    profile: {
      type: "string",
      value: "<sample|file>",
      text: "bill a made-up household (sample), or each of a file of readings",
    },
    ...sourceOptions,
    zone: { type: "string", value: "<IANA zone>", text: `zone of the service points (${ZONE})` },
    from: { type: "string", value: "<date>", text: "first month of hours and sample (this one)" },
    ...priceOptions,
  },
  async run(context, args) {
    const { terminal } = context;
    const document = await readJsonFile(onlyOperand(args, "a tariff file"));
    const zone = args.text("zone") ?? ZONE;
    if (isPrices(document)) return checkPrices(document, zone, args, terminal);
    const faults = tariffFaults(document).map(({ code, path, message }) => ({
      code,
      path,
      message,
    }));
    if (faults.length > 0) {
      if (terminal.json) terminal.printJson({ faults });
      else terminal.print(faults.map(({ code, message }) => `${code}: ${message}`).join("\n"));
      return EXIT.differs;
    }
    const tariff = parseTariff(document);
    const fromSeconds = firstMonth(tariff, zone, args);
    const months = bandMonths(tariff.calendar, { fromSeconds, months: MONTHS, zone });
    const report = {
      tariff,
      zone,
      notes: notesOf(tariff, zone, fromSeconds),
      months,
      profiles: await profileBills(tariff, { zone, fromSeconds }, args, context),
    };
    if (terminal.json) terminal.printJson(jsonOf(report));
    else printReport(terminal, report);
    return EXIT.ok;
  },
};

/** The month of `--from`, or of today; never before the tariff's first one. */
function firstMonth(tariff: Tariff, zone: string, args: Arguments): number {
  const date = args.text("from");
  const asked = date === undefined ? Math.floor(Date.now() / 1000) : dayStartOf(date, zone);
  const month = localMonthStart(asked, zone);
  const inForce = dayStartOf(tariff.versions[0]?.validFrom ?? "1970-01-02", zone);
  const first = localMonthStart(inForce, zone);
  return Math.max(month, first === inForce ? first : addLocalMonths(first, 1, zone));
}

/** What versions that start inside windows from `fromSeconds` on mean for them; those before are history. */
function notesOf(tariff: Tariff, zone: string, fromSeconds: number): string[] {
  const past = tariff.versions.filter(({ validFrom }) => dayStartOf(validFrom, zone) < fromSeconds);
  const { billGrid, billWindowDaysMin: windowDaysMin, bandIntervalsMin } = defaultPolicy();
  return publishNotes(past.length === 0 ? undefined : { ...tariff, versions: past }, tariff, {
    nowSeconds: fromSeconds,
    billGrid,
    windowDaysMin,
    bandIntervalsMin,
    contracts: [{ zone, contractStartSeconds: fromSeconds, intervalSeconds: 900 }],
  });
}

async function profileBills(
  tariff: Tariff,
  at: { readonly zone: string; readonly fromSeconds: number },
  args: Arguments,
  context: CommandContext,
): Promise<ProfileBills[]> {
  const profile = args.text("profile");
  const { cost } = tariff.calendar;
  if (cost === undefined && args.texts("prices").length > 0) {
    throw usageError(`--prices: tariff ${tariff.tariff} is billed by its own prices alone`);
  }
  const prices = cost && (await readPrices({ ...cost, currency: tariff.currency }, args));
  if (profile === undefined) return [];
  const households = await profileOf(profile, { ...at, months: MONTHS }, args, context);
  return households.map((series) => billsOf({ tariff, prices }, series, at.zone));
}

/** Of a bill by a tariff with a cost: whether the prices of its series were known. */
const pricedBy = ({ bill }: MonthBill): "prices" | "fallback" =>
  bill.lines.some(({ kind }) => kind === "cost-fallback") ? "fallback" : "prices";

/** Months in which a band holds for fewer intervals than R9 (docs/protocol.md §8.3) lets a bill have. */
const narrowOf = ({ hours }: BandMonth): string[] => {
  const needed = (defaultPolicy().bandIntervalsMin * 900) / 3600;
  return Object.entries(hours).flatMap(([band, each]) => (each > 0 && each < needed ? [band] : []));
};

interface Report {
  readonly tariff: Tariff;
  readonly zone: string;
  readonly notes: readonly string[];
  readonly months: readonly BandMonth[];
  readonly profiles: readonly ProfileBills[];
}

function jsonOf({ tariff, zone, notes, months, profiles }: Report): object {
  return {
    tariff,
    faults: [],
    notes,
    zone,
    hours: months.map((month) => ({ ...month, narrow: narrowOf(month) })),
    profiles: profiles.map(({ label, bills }) => ({
      label,
      bills: bills.map((month) => ({
        month: month.month,
        days: month.bill.days,
        energy_mWh: String(month.energyMilliwattHours),
        export_mWh: String(month.exportMilliwattHours),
        amount: month.bill.amount,
        ...(tariff.calendar.cost && { pricedBy: pricedBy(month) }),
      })),
      total: totalMinor({ label, bills }).text,
    })),
  };
}

function printReport(terminal: Terminal, { tariff, zone, notes, months, profiles }: Report): void {
  const { bands } = tariff.calendar;
  terminal.print([...describeTariff(tariff), ...notes].join("\n"));
  const rows = months.map(({ month, hours }) => [month, ...bands.map((band) => `${hours[band]}`)]);
  terminal.print(
    `\nHours of each band, ${zone}\n${terminal.table([["month", ...bands], ...rows])}`,
  );
  for (const month of months) {
    for (const band of narrowOf(month)) {
      terminal.warn(
        `warning: in ${month.month} band ${band} holds for ${month.hours[band]} h; a bill needs 0 or 60 intervals (15 h), or it is refused (R9)`,
      );
    }
  }
  for (const profile of profiles) {
    const hasCost = tariff.calendar.cost !== undefined;
    const lines = profile.bills.map((bill) => [
      bill.month,
      bill.energyText,
      bill.exportText,
      bill.bill.amount,
      ...(hasCost ? [pricedBy(bill)] : []),
    ]);
    const total = ["total", ...totalMinor(profile).row];
    const header = ["month", "kWh", "fed in", tariff.currency, ...(hasCost ? ["priced by"] : [])];
    terminal.print(`\nBills of ${profile.label}\n${terminal.table([header, ...lines, total])}`);
  }
}
