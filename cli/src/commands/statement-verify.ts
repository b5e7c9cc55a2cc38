/**
 * `statement verify`: each customer of a demonstration checks his bills on this machine, from the registry's root key down to the amount,
 * to what was contributed of his readings and to the log (docs/protocol.md §11.2). Readings are opened here, as the customer, and none is
 * printed.
 */
import { LINKS, verifyBill, type BillReport, type Link } from "@smarter-metering/customer";
import { openEngine } from "@smarter-metering/paillier";
import { fromBase64Url, fromUtf8, mdmsReader, parseJson, toHex } from "@smarter-metering/protocol";
import { z } from "zod";
import { readContributions, readRequest } from "../audit/aggregator-api.ts";
import { billEvidence, spanOfBill, type BillMaterial } from "../audit/bill-evidence.ts";
import { readAnswers } from "../audit/mdms-answers.ts";
import { registryFiles, type RegistryFiles } from "../audit/registry.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { readHouseholds, type HouseholdAccess } from "../demo/access.ts";
import {
  customersOf,
  fetchSealed,
  passwordKeys,
  type Customer,
  type SealedAtPortal,
} from "../demo/customers.ts";
import type { Layout } from "../deployment/layout.ts";
import type { Door } from "../serve/door.ts";
import { withMdms, type MdmsReader } from "../serve/mdms-session.ts";
import { withParty } from "../serve/reach.ts";
import { newestHead } from "../serve/registry-access.ts";
import {
  readNotes,
  readPrices,
  readStatements,
  secondsOf,
  type StatementEntry,
} from "../serve/released.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const statementVerify: Command = {
  name: "statement verify",
  summary: "Check bills as their customers do: every signature, every frame, every number.",
  options: {
    ...dirOption,
    household: { type: "string", value: "<label>", text: "one household, or all (default)" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const households = await readHouseholds(layout);
    const customers = chosenOf(households, args.text("household") ?? "all", layout);
    const registry = await registryFiles(layout);
    const { tariffs } = (await newestHead(layout, mdmsReader)).view;
    // One after the other: a deployment that nobody serves is started for each party alone.
    const sealed = await withParty("ucs", layout, terminal, (door) =>
      fetchAll(door, customers, terminal),
    );
    const billed = await withMdms(layout, terminal, (mdms) => readBills(sealed, mdms, terminal));
    const shown = await withParty("aggregator", layout, terminal, (door) =>
      readContributed(billed, door),
    );
    const checked = await verifyAll(shown, { registry, tariffs }, terminal);
    const withoutAccount = households.size - customersOf(households).length;
    print(checked, withoutAccount, terminal);
    return checked.every(({ report }) => isSound(report)) ? EXIT.ok : EXIT.differs;
  },
};

interface CheckedBill {
  readonly household: string;
  readonly from: string;
  readonly to: string;
  readonly currency: string;
  readonly report: BillReport;
}

const isSound = ({ verdict: { explanation } }: BillReport): boolean =>
  explanation === "exact" || explanation === "window-extended";

/** Throws HOUSEHOLD_UNKNOWN, ACCOUNT_MISSING. */
function chosenOf(
  households: ReadonlyMap<string, HouseholdAccess>,
  label: string,
  layout: Layout,
): Customer[] {
  const customers = customersOf(households);
  if (label === "all") return customers;
  if (!households.has(label)) {
    const message = `no household ${label} in ${layout.households}`;
    throw new CliError("HOUSEHOLD_UNKNOWN", message);
  }
  const chosen = customers.filter((customer) => customer.label === label);
  if (chosen.length > 0) return chosen;
  const message = `household ${label} has no portal account: nobody holds a key to its readings`;
  throw new CliError("ACCOUNT_MISSING", message, EXIT.refused);
}

interface FromPortal extends SealedAtPortal {
  readonly customer: Customer;
}

