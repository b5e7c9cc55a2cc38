/** `demo`: the whole system on this machine, on made-up households or on a file of the user's. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UNITS } from "@smarter-metering/readings";
import { EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command } from "../command.ts";
import { prepareDemo, type DemoRequest } from "../demo/prepare.ts";
import { playDays, startDemo } from "../demo/run-demo.ts";

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
    const started = performance.now();
    const prepared = await prepareDemo(await requestOf(args), terminal);
    terminal.note(`prepared ${((performance.now() - started) / 1000).toFixed(1)} s`);
    const running = await startDemo(prepared, terminal);
    terminal.note(`started ${((performance.now() - started) / 1000).toFixed(1)} s`);
    try {
      await playDays(running, terminal, signal);
      terminal.note(`played ${((performance.now() - started) / 1000).toFixed(1)} s`);
      terminal.printJson(running.everything.opener.service.status());
      terminal.printJson(await running.everything.aggregator.service.status());
      terminal.printJson(running.everything.trustee.service.status());
    } finally {
      await running.close();
    }
    return EXIT.ok;
  },
};
