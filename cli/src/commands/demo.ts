/** `demo`: the whole system on this machine, on made-up households or on a file of the user's. */
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { readOperators } from "../demo/access.ts";
import { customersOf, joinPortal } from "../demo/customers.ts";
import { goLive } from "../demo/live.ts";
import { prepareDemo } from "../demo/prepare.ts";
import { reportOf } from "../demo/report.ts";
import { playDays, startDemo, type RunningDemo } from "../demo/run-demo.ts";
import { sideBySide } from "../demo/side-by-side.ts";
import { isExact, printSummary, summaryJson } from "../demo/summary.ts";
import { plainDoor } from "../serve/door.ts";
import { removeRunFile, writeRunFile } from "../serve/run-file.ts";
import type { Terminal } from "../terminal.ts";
import { demoOptions, demoRequestOf } from "./demo-request.ts";

/** The rest of the thread pool is for the load, which goes on while customers make their keys. */
const JOINING_AT_ONCE = 3;

export const demo: Command = {
  name: "demo",
  summary:
    "Run the whole system on this machine: keys, households, a month of readings, then live.",
  options: {
    ...demoOptions,
    exit: { type: "boolean", text: "end after the summary instead of going live" },
  },
  async run({ terminal, signal }, args) {
    const startedMs = performance.now();
    const prepared = await prepareDemo(await demoRequestOf(args, "replay"), terminal);
    const running = await startDemo(prepared, terminal);
    try {
      const origin = running.everything.urls["ucs"] ?? "";
      const joining = sideBySide(customersOf(running.access), JOINING_AT_ONCE, (customer) =>
        joinPortal(plainDoor(origin), customer, signal),
      );
      await playDays(running, terminal, signal, joining);
      const report = await reportOf(running, await joining);
      const seconds = (performance.now() - startedMs) / 1000;
      if (terminal.json) terminal.printJson(summaryJson(report, seconds));
      else printSummary(report, seconds, terminal);
      if (!args.flag("exit")) await stayUp(running, terminal, signal);
      return isExact(report) ? EXIT.ok : EXIT.differs;
    } finally {
      await running.close();
    }
  },
};

/** Prints addresses and logins, and lets time go on until the process is told to stop. */
async function stayUp(
  running: RunningDemo,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { layout } = running.demo;
  const { urls } = running.everything;
  await writeRunFile(layout, urls);
  try {
    // With --json stdout holds the one object and nothing else.
    const say = (text: string): void =>
      terminal.json ? terminal.note(text) : terminal.print(text);
    say(terminal.bold("\nOpen"));
    say(terminal.table(await doorsOf(running)));
    say("All keys are in this one process: no separation holds here. Ctrl-C ends it.");
    const ended = await goLive(running, signal);
    if (ended === "stopped") return;
    say("The file has no more readings: the system stays up, time stands still.");
    if (signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  } finally {
    await removeRunFile(layout);
  }
}

/** Where to go, as whom. */
async function doorsOf({ demo: { layout }, everything, access }: RunningDemo): Promise<string[][]> {
  const { mdms = "", ucs = "" } = everything.urls;
  const operators = (await readOperators(layout)).map(({ login, password }, index) => [
    index === 0 ? "operators" : "",
    index === 0 ? mdms : "",
    `login ${login}, password ${password}`,
  ]);
  const [customer] = customersOf(access);
  const known = customer && `login ${customer.login}, password ${customer.password}`;
  const newcomer = [...access].find(([, { login }]) => login === null);
  const letter = newcomer?.[1];
  return [
    ...operators,
    ...(known === undefined ? [] : [["customers", ucs, known]]),
    ...(letter === undefined
      ? []
      : [
          ["a new customer", `${ucs}/sign-up`, `enrolment code ${letter.enrolmentCode}`],
          ["", "", `network number ${letter.networkPseudonym}`],
        ]),
    ["everyone", "", `logins and enrolment codes in ${layout.households}`],
  ];
}
