/** `tariff check` of prices: one document, or it and those before it. Runs at their author; knows no readings. */
import { parseDynamicPrices, TariffError, type DynamicPrices } from "@smarter-metering/tariff";
import { EXIT, type ExitCode } from "../cli-error.ts";
import type { Arguments } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { readJsonFile } from "./json-file.ts";
import {
  describePrices,
  figuresOf,
  judgePrices,
  pricesOf,
  spanOf,
  type JudgedWindow,
  type PricedClass,
  type Series,
} from "./price-check.ts";

const CLASS = { usual: 100, min: 1, max: 1_000_000 };
const FUSE_AMPS = { usual: 63, min: 1, max: 10_000 };

export const priceOptions = {
  prices: {
    type: "string",
    value: "<prices.json>",
    text: "prices that a tariff is billed by, or those before the checked ones; once for each file",
    multiple: true,
  },
  class: {
    type: "string",
    value: "<number>",
    text: `service points with such a tariff, for rule R9 on prices (${CLASS.usual})`,
  },
  fuse: {
    type: "string",
    value: "<amperes>",
    text: `fuse of each of their three phases, for R9 (${FUSE_AMPS.usual})`,
  },
} as const;

/** The documents of `--prices`, all of one series. Throws FILE_UNREADABLE, FILE_NOT_JSON, PRICES_FOREIGN, TariffError. */
export function readPrices(series: Series, args: Arguments): Promise<DynamicPrices[]> {
  const files = args.texts("prices");
  return Promise.all(files.map(async (path) => pricesOf(await readJsonFile(path), series, path)));
}

/** Exit code 4 for what is no document of prices, and for prices that R9 refuses. */
export async function checkPrices(
  document: unknown,
  zone: string,
  args: Arguments,
  terminal: Terminal,
): Promise<ExitCode> {
  const members = {
    zone,
    servicePoints: args.integer("class", CLASS.usual, CLASS),
    fuseAmps: args.integer("fuse", FUSE_AMPS.usual, FUSE_AMPS),
  };
  let prices: DynamicPrices;
  try {
    prices = parseDynamicPrices(document);
  } catch (error) {
    if (!(error instanceof TariffError)) throw error;
    const { code, path, message } = error;
    if (terminal.json) terminal.printJson({ faults: [{ code, path, message }] });
    else terminal.print(`${code}: ${message}`);
    return EXIT.differs;
  }
  const documents = [...(await readPrices(prices, args)), prices];
  const windows = judgePrices(documents, members);
  if (terminal.json) {
    const judged = { ...spanOf(prices), ...figuresOf(prices), ...members, windows };
    terminal.printJson({ prices, faults: [], ...judged });
  } else printReport(prices, windows, members, terminal);
  return windows.every(({ refusals }) => refusals.length === 0) ? EXIT.ok : EXIT.differs;
}

function printReport(
  prices: DynamicPrices,
  windows: readonly JudgedWindow[],
  { zone, servicePoints, fuseAmps }: PricedClass,
  terminal: Terminal,
): void {
  terminal.print(describePrices(prices).join("\n"));
  if (windows.length === 0) {
    terminal.print(
      "R9 looks at whole windows, of 28 days at least: give the documents before this one as --prices.",
    );
    return;
  }
  terminal.print(`\nR9 for a class of ${servicePoints} at 3 × ${fuseAmps} A, ${zone}`);
  const rows = windows.map(({ from, to, refusals }) => [
    `${from} to ${to}`,
    refusals.map(({ code }) => code).join(", ") || "a cost may be released",
  ]);
  terminal.print(terminal.table(rows));
  for (const { from, refusals } of windows) {
    for (const { code, reason } of refusals) {
      terminal.warn(
        `warning: from ${from} on ${code}: ${reason}; the window is billed at the tariff's price for that`,
      );
    }
  }
}
