/** `readings inspect`: what a file is, what would be sent of it, and every defect, before anything is sent. */
import { describeReport } from "@smarter-metering/readings";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { describeSendings, sendingOf } from "./readings-sending.ts";
import { onlyOperand, readWithProgress, sourceOptions } from "./readings-source.ts";

/** Located defects listed of each kind; all of them are counted. */
const LISTED_PER_KIND = 10_000;

export const readingsInspect: Command = {
  name: "readings inspect",
  summary: "Show what a file or folder is, what would be sent of it, and where it has defects.",
  operands: "<file or folder>",
  options: {
    ...sourceOptions,
    strict: { type: "boolean", text: "end with code 4 when there is any defect" },
  },
  async run(context, args) {
    const { terminal } = context;
    const path = onlyOperand(args, "a file");
    const asked = { strict: false, findingsPerKindMax: LISTED_PER_KIND };
    const { series, report } = await readWithProgress(path, args, context, asked);
    const zone = report.zone ?? "UTC";
    const sendings = series.map((one) => sendingOf(one, zone));
    if (terminal.json) {
      const { importMilliwattHours, exportMilliwattHours, ...rest } = report;
      terminal.printJson({
        ...rest,
        energy_mWh: importMilliwattHours.toString(),
        exported_mWh: exportMilliwattHours.toString(),
        sending: sendings.map((sending, index) => ({ label: series[index]?.label, ...sending })),
      });
    } else {
      terminal.print(describeSendings(sendings, zone).join("\n"));
      terminal.print(describeReport(report, LISTED_PER_KIND).join("\n"));
    }
    const isClean = Object.keys(report.counts).length === 0;
    return isClean || !args.flag("strict") ? EXIT.ok : EXIT.differs;
  },
};
