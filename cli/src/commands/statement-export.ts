/**
 * `statement export`: all statements as CSV or JSON. With `--with-accounts` under the registry's labels, which is the one place where
 * pseudonyms meet accounts: it runs where the registry's folder is, and the MDMS never sees the result.
 */
import { loadState } from "@smarter-metering/registry";
import { localDate } from "@smarter-metering/tariff";
import { EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import type { Layout } from "../deployment/layout.ts";
import { withMdms } from "../serve/mdms-session.ts";
import { readStatements, secondsOf, type StatementEntry } from "../serve/released.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

interface Named {
  readonly label: string;
  readonly zone: string;
}

export const statementExport: Command = {
  name: "statement export",
  summary:
    "Print all statements as CSV (or --json), under pseudonyms or under the registry's labels.",
  options: {
    ...dirOption,
    "with-accounts": { type: "boolean", text: "add the registry's label of each service point" },
  },
  async run({ terminal }, args) {
    if (args.operands.length > 0) throw usageError("statement export takes no operand");
    const layout = layoutFrom(args);
    const statements = await withMdms(layout, terminal, (mdms) => readStatements(mdms));
    const names = args.flag("with-accounts") ? await namesOf(layout) : undefined;
    if (terminal.json) {
      const named = statements.map((entry) =>
        names === undefined ? entry : { account: accountOf(entry, names), ...entry },
      );
      terminal.printJson({ statements: named });
    } else terminal.print(csvOf(statements, names));
    return EXIT.ok;
  },
};

async function namesOf(layout: Layout): Promise<ReadonlyMap<string, Named>> {
  const { servicePoints, neighbourhoods } = await loadState(layout.folder("registry"));
  const zones = new Map(neighbourhoods.map(({ id, zone }) => [id, zone]));
  return new Map(
    servicePoints.map(({ mdms, label, neighbourhood }) => [
      mdms,
      { label, zone: zones.get(neighbourhood) ?? "UTC" },
    ]),
  );
}

const accountOf = ({ servicePoint }: StatementEntry, names: ReadonlyMap<string, Named>): string =>
  names.get(servicePoint)?.label ?? "";

const HEADER = [
  "servicePoint",
  "kind",
  "from",
  "to",
  "energy_mWh",
  "export_mWh",
  "amount",
  "currency",
  "tariff",
  "tariffVersion",
  "requestDigest",
  "prices",
  "cost",
  "corrected",
];

/** RFC 4180. With accounts the days are those of the service point's zone, without them instants in UTC. */
function csvOf(
  statements: readonly StatementEntry[],
  names: ReadonlyMap<string, Named> | undefined,
): string {
  const rows = statements.map((entry) => {
    const { servicePoint, kind, from, to, energy_mWh, export_mWh, amount, currency } = entry;
    const zone = names?.get(servicePoint)?.zone;
    const dated = [from, to].map((at) =>
      zone === undefined ? at : localDate(secondsOf(at), zone),
    );
    const row = [servicePoint, kind, ...dated, energy_mWh, export_mWh, amount, currency];
    const cost = [entry.cost?.prices ?? "", entry.cost?.counted ?? ""];
    const priced = [entry.tariff, String(entry.tariffVersion), entry.requestDigest];
    const all = [...row, ...priced, ...cost, entry.notes?.at(-1)?.corrected ?? ""];
    return names === undefined ? all : [accountOf(entry, names), ...all];
  });
  const header = names === undefined ? HEADER : ["account", ...HEADER];
  return [header, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n");
}

/** A label could begin like a formula: a spreadsheet must not run it. */
function quoted(field: string): string {
  const text = /^[=+@\t\r]/.test(field) ? `'${field}` : field;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
