/**
 * `tariff check`: what is wrong with a tariff file, or what it says: in words, in hours of each band over a year, and in the bills of a
 * household. Runs at a tariff's author; knows made-up readings, or a customer's own file.
 */
import { readFile } from "node:fs/promises";
import { defaultPolicy } from "@smarter-metering/policy";
import {
  addLocalMonths,
  dayStartOf,
  describeTariff,
  localMonthStart,
  parseTariff,
  tariffFaults,
  type Tariff,
} from "@smarter-metering/tariff";
import { CliError, EXIT } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { onlyOperand, sourceOptions } from "./readings-source.ts";
import { bandMonths, type BandMonth } from "./tariff-hours.ts";
import { billsOf, profileOf, totalMinor, type ProfileBills } from "./tariff-profile.ts";

const ZONE = "Europe/Zurich";
const MONTHS = 12;

export const tariffCheck: Command = {
  name: "tariff check",
  summary: "Check a tariff file, say in words what it charges, and bill a household by it.",
  operands: "<tariff.json>",
  options: {
    profile: {
      type: "string",
      value: "<sample|file>",
      text: "bill a made-up household (sample), or each of a file of readings",
    },
    ...sourceOptions,
    zone: { type: "string", value: "<IANA zone>", text: `zone of the service points (${ZONE})` },
    from: { type: "string", value: "<date>", text: "first month of hours and sample (this one)" },
  },
  async run(context, args) {
    const { terminal } = context;
    const document = await readJsonFile(onlyOperand(args, "a tariff file"));
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
    const zone = args.text("zone") ?? ZONE;
    const fromSeconds = firstMonth(tariff, zone, args);
    const months = bandMonths(tariff.calendar, { fromSeconds, months: MONTHS, zone });
    const profiles = await profileBills(tariff, { zone, fromSeconds }, args, context);
    if (terminal.json) terminal.printJson(jsonOf(tariff, zone, months, profiles));
    else printReport(terminal, tariff, zone, months, profiles);
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

async function profileBills(
  tariff: Tariff,
  at: { readonly zone: string; readonly fromSeconds: number },
  args: Arguments,
  context: CommandContext,
): Promise<ProfileBills[]> {
  const profile = args.text("profile");
  if (profile === undefined) return [];
  const households = await profileOf(profile, { ...at, months: MONTHS }, args, context);
  return households.map((series) => billsOf(tariff, series, at.zone));
}

/** Months in which a band holds for fewer intervals than R9 (docs/protocol.md §8.3) lets a bill have. */
const narrowOf = ({ hours }: BandMonth): string[] => {
  const needed = (defaultPolicy().bandIntervalsMin * 900) / 3600;
  return Object.entries(hours).flatMap(([band, each]) => (each > 0 && each < needed ? [band] : []));
};

function jsonOf(
  tariff: Tariff,
  zone: string,
  months: readonly BandMonth[],
  profiles: readonly ProfileBills[],
): object {
  return {
    tariff,
    faults: [],
    zone,
    hours: months.map((month) => ({ ...month, narrow: narrowOf(month) })),
    profiles: profiles.map(({ label, bills }) => ({
      label,
      bills: bills.map(({ bill, ...month }) => ({
        month: month.month,
        days: bill.days,
        energy_mWh: String(month.energyMilliwattHours),
        export_mWh: String(month.exportMilliwattHours),
        amount: bill.amount,
      })),
      total: totalMinor({ label, bills }).text,
    })),
  };
}

function printReport(
  terminal: Terminal,
  tariff: Tariff,
  zone: string,
  months: readonly BandMonth[],
  profiles: readonly ProfileBills[],
): void {
  const { bands } = tariff.calendar;
  terminal.print(describeTariff(tariff).join("\n"));
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
    const lines = profile.bills.map(({ month, bill, energyText, exportText }) => [
      month,
      energyText,
      exportText,
      bill.amount,
    ]);
    const total = ["total", ...totalMinor(profile).row];
    const header = ["month", "kWh", "fed in", tariff.currency];
    terminal.print(`\nBills of ${profile.label}\n${terminal.table([header, ...lines, total])}`);
  }
}

/** Throws FILE_UNREADABLE or FILE_NOT_JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJsonText(await readTextFile(path), path);
}

/** Throws FILE_UNREADABLE. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const message = `cannot read ${path}: check the path and its permissions`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
}

/** Throws FILE_NOT_JSON. */
export function parseJsonText(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CliError("FILE_NOT_JSON", `${path} is not JSON: check commas and quotes`);
  }
}
