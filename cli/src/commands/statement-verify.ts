/**
 * `statement verify`: each customer of a demonstration checks his bills on this machine, from the registry's root key down to the amount
 * (docs/protocol.md §11.2). Readings are opened here, as the customer, and none is printed.
 */
import {
  createPortalClient,
  derivePasswordKeys,
  verifyBill,
  type BillReport,
  type Link,
  type Login,
  type RegistryEvidence,
} from "@smarter-metering/customer";
import {
  fromBase64Url,
  fromHex,
  fromUtf8,
  parseJson,
  primitives,
} from "@smarter-metering/protocol";
import { z } from "zod";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { readHouseholds, type HouseholdAccess } from "../demo/access.ts";
import { customersOf, type Customer } from "../demo/customers.ts";
import type { Layout } from "../deployment/layout.ts";
import { loadRoleConfig } from "../deployment/role-config.ts";
import { withMdms, type MdmsReader } from "../serve/mdms-session.ts";
import { withParty } from "../serve/reach.ts";
import { newestView, readEpochs } from "../serve/registry-access.ts";
import { readStatements, secondsOf } from "../serve/released.ts";
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
    const registry = await registryOf(layout);
    // One after the other: a deployment that nobody serves is started for each party alone.
    const sealed = await withParty("ucs", layout, terminal, (url) =>
      fetchAll(url, customers, terminal),
    );
    const checked = await withMdms(layout, terminal, (mdms) =>
      verifyAll(sealed, mdms, registry, terminal),
    );
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

/** Root key as pinned at installation; epochs and the view that names the MDMS and the tariff signers. */
async function registryOf(layout: Layout): Promise<RegistryEvidence> {
  const { registryRootKey } = loadRoleConfig("ucs", layout.config("ucs")).value;
  const { text } = await newestView(layout, "mdms");
  const epochs = await readEpochs(layout);
  return { rootKey: fromHex(registryRootKey, 32), epochs, view: { name: "mdms", text } };
}

interface SealedAtPortal {
  readonly customer: Customer;
  readonly login: Login;
  readonly envelopes: readonly Uint8Array[];
  readonly frames: readonly Uint8Array[];
}

/** Later than any reading: the year 5138. */
const FOR_EVER_SECONDS = 99_999_999_999;

async function fetchAll(
  origin: string,
  customers: readonly Customer[],
  terminal: Terminal,
): Promise<SealedAtPortal[]> {
  const all: SealedAtPortal[] = [];
  for (const customer of customers) {
    terminal.progress("logging in", all.length, customers.length);
    all.push(await fetchSealed(origin, customer));
  }
  terminal.progress("logging in", all.length, customers.length);
  return all;
}

/** Throws CUSTOMER_UNLOCK_FAILED, PINS_MISSING. */
async function fetchSealed(origin: string, customer: Customer): Promise<SealedAtPortal> {
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const portal = createPortalClient({ fetch: globalThis.fetch, origin, session: "bearer", random });
  const keys = await derivePasswordKeys(customer.password, await portal.parameters(customer.login));
  const login = await portal.loginWithKeys(customer.login, keys);
  if (login.pinnedMeters.length === 0) {
    const message = `${customer.login} has no pinned meter in his vault: enrol with the code of the letter`;
    throw new CliError("PINS_MISSING", message);
  }
  const envelopes = await portal.envelopes();
  const frames: Uint8Array[] = [];
  for await (const page of portal.frames(0, FOR_EVER_SECONDS)) frames.push(...page);
  await portal.logout();
  return { customer, login, envelopes, frames };
}

async function verifyAll(
  sealed: readonly SealedAtPortal[],
  mdms: MdmsReader,
  registry: RegistryEvidence,
  terminal: Terminal,
): Promise<CheckedBill[]> {
  const checked: CheckedBill[] = [];
  for (const { customer, login, envelopes, frames } of sealed) {
    const { servicePoint, label: household } = customer;
    const statements = await readStatements(mdms, servicePoint);
    if (statements.length === 0) terminal.note(`${household}: no statement yet`);
    for (const { from, to, tariff, currency } of statements) {
      const path = `/v1/statements/${servicePoint}/${from}/signed`;
      const report = await verifyBill({
        registry,
        meters: login.pinnedMeters,
        secret: login.vault.recipientSecret,
        envelopes,
        frames,
        servicePoint,
        window: { from: secondsOf(from), to: secondsOf(to) },
        statement: z.string().parse(await mdms.get(path)),
        tariff: tariffOf(registry, tariff),
      });
      checked.push({ household, from, to, currency, report });
    }
  }
  return checked;
}

const tariffList = z.looseObject({ tariffs: z.array(z.string()) });
const named = z.looseObject({ tariff: z.string() });

/** The newest of the view's tariffs that says to be `name`; verified later, as everything here. Empty when there is none. */
function tariffOf({ view }: RegistryEvidence, name: string): string {
  const saysName = (jws: string): boolean => {
    try {
      const [, payload = ""] = jws.split(".");
      return named.parse(parseJson(fromUtf8(fromBase64Url(payload)))).tariff === name;
    } catch {
      return false; // Not a tariff at all.
    }
  };
  return tariffList.parse(parseJson(view.text)).tariffs.findLast(saysName) ?? "";
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
  const names = checked[0]?.report.links.map(({ link }) => link) ?? [];
  const columns = [...new Set(names)];
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

/** What is broken, each once for its household; what is not checked, once for all. */
function linesOf({ household, report }: CheckedBill): string[] {
  return report.links.flatMap(({ link, status, code, where, what, todo }) => {
    const advice = todo === "" ? "" : `; ${todo}`;
    if (status === "broken") return [`${household}: ${link}, ${where}: ${code}, ${what}${advice}`];
    return status === "not-checked" ? [`not checked: ${link}, ${what}${advice}`] : [];
  });
}

function reportJson({ links, verdict: { differenceMinor, explanation } }: BillReport) {
  return { differenceMinor: differenceMinor?.toString() ?? null, explanation, links };
}