/** Throws CUSTOMER_UNLOCK_FAILED, PINS_MISSING. */
async function fetchAll(
  door: Door,
  customers: readonly Customer[],
  terminal: Terminal,
): Promise<FromPortal[]> {
  const all: FromPortal[] = [];
  for (const customer of customers) {
    terminal.progress("logging in", all.length, customers.length);
    const { login, password } = customer;
    const keys = await passwordKeys(door, login, password);
    all.push({ customer, ...(await fetchSealed(door, login, keys)) });
  }
  terminal.progress("logging in", all.length, customers.length);
  return all;
}

/** A statement with what the MDMS holds of its release. */
interface FromMdms extends Pick<
  BillMaterial,
  "statement" | "window" | "answers" | "prices" | "notes"
> {
  readonly own: FromPortal;
  readonly entry: StatementEntry;
  /** The request that the statement names, hex; "" when it names none. */
  readonly digest: string;
}

async function readBills(
  sealed: readonly FromPortal[],
  mdms: MdmsReader,
  terminal: Terminal,
): Promise<FromMdms[]> {
  const bills: FromMdms[] = [];
  for (const own of sealed) {
    const { servicePoint, label } = own.customer;
    const statements = await readStatements(mdms, servicePoint);
    if (statements.length === 0) terminal.note(`${label}: no statement yet`);
    for (const entry of statements) {
      const path = `/v1/statements/${servicePoint}/${entry.from}/signed`;
      const statement = z.string().parse(await mdms.get(path));
      const digest = said(statement, namesRequest)?.requestDigest ?? "";
      const answers =
        digest === "" ? { release: null, partials: [] } : await readAnswers(mdms, digest);
      const window = { from: secondsOf(entry.from), to: secondsOf(entry.to) };
      const prices = entry.cost && (await readPrices(mdms, entry.cost.prices, window));
      const shown = prices !== undefined && prices.length > 0 && { prices };
      const notes = entry.notes && { notes: await readNotes(mdms, entry) };
      bills.push({ own, entry, statement, window, digest, answers, ...shown, ...notes });
    }
  }
  return bills;
}

interface FromAggregator
  extends FromMdms, Pick<BillMaterial, "contributions" | "span" | "request"> {}

/** What was contributed of each bill's frames, and the request that was made of it. */
async function readContributed(bills: readonly FromMdms[], door: Door): Promise<FromAggregator[]> {
  const all: FromAggregator[] = [];
  for (const bill of bills) {
    const request = bill.digest === "" ? undefined : await readRequest(door, bill.digest);
    const span = spanOfBill(bill.window, request);
    const { pinnedMeters } = bill.own.session;
    const names = new Set(pinnedMeters.map(({ networkPseudonym }) => toHex(networkPseudonym)));
    const lists = [...names].map((name) => readContributions(door, name, span));
    all.push({ ...bill, request, span, contributions: (await Promise.all(lists)).flat() });
  }
  return all;
}

interface Common {
  readonly registry: RegistryFiles;
  /** Of the MDMS' view, JWS. */
  readonly tariffs: readonly string[];
}

async function verifyAll(
  bills: readonly FromAggregator[],
  { registry, tariffs }: Common,
  terminal: Terminal,
): Promise<CheckedBill[]> {
  const { rootKey, epochs } = registry;
  const networkView = await registry.networkView(epochs.length - 1);
  const { engine } = await openEngine({ threads: 1 });
  const checked: CheckedBill[] = [];
  try {
    for (const { own, entry, ...bill } of bills) {
      terminal.progress("checking bills", checked.length, bills.length);
      const { customer, session, envelopes, frames } = own;
      const material = {
        ...bill,
        rootKey,
        epochs,
        networkView,
        meters: session.pinnedMeters,
        secret: session.vault.recipientSecret,
        envelopes,
        frames,
        servicePoint: customer.servicePoint,
        tariff: tariffOf(tariffs, entry.tariff),
      };
      const report = await verifyBill(await billEvidence(material, engine));
      const { from, to, currency } = entry;
      checked.push({ household: customer.label, from, to, currency, report });
    }
  } finally {
    await engine.close();
  }
  terminal.progress("checking bills", checked.length, bills.length);
  return checked;
}

