/** `readings convert`: any source as exchange CSV in milliwatt-hours, on stdout. */
import { once } from "node:events";
import { describeReport, writeSeries } from "@smarter-metering/readings";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { onlyOperand, readWithProgress, sourceOptions } from "./readings-source.ts";

export const readingsConvert: Command = {
  name: "readings convert",
  summary: "Write a file or folder as CSV: household,start,seconds,import_mWh,export_mWh,quality.",
  operands: "<file or folder>",
  options: sourceOptions,
  async run(context, args) {
    const path = onlyOperand(args, "a file");
    const { series, report } = await readWithProgress(path, args, context);
    for (const line of describeReport(report)) context.terminal.note(line);
    for (const chunk of writeSeries(series)) {
      if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
    }
    return EXIT.ok;
  },
};
