/** `audit residual`: what a neighbourhood's bills and its load do not have in common, where the rule lets it be said (docs/protocol.md §8.3). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parsePolicy } from "@smarter-metering/policy";
import type { NetworkView, RequestTerms } from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { readRequest } from "../audit/aggregator-api.ts";
import { BrokenLink } from "../audit/broken-link.ts";
import { checkLogged, checkRequest, decodedTerms } from "../audit/logged-terms.ts";
import { registryFiles, verifiedView } from "../audit/registry.ts";
import {
  residualsOf,
  type CohortReleases,
  type ReleasedBill,
  type ReleasedLoad,
  type ResidualWindow,
} from "../audit/residual.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import type { Door } from "../serve/door.ts";
import { withMdms } from "../serve/mdms-session.ts";
import { withParty } from "../serve/reach.ts";
import {
  readLoads,
  readStatements,
  type Direction,
  type LoadEntry,
  type StatementEntry,
} from "../serve/released.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const auditResidual: Command = {
  name: "audit residual",
  summary: "Say what the bills of a neighbourhood and its load do not have in common.",
  operands: "<cohort>",
  options: {
    ...dirOption,
    direction: { type: "string", value: "import|export", text: "of energy (default import)" },
    write: {
      type: "string",
      value: "<folder>",
      text: "keep it there too, for the operators' pages",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const [cohort = "", ...more] = args.operands;
    const direction = args.text("direction") ?? "import";
    if (cohort === "" || more.length > 0) throw usageError("audit residual takes a cohort");
    if (!isDirection(direction)) throw usageError("--direction is import or export");
    const view = await verifiedView(await registryFiles(layout));
    if (view.versionsOf(cohort).length === 0) {
      throw new CliError("COHORT_UNKNOWN", `the registry has no cohort ${cohort}; see load show`);
    }
    const released = await withMdms(layout, terminal, async (mdms) => ({
      loads: await readLoads(mdms, cohort, direction),
      statements: await readStatements(mdms),
    }));
    const logged = await withParty("aggregator", layout, terminal, (door) =>
      readLogged(door, { ...released, cohort, direction }, view, terminal),
    );
    const windows = residualsOf(logged, view, parsePolicy(view.document.policy));
    const report = { cohort, direction, windows: windows.map(jsonOf) };
    const folder = args.text("write");
    if (folder !== undefined) await writeReport(folder, report);
    if (terminal.json) terminal.printJson(report);
    else print(windows, terminal);
    return EXIT.ok;
  },
};

/** Where the MDMS reads it (`reportsFolder` of its configuration): numbers alone, no name of a service point. */
async function writeReport(
  folder: string,
  report: { readonly cohort: string; readonly direction: Direction },
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `residual-${report.direction}-${report.cohort}.json`;
  await writeFileAtomic(join(folder, name), `${JSON.stringify(report, null, 2)}\n`);
}

const isDirection = (text: string): text is Direction => text === "import" || text === "export";

interface Released {
  readonly cohort: string;
  readonly direction: Direction;
  readonly loads: readonly LoadEntry[];
  readonly statements: readonly StatementEntry[];
}

/** Each release with the terms that the log has of its request. */
async function readLogged(
  door: Door,
  { cohort, direction, loads, statements }: Released,
  view: NetworkView,
  terminal: Terminal,
): Promise<CohortReleases> {
  let read = 0;
  const termsOf = async (digest: string): Promise<RequestTerms> => {
    terminal.progress("reading the log", read++, loads.length + statements.length);
    return loggedTerms(door, digest, view);
  };
  const sums: { loads: ReleasedLoad[]; bills: ReleasedBill[] } = { loads: [], bills: [] };
  for (const { requestDigest, energy_Wh } of loads) {
    const terms = await termsOf(requestDigest);
    if (terms.kind !== "LOAD" || terms.cohort !== cohort) throw otherRequest(requestDigest);
    sums.loads.push({ terms, wattHours: energy_Wh.reduce((sum, one) => sum + BigInt(one), 0n) });
  }
  for (const { requestDigest, energy_mWh, export_mWh } of statements) {
    const terms = await termsOf(requestDigest);
    if (terms.kind !== "BILL") throw otherRequest(requestDigest);
    const milliwattHours = BigInt(direction === "import" ? energy_mWh : export_mWh);
    sums.bills.push({ terms, milliwattHours });
  }
  terminal.progress("reading the log", read, loads.length + statements.length);
  return { cohort, ...sums };
}

async function loggedTerms(door: Door, digest: string, view: NetworkView): Promise<RequestTerms> {
  const request = await readRequest(door, digest);
  if (request === undefined) {
    const message = `the MDMS has a release of request ${digest}, which is not in the log`;
    throw new CliError("RELEASE_NOT_LOGGED", message, EXIT.differs);
  }
  try {
    const signed = decodedTerms(request.terms);
    await checkRequest(signed, digest, view);
    await checkLogged(request, view);
    return signed.terms;
  } catch (cause) {
    if (!(cause instanceof BrokenLink)) throw cause;
    const message = `request ${digest}: ${cause.message}`;
    throw new CliError(cause.code, message, EXIT.differs, cause);
  }
}

const otherRequest = (digest: string): CliError => {
  const message = `request ${digest} asks for something else than the MDMS says it was given`;
  return new CliError("REQUEST_OTHER", message, EXIT.differs);
};

const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");

function jsonOf({ from, to, bills, blocks, refusals, sums }: ResidualWindow): object {
  const common = { from: iso(from), to: iso(to), bills, blocks, refusals };
  if (sums === undefined)
    return { ...common, billed_mWh: null, load_mWh: null, residual_mWh: null };
  const { billedMilliwattHours: billed, loadWattHours } = sums;
  const load = 1000n * loadWattHours;
  return {
    ...common,
    billed_mWh: String(billed),
    load_mWh: String(load),
    residual_mWh: String(billed - load),
  };
}

const HEADER = ["from", "to", "bills", "days of load", "bills kWh", "load kWh", "residual kWh"];

function print(windows: readonly ResidualWindow[], terminal: Terminal): void {
  const kilowattHours = (mWh: bigint): string => (Number(mWh) / 1e6).toFixed(3);
  const rows = windows.map(({ from, to, bills, blocks, refusals, sums }) => {
    const row = [iso(from), iso(to), String(bills), String(blocks)];
    if (sums === undefined) return [...row, "–", "–", refusals.map(({ code }) => code).join(" ")];
    const { billedMilliwattHours: billed, loadWattHours } = sums;
    const load = 1000n * loadWattHours;
    return [...row, ...[billed, load, billed - load].map(kilowattHours)];
  });
  if (rows.length === 0) terminal.print("no bill of this neighbourhood was released yet");
  else terminal.print(terminal.table([HEADER, ...rows], ""));
  for (const { from, refusals } of windows) {
    for (const { code, reason } of refusals) terminal.print(`${iso(from)} ${code}: ${reason}`);
  }
}