const namesTariff = z.looseObject({ tariff: z.string() });
const namesRequest = z.looseObject({ requestDigest: z.string().regex(/^[0-9a-f]{64}$/) });

/** The newest of the tariffs that says to be `name`; verified later, as everything here. Empty when there is none. */
const tariffOf = (tariffs: readonly string[], name: string): string =>
  tariffs.findLast((jws) => said(jws, namesTariff)?.tariff === name) ?? "";

/** What a JWS says, believed by nobody yet; undefined when it says nothing of the kind. */
function said<T>(jws: string, schema: z.ZodType<T>): T | undefined {
  try {
    const [, payload = ""] = jws.split(".");
    return schema.parse(parseJson(fromUtf8(fromBase64Url(payload))));
  } catch {
    return undefined;
  }
}

const MARKS = { ok: "ok", broken: "BROKEN", "not-checked": "–" } as const;

function print(
  checked: readonly CheckedBill[],
  householdsWithoutAccount: number,
  terminal: Terminal,
): void {
  if (terminal.json) {
    const bills = checked.map(({ report, ...bill }) => ({ ...bill, ...reportJson(report) }));
    terminal.printJson({ bills, householdsWithoutAccount });
    return;
  }
  const names = new Set(checked.flatMap(({ report }) => report.links.map(({ link }) => link)));
  const columns = LINKS.filter((name) => names.has(name));
  const header = ["household", "from", "to", ...columns, "difference", "in minor units"];
  const rows = checked.map(({ household, from, to, currency, report }) => [
    household,
    from,
    to,
    ...columns.map((name) => markOf(report.links, name)),
    differenceText(report),
    `${currency}, ${report.verdict.explanation}`,
  ]);
  terminal.print(terminal.table([header, ...rows], ""));
  for (const line of new Set(checked.flatMap(linesOf))) terminal.print(line);
  if (householdsWithoutAccount > 0) {
    terminal.print(
      `${householdsWithoutAccount} more households have no account: only their customers could check their bills.`,
    );
  }
}

const markOf = (links: readonly Link[], name: string): string => {
  const status = links.find(({ link }) => link === name)?.status;
  return status === undefined ? "" : MARKS[status];
};

const differenceText = ({ verdict: { differenceMinor } }: BillReport): string =>
  differenceMinor === undefined ? "?" : String(differenceMinor);

/** What is broken, each once for its household; what is not checked, once for all; what was not measured. */
function linesOf({ household, from, report }: CheckedBill): string[] {
  const checks = report.links.flatMap(({ link, status, code, where, what, todo }) => {
    const advice = todo === "" ? "" : `; ${todo}`;
    if (status === "broken") return [`${household}: ${link}, ${where}: ${code}, ${what}${advice}`];
    return status === "not-checked" ? [`not checked: ${link}, ${what}${advice}`] : [];
  });
  const unmeasured = (["estimated", "edited", "questionable", "missing"] as const).flatMap(
    (quality) => {
      const seconds = report.quality?.byQuality[quality].seconds ?? 0;
      return seconds > 0 ? [`${(seconds / 3600).toFixed(2)} h ${quality}`] : [];
    },
  );
  const note = `${household}, window from ${from}: ${unmeasured.join(", ")}`;
  return unmeasured.length > 0 ? [...checks, note] : checks;
}

function reportJson({ links, quality, verdict: { differenceMinor, explanation } }: BillReport) {
  const seconds =
    quality &&
    Object.fromEntries(
      Object.entries(quality.byQuality).map(([name, share]) => [name, share.seconds]),
    );
  const difference = differenceMinor?.toString() ?? null;
  return { differenceMinor: difference, explanation, links, qualitySeconds: seconds ?? null };
}
