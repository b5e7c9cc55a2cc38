/** `load show`: released load curves of neighbourhoods. */
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { withMdms } from "../serve/mdms-session.ts";
import { readLoads, type LoadEntry } from "../serve/released.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const loadShow: Command = {
  name: "load show",
  summary: "Show the released load of neighbourhoods.",
  options: { ...dirOption, cohort: { type: "string", value: "<id>", text: "one neighbourhood" } },
  async run({ terminal }, args) {
    const releases = await withMdms(layoutFrom(args), terminal, (mdms) =>
      readLoads(mdms, args.text("cohort")),
    );
    if (terminal.json) terminal.printJson({ releases });
    else terminal.print(terminal.table([HEADER, ...releases.map(rowOf)], ""));
    return EXIT.ok;
  },
};

const HEADER = ["block", "cohort", "contributors", "kWh", "peak kW", "lowest kW"];

function rowOf(release: LoadEntry): string[] {
  const { start, cohort, contributors, members, energy_Wh, intervalSeconds } = release;
  const kilowatts = energy_Wh.map((wattHours) => (wattHours * 3.6) / intervalSeconds);
  const total = energy_Wh.reduce((sum, value) => sum + value, 0) / 1000;
  return [
    start,
    cohort,
    `${contributors}/${members}`,
    total.toFixed(1),
    Math.max(...kilowatts).toFixed(1),
    Math.min(...kilowatts).toFixed(1),
  ];
}
