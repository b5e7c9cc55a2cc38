/**
 * `shared open`: a third party opens readings that a customer shared with his key, on his own machine (docs/protocol.md §11.6). With the
 * registry of a deployment it also says how far the meter's signatures prove them.
 */
import { readFile, stat } from "node:fs/promises";
import {
  CustomerError,
  csvOf,
  instantText,
  openShared,
  parseShareSecret,
  type OpenedShare,
  type ShareProof,
} from "@smarter-metering/customer";
import { registryFiles } from "../audit/registry.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Arguments, Command } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

/** A share with its proof; keys are far smaller. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;

export const sharedOpen: Command = {
  name: "shared open",
  summary:
    "Open readings that a customer shared with your key, say what is proven, print them as CSV.",
  operands: "<file>",
  options: {
    key: { type: "string", value: "<file>", text: "your private key: PKCS #8 in PEM, or a JWK" },
    dir: { ...dirOption["dir"], type: "string", text: "a deployment, whose registry proves it" },
  },
  async run({ terminal }, args) {
    const [path, ...more] = args.operands;
    if (path === undefined || more.length > 0) throw usageError("one shared file is needed");
    try {
      const secret = await parseShareSecret(await readText(args.required("key")));
      const opened = await openShared(await readText(path), secret, await registryOf(args));
      print(opened, terminal);
      return opened.proof.status === "broken" ? EXIT.differs : EXIT.ok;
    } catch (error) {
      if (!(error instanceof CustomerError)) throw error;
      throw new CliError(error.code, error.message, EXIT.refused, error);
    }
  },
};

async function registryOf(args: Arguments) {
  if (args.text("dir") === undefined) return undefined;
  const { rootKey, epochs, networkView } = await registryFiles(layoutFrom(args));
  const text = await networkView(epochs.length - 1);
  return { rootKey, epochs, view: { name: "network", text } as const };
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw new RangeError("larger than any share");
    return await readFile(path, "utf8");
  } catch (cause) {
    const message = `cannot read ${path}: check the path, its permissions and its size`;
    throw new CliError("FILE_UNREADABLE", message, EXIT.failed, cause);
  }
}

function print({ shared, proof }: OpenedShare, terminal: Terminal): void {
  const { madeAt, from, to, zone, purpose, deleteBy, readings } = shared;
  const times = { madeAt, from, to, deleteBy };
  const instants = Object.entries(times).map(([name, at]) => [name, instantText(at)] as const);
  if (terminal.json) {
    const rows = readings.map(({ startSeconds, ...reading }) => ({
      start: instantText(startSeconds),
      seconds: reading.intervalSeconds,
      import_mWh: reading.importMilliwattHours,
      export_mWh: reading.exportMilliwattHours,
      quality: reading.quality,
    }));
    const told = { ...Object.fromEntries(instants), zone, purpose };
    terminal.printJson({ ...told, proof: proofJson(proof), readings: rows });
    return;
  }
  // What is said of the file goes beside it: stdout is the table alone.
  terminal.note(`for: ${purpose}`);
  for (const [name, text] of instants) terminal.note(`${name}: ${text}`);
  terminal.note(proofText(proof));
  for (const chunk of csvOf({ readings, zone })) process.stdout.write(chunk);
}

function proofJson(proof: ShareProof) {
  if (!("report" in proof)) return proof;
  const { report, ...judged } = proof;
  return { ...judged, links: report.links };
}

function proofText(proof: ShareProof): string {
  switch (proof.status) {
    case "none":
      return "not proven: the customer sent no proof; these readings are his word";
    case "not-checked":
      return "not checked: there is a proof; give the registry with --dir to check it";
    case "proven":
      return `proven: ${proof.proven} readings, each signed by a registered meter`;
    case "in-part":
      return `proven in part: ${proof.proven} readings; ${proof.unproven} are the customer's word`;
    default: {
      const codes = proof.report.links.flatMap(({ code }) => code ?? []).join(" ");
      return `BROKEN ${codes}: ${proof.contradicted} readings are not what the meter signed, ${proof.proven} are`;
    }
  }
}
