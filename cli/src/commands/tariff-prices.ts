/** `tariff prices`: a day-ahead market's table as a document of prices, for `tariff check`, `sign` and `publish`. */
import { parseDynamicPrices, parseTariff } from "@smarter-metering/tariff";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { readJsonFile, readTextFile } from "./json-file.ts";
import { readPriceTable } from "./price-table.ts";
import { onlyOperand } from "./readings-source.ts";

/** The rest is counted: a wrong column makes a fault of every line. */
const FAULTS_SHOWN = 20;

export const tariffPrices: Command = {
  name: "tariff prices",
  summary: "Print a market's CSV table (time, price for a MWh) as a document of prices.",
  operands: "<prices.csv>",
  options: {
    tariff: { type: "string", value: "<tariff.json>", text: "a tariff that is billed by them" },
    round: {
      type: "boolean",
      text: "take the nearest multiple of the tariff's price step, half to even",
    },
  },
  async run({ terminal }, args) {
    const path = onlyOperand(args, "a CSV table");
    const tariff = parseTariff(await readJsonFile(args.required("tariff")));
    const { cost } = tariff.calendar;
    if (cost === undefined) {
      const message = `tariff ${tariff.tariff} is billed by its own prices alone: its calendar has no cost`;
      throw new CliError("PRICES_FOREIGN", message);
    }
    const table = readPriceTable(await readTextFile(path), cost, args.flag("round"));
    const { startSeconds, pricesMicroPerKilowattHour, rounded, faults } = table;
    if (faults.length > 0) {
      for (const { line, column, fault } of faults.slice(0, FAULTS_SHOWN)) {
        terminal.warn(`${path}:${line}:${column}: ${fault}`);
      }
      throw new CliError("PRICES_FAULTY", `${faults.length} faults in ${path}`);
    }
    const kind = "smarter-metering/prices";
    const { currency } = tariff;
    const document = { kind, ...cost, currency, startSeconds, pricesMicroPerKilowattHour };
    terminal.print(JSON.stringify(parseDynamicPrices(document)));
    if (rounded > 0) {
      const count = pricesMicroPerKilowattHour.length;
      terminal.warn(
        `${rounded} of ${count} prices were rounded to the nearest ${cost.priceStepMicro} × 10^-6 ${currency}/kWh, half to even`,
      );
    }
    return EXIT.ok;
  },
};
