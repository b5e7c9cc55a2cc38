/** `doctor`: is a deployment whole and well, what is to be done, and what may be claimed of it. */
import { systemClock } from "@smarter-metering/runtime";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { claimsOf } from "../doctor/claims.ts";
import { checkFiles } from "../doctor/file-checks.ts";
import type { Finding, Level } from "../doctor/finding.ts";
import { checkRunning } from "../doctor/running-checks.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const doctor: Command = {
  name: "doctor",
  summary:
    "Check a deployment's files, keys, registry and engine and the roles that run; say what to do, and what may be claimed of it.",
  options: {
    ...dirOption,
    files: { type: "boolean", text: "look at files alone: nothing has to run" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const findings = await checkFiles(layout);
    if (!args.flag("files"))
      findings.push(...(await checkRunning(layout, () => systemClock.nowMs())));
    const isWhole = findings.every(({ level }) => level !== "red");
    const claim = isWhole ? await claimsOf(layout) : [];
    if (terminal.json) terminal.printJson({ checks: findings, claim });
    else {
      terminal.print(
        terminal.table(
          findings.map((each) => rowOf(each, terminal)),
          "",
        ),
      );
      for (const line of claim) terminal.print(line);
    }
    return findings.every(({ level }) => level === "green") ? EXIT.ok : EXIT.differs;
  },
};

const WORDS: Readonly<Record<Level, string>> = { green: "ok", yellow: "LOOK", red: "WRONG" };

function rowOf({ what, level, finding, advice }: Finding, terminal: Terminal): string[] {
  const word = level === "red" ? terminal.red(WORDS[level]) : WORDS[level];
  return [word, what, advice === undefined ? finding : `${finding}: ${advice}`];
}
