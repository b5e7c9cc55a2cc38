/** `feeder show`: feeders less the load of their neighbourhoods, by day and interval. */
import { z } from "zod";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { withMdms } from "../serve/mdms-session.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const wattHours = z.array(z.number().nullable());
const list = z.object({
  feeders: z.array(z.object({ cohort: z.string(), alarm: z.string().nullable() })),
});
const daysAnswer = z.object({
  days: z.array(
    z.object({
      start: z.string(),
      intervalSeconds: z.number(),
      difference_Wh: wattHours,
      scaledLoad_Wh: wattHours,
      balancedSlots: z.number(),
      feederTotal_Wh: z.number(),
      scaledLoadTotal_Wh: z.number(),
      lossShare: z.number().nullable(),
      judgement: z.string(),
    }),
  ),
});
type Day = z.infer<typeof daysAnswer>["days"][number];

export const feederShow: Command = {
  name: "feeder show",
  summary: "Show feeders less the load of their neighbourhoods, and which do not agree.",
  options: {
    ...dirOption,
    cohort: { type: "string", value: "<id>", text: "one neighbourhood" },
    days: { type: "string", value: "<n>", text: "the newest days (default 31)" },
  },
  async run({ terminal }, args) {
    const wanted = args.text("cohort");
    const limit = args.integer("days", 31, { min: 1, max: 400 });
    const feeders = await withMdms(layoutFrom(args), terminal, async (mdms) => {
      const all = list.parse(await mdms.get("/v1/feeders")).feeders;
      const chosen = all.filter(({ cohort }) => wanted === undefined || cohort === wanted);
      const shown = [];
      for (const feeder of chosen) {
        const path = `/v1/feeders/${encodeURIComponent(feeder.cohort)}?limit=${limit}`;
        shown.push({ ...feeder, ...daysAnswer.parse(await mdms.get(path)) });
      }
      return shown;
    });
    if (terminal.json) terminal.printJson({ feeders });
    else {
      const rows = feeders.flatMap(({ cohort, days }) => days.map((day) => rowOf(cohort, day)));
      terminal.print(terminal.table([HEADER, ...rows], ""));
      for (const { cohort, alarm } of feeders) {
        if (alarm !== null) terminal.print(terminal.red(`${cohort}: ${alarm}`));
      }
    }
    return EXIT.ok;
  },
};

const HEADER = ["day", "cohort", "feeder kWh", "load kWh", "lost", "intervals", ""];

function rowOf(cohort: string, day: Day): string[] {
  const { start, lossShare, balancedSlots, difference_Wh, judgement } = day;
  return [
    start,
    cohort,
    (day.feederTotal_Wh / 1000).toFixed(1),
    (day.scaledLoadTotal_Wh / 1000).toFixed(1),
    lossShare === null ? "–" : `${(100 * lossShare).toFixed(1)} %`,
    `${balancedSlots}/${difference_Wh.length}`,
    judgement,
  ];
}
