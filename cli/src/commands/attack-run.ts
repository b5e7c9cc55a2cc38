/** `attack run`: the privacy evaluation, published attacks on what each party receives, each with the control on which it must succeed. */
import { writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { FULL_PLAN, type ReportSection } from "@smarter-metering/attacks";
import { UNITS } from "@smarter-metering/readings";
import { attackActively } from "../attack/active.ts";
import {
  evaluateFile,
  evaluateSynthetic,
  failuresOf,
  recordOf,
  type PrivacyEvaluation,
} from "../attack/evaluation.ts";
import { htmlOf } from "../attack/html.ts";
import { recordText } from "../attack/record.ts";
import { renderEvaluation } from "../attack/report.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";

const KEY_BITS = 3072;

export const attackRun: Command = {
  name: "attack run",
  summary: "Attack the system: passive attacks on sums and bills, active ones on real parties.",
  options: {
    households: { type: "string", value: "<n>", text: "made-up homes in the largest sum (200)" },
    data: {
      type: "string",
      value: "<file or folder>",
      text: "your own readings too: at least two weeks of many homes",
    },
    title: {
      type: "string",
      value: "<text>",
      text: "what the report calls them (the file's name)",
    },
    unit: { type: "string", value: "<kW|W|kWh|Wh|mWh>", text: "unit of the values" },
    zone: { type: "string", value: "<IANA zone>", text: "zone of the homes (Europe/Zurich)" },
    write: {
      type: "string",
      value: "<file.md>",
      text: "keep the report here, and its record beside it as .json",
    },
    html: { type: "string", value: "<file.html>", text: "keep the report as one page" },
  },
  async run(context, args) {
    const { terminal } = context;
    const path = args.text("write");
    if (path !== undefined && !path.endsWith(".md")) throw usageError("--write takes a .md file");
    const evaluation = await evaluateAll(context, args).catch((error: unknown) => {
      if (!context.signal.aborted) throw error;
      const message = "stopped before the end; nothing was written";
      throw new CliError("ATTACK_STOPPED", message, EXIT.failed, error);
    });
    const report = renderEvaluation(evaluation);
    const html = args.text("html");
    if (html !== undefined) await writeFile(resolve(html), htmlOf("Privacy evaluation", report));
    if (path !== undefined) {
      await writeFile(resolve(path), report);
      await writeFile(resolve(path.replace(/\.md$/, ".json")), recordText(evaluation));
    }
    if (terminal.json) terminal.printJson(evaluation);
    else terminal.print(report.trimEnd());
    const failures = failuresOf(evaluation);
    for (const failure of failures) terminal.warn(`does not hold: ${failure}`);
    return failures.length === 0 ? EXIT.ok : EXIT.failed;
  },
};

async function evaluateAll(
  { terminal, signal }: CommandContext,
  args: Arguments,
): Promise<PrivacyEvaluation> {
  const households = args.integer("households", 200, { min: 2, max: 1000 });
  const data = args.text("data");
  const unit = args.oneOf("unit", UNITS);
  const progress = (label: string, done: number, total: number): void =>
    terminal.progress(label, done, total);
  const passive = { plan: FULL_PLAN, signal, progress };
  const sections: ReportSection[] = [];
  if (data !== undefined) {
    const source = { zone: args.text("zone") ?? "Europe/Zurich", ...(unit && { unit }) };
    const title = args.text("title") ?? basename(data);
    // First: a file that cannot be used should say so before minutes have passed.
    sections.push(await evaluateFile(resolve(data), title, source, passive));
  }
  const active = await attackActively({ keyBits: KEY_BITS, signal, progress });
  sections.unshift(await evaluateSynthetic(households, passive));
  return recordOf(sections, active);
}
