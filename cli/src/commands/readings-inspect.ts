/** `readings inspect`: what a file is, before anything is sent. */
import { describeReport } from "@smarter-metering/readings";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { onlyOperand, readWithProgress, sourceOptions } from "./readings-source.ts";

export const readingsInspect: Command = {
  name: "readings inspect",
  summary: "Show format, unit, zone, gaps, duplicates and clock changes of a file or folder.",
  operands: "<file or folder>",
  options: sourceOptions,
  async run(context, args) {
    const { report } = await readWithProgress(onlyOperand(args, "a file"), args, context);
    const { terminal } = context;
    if (terminal.json) {
      const energy = report.importMilliwattHours.toString();
      const { importMilliwattHours: _, ...rest } = report;
      terminal.printJson({ ...rest, energy_mWh: energy });
    } else {
      terminal.print(describeReport(report).join("\n"));
    }
    return EXIT.ok;
  },
};
