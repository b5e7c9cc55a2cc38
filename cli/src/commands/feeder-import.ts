/** `feeder import`: what a feeder meter measured, from a file into the MDMS. */
import { readSource, UNITS, type Series } from "@smarter-metering/readings";
import { z } from "zod";
import { CliError, EXIT } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { withMdms, type MdmsReader } from "../serve/mdms-session.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { batchesOf, feederDays, type FeederGrid } from "./feeder-days.ts";
import { onlyOperand, sourceOptions } from "./readings-source.ts";

/** More than a feeder of a town's quarter carries; a household's limit would take it all for absurd. */
const FEEDER_WATTS_MAX = 10_000_000;

const cohorts = z.object({
  cohorts: z.array(z.object({ cohort: z.string(), zone: z.string(), intervalSeconds: z.number() })),
});
const imported = z.object({ days: z.number(), alarm: z.string().nullable() });

export const feederImport: Command = {
  name: "feeder import",
  summary: "Bring in what a feeder meter measured, to compare it with a neighbourhood's load.",
  operands: "<file>",
  options: {
    ...dirOption,
    ...sourceOptions,
    cohort: { type: "string", value: "<id>", text: "the neighbourhood behind the feeder" },
  },
  async run(context, args) {
    const { terminal } = context;
    const cohort = args.required("cohort");
    const series = await readFeeder(onlyOperand(args, "a file"), args, context);
    const result = await withMdms(layoutFrom(args), terminal, async (mdms) => {
      const days = feederDays(series, await gridOf(mdms, cohort));
      let alarm: string | null = null;
      let sent = 0;
      for (const batch of batchesOf(days)) {
        const path = `/v1/feeders/${encodeURIComponent(cohort)}`;
        ({ alarm } = imported.parse(await mdms.post(path, { days: batch })));
        sent += batch.length;
        terminal.progress("importing days", sent, days.length);
      }
      return { cohort, days: sent, alarm };
    });
    if (terminal.json) terminal.printJson(result);
    else {
      terminal.print(`${result.days} days of ${cohort}${result.alarm ? `: ${result.alarm}` : ""}`);
    }
    return EXIT.ok;
  },
};

/** One series; a file of several meters is no feeder's. */
async function readFeeder(
  path: string,
  args: Arguments,
  { terminal, signal }: CommandContext,
): Promise<Series> {
  const unit = args.oneOf("unit", UNITS);
  const zone = args.text("zone");
  const { series } = await readSource(path, {
    ...(unit === undefined ? {} : { unit }),
    ...(zone === undefined ? {} : { zone }),
    strict: args.flag("strict"),
    powerWattsMax: FEEDER_WATTS_MAX,
    signal,
    progress: ({ bytes, bytesTotal }) => terminal.progress("reading", bytes, bytesTotal),
  });
  const [only, ...others] = series;
  if (only !== undefined && others.length === 0) return only;
  throw new CliError("FEEDER_FILE", `${path} holds ${series.length} series; a feeder has one`);
}

async function gridOf(mdms: MdmsReader, cohort: string): Promise<FeederGrid> {
  const known = cohorts.parse(await mdms.get("/v1/cohorts")).cohorts;
  const found = known.find((entry) => entry.cohort === cohort);
  if (found !== undefined) return found;
  const names = known.map((entry) => entry.cohort).join(", ");
  throw new CliError("COHORT_UNKNOWN", `the registry has no cohort ${cohort}, only: ${names}`);
}
