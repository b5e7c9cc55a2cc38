/**
 * `statement dispute`: a customer shows intervals of his choice, with what proves that his meter measured them. `statement check-dispute`:
 * what a third party may believe of that (docs/protocol.md §11.3). Whoever gets a packet reads the intervals in it, and nothing else.
 */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  discloseReadings,
  instantText,
  verifyDisputePacket,
  type Disclosed,
  type Disclosure,
  type DisputeReport,
} from "@smarter-metering/customer";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { registryFiles } from "../audit/registry.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { readHouseholds } from "../demo/access.ts";
import { customersOf, fetchSealed, passwordKeys, type Customer } from "../demo/customers.ts";
import type { Layout } from "../deployment/layout.ts";
import { withParty } from "../serve/reach.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

/** Of a file to check: about every interval of a year in quarters. */
const PACKET_BYTES_MAX = 64 * 1024 * 1024;

export const statementDispute: Command = {
  name: "statement dispute",
  summary: "Write a packet that shows chosen intervals of a household, and proves them.",
  options: {
    ...dirOption,
    household: { type: "string", value: "<label>", text: "whose readings, by its label" },
    intervals: {
      type: "string",
      value: "<from>/<to>",
      text: "a time, as two instants of ISO 8601",
    },
    registers: { type: "boolean", text: "show the registers at the end of these frames as well" },
    out: { type: "string", value: "<file>", text: "where the packet goes" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const out = resolve(args.required("out"));
    const disclosure = {
      spans: [spanOf(args.required("intervals"))],
      withRegisters: args.flag("registers"),
    };
    const { login, password } = await customerOf(args.required("household"), layout);
    const { session, ...sealed } = await withParty("ucs", layout, terminal, async (door) =>
      fetchSealed(door, login, await passwordKeys(door, login, password)),
    );
    const { pinnedMeters, vault } = session;
    const packet = await discloseReadings(pinnedMeters, vault.recipientSecret, sealed, disclosure);
    // As its receiver will: what does not convince here convinces nobody.
    const report = await check(packet, layout);
    if (report.disclosed.every(({ readings }) => readings.length === 0)) {
      const message =
        "no frame of this household has an interval inside that time: nothing to show";
      throw new CliError("INTERVALS_NONE", message, EXIT.refused);
    }
    await writeFileAtomic(out, `${JSON.stringify(packet)}\n`, { mode: 0o600 });
    printLinks(report, terminal, { out });
    return isSound(report) ? EXIT.ok : EXIT.differs;
  },
};

export const statementCheckDispute: Command = {
  name: "statement check-dispute",
  summary: "Check a dispute packet against the registry, and show what it proves.",
  operands: "<file>",
  options: dirOption,
  async run({ terminal }, args) {
    const [path, ...more] = args.operands;
    if (path === undefined || more.length > 0) throw usageError("one packet is needed");
    const report = await check(await readPacket(path), layoutFrom(args));
    printLinks(report, terminal, {});
    if (!terminal.json) for (const frame of report.disclosed) printReadings(frame, terminal);
    return isSound(report) ? EXIT.ok : EXIT.differs;
  },
};

function spanOf(text: string): Disclosure["spans"][number] {
  const [from = Number.NaN, to = Number.NaN, ...more] = text
    .split("/")
    .map((instant) => Date.parse(instant) / 1000);
  if (!(from < to) || more.length > 0) {
    const example = "2025-03-30T00:00:00Z/2025-03-30T01:00:00Z";
    throw usageError(`--intervals takes two instants such as ${example}, not "${text}"`);
  }
  return { from, to };
}

async function customerOf(label: string, layout: Layout): Promise<Customer> {
  const customers = customersOf(await readHouseholds(layout));
  const customer = customers.find((one) => one.label === label);
  if (customer !== undefined) return customer;
  const message = `no household ${label} with a portal account in ${layout.households}`;
  throw new CliError("HOUSEHOLD_UNKNOWN", message);
}

async function check(packet: unknown, layout: Layout): Promise<DisputeReport> {
  const { rootKey, epochs, networkView } = await registryFiles(layout);
  const text = await networkView(epochs.length - 1);
  return verifyDisputePacket(packet, { rootKey, epochs, view: { name: "network", text } });
}

/** Undefined, which is no packet, unless the file is JSON. */
async function readPacket(path: string): Promise<unknown> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > PACKET_BYTES_MAX) throw new RangeError("larger than any packet");
    text = await readFile(path, "utf8");
  } catch (cause) {
    const message = `cannot read ${path}: check the path, its permissions and its size`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const isSound = ({ links }: DisputeReport): boolean => links.every(({ status }) => status === "ok");

function printLinks({ links, disclosed }: DisputeReport, terminal: Terminal, more: object): void {
  if (terminal.json) {
    terminal.printJson({ ...more, links, frames: disclosed.map(jsonOf) });
    return;
  }
  for (const { link, status, code, where, what, todo } of links) {
    const broken = `BROKEN ${code}, ${where}: ${what}; ${todo}`;
    terminal.print(`${link}: ${status === "broken" ? broken : `${status}, ${what}`}`);
  }
}

const jsonOf = ({ meterId, from, to, closedIntervals, ...frame }: Disclosed) => ({
  meterId,
  from: instantText(from),
  to: instantText(to),
  closedIntervals,
  readings: frame.readings.map((reading) => ({
    start: instantText(reading.startSeconds),
    seconds: reading.intervalSeconds,
    import_mWh: reading.importMilliwattHours,
    export_mWh: reading.exportMilliwattHours,
    quality: reading.quality,
  })),
  registers_mWh: frame.registersMilliwattHours?.map(String) ?? null,
});

function printReadings(frame: Disclosed, terminal: Terminal): void {
  const { meterId, to, readings, registers_mWh: registers } = jsonOf(frame);
  terminal.print(`meter ${meterId}, frame to ${to}`);
  const rows = readings.map((reading) => Object.values(reading).map(String));
  if (rows.length > 0) {
    const header = ["start", "seconds", "import mWh", "export mWh", "quality"];
    terminal.print(terminal.table([header, ...rows]));
  }
  if (registers !== null) terminal.print(`  registers at the end, mWh: ${registers.join(" ")}`);
}
