/** `demo`: the whole system on this machine, on made-up households or on a file of the user's. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UNITS } from "@smarter-metering/readings";
import { EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command } from "../command.ts";
import { readOperators } from "../demo/access.ts";
import { customersOf, joinPortal } from "../demo/customers.ts";
import { goLive } from "../demo/live.ts";
import { prepareDemo, type DemoRequest } from "../demo/prepare.ts";
import { reportOf } from "../demo/report.ts";
import { playDays, startDemo, type RunningDemo } from "../demo/run-demo.ts";
import { isExact, printSummary, summaryJson } from "../demo/summary.ts";
import { removeRunFile, writeRunFile } from "../serve/run-file.ts";
import type { Terminal } from "../terminal.ts";

const START_DATE = "2026-10-01";
const SEED = "demo";
const KEY_BITS = 3072;

async function requestOf(args: Arguments): Promise<DemoRequest> {
  const path = args.text("data");
  const unit = args.oneOf("unit", UNITS);
  const profile = args.oneOf("profile", ["pes-encrypts", "meter-encrypts"]);
  if (profile === "meter-encrypts") throw usageError("--profile meter-encrypts is not there yet");
  const integer = (name: string, min: number, max: number): number | undefined =>
    args.integer(name, undefined, { min, max });
  const file =
    path === undefined
      ? undefined
      : {
          path: resolve(path),
          ...(unit === undefined ? {} : { unit }),
          strict: args.flag("strict"),
        };
  return {
    root: resolve(args.text("dir") ?? (await mkdtemp(join(tmpdir(), "smarter-metering-")))),
    file,
    zone: args.text("zone"),
    households: integer("households", 1, 1024),
    days: integer("days", 1, 400),
    intervalSeconds: integer("interval", 60, 1800),
    customers: integer("customers", 0, 1024),
    contributorsMin: integer("min-contributors", 1, 1_000_000),
    unsafePolicy: args.flag("unsafe-policy"),
    startDate: START_DATE,
    seed: args.text("seed") ?? SEED,
    keyBits: KEY_BITS,
  };
}

export const demo: Command = {
  name: "demo",
  summary:
    "Run the whole system on this machine: keys, households, a month of readings, then live.",
  options: {
    data: {
      type: "string",
      value: "<file or folder>",
      text: "your own readings instead of made-up ones",
    },
    unit: {
      type: "string",
      value: "<kW|W|kWh|Wh|mWh>",
      text: "unit of the values, if no header says",
    },
    zone: {
      type: "string",
      value: "<IANA zone>",
      text: "zone of the neighbourhood (Europe/Zurich)",
    },
    strict: { type: "boolean", text: "stop at the first bad row instead of counting it" },
    households: { type: "string", value: "<n>", text: "households (240, or all of the file)" },
    days: { type: "string", value: "<n>", text: "local days (31, or all of the file)" },
    interval: { type: "string", value: "<seconds>", text: "the meters' own interval (900)" },
    customers: { type: "string", value: "<n>", text: "portal accounts made at once (12)" },
    "min-contributors": { type: "string", value: "<k>", text: "k of the release policy (100)" },
    "unsafe-policy": {
      type: "boolean",
      text: "allow a policy below the floors; signed into every release",
    },
    profile: { type: "string", value: "<profile>", text: "pes-encrypts" },
    seed: { type: "string", value: "<text>", text: "names the made-up neighbourhood" },
    dir: {
      type: "string",
      value: "<folder>",
      text: "where to keep everything (a temporary folder)",
    },
    exit: { type: "boolean", text: "end after the summary instead of going live" },
  },
  async run({ terminal, signal }, args) {
    const startedMs = performance.now();
    const prepared = await prepareDemo(await requestOf(args), terminal);
    const running = await startDemo(prepared, terminal);
    try {
      const origin = running.everything.urls["ucs"] ?? "";
      const joining = Promise.all(
        customersOf(running.access).map((customer) =>
          joinPortal(origin, customer, prepared.layout, signal),
        ),
      );
      await playDays(running, terminal, signal, joining);
      const report = await reportOf(running);
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
    const [operator] = await readOperators(layout);
    const [customer] = customersOf(running.access);
    terminal.print(terminal.bold("\nOpen"));
    terminal.print(
      terminal.table([
        [
          "operators",
          urls["mdms"] ?? "",
          `login ${operator?.login}, password ${operator?.password}`,
        ],
        [
          "customers",
          urls["ucs"] ?? "",
          `login ${customer?.login}, password ${customer?.password}`,
        ],
        ["everyone", "", `logins and enrolment codes in ${layout.households}`],
      ]),
    );
    terminal.print("All keys are in this one process: no separation holds here. Ctrl-C ends it.");
    const ended = await goLive(running, signal);
    if (ended === "stopped") return;
    terminal.print("The file has no more readings: the system stays up, time stands still.");
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  } finally {
    await removeRunFile(layout);
  }
}
