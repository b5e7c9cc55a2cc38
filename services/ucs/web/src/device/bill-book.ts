/**
 * The household's bills on this device (docs/protocol.md §11): opened with what the enrolment code gave, held against the registry, and
 * computed again from own readings. What is shown of a bill is what its supplier signed.
 */
import {
  checkPortalRegistry,
  type BillReport,
  type OpenedStatement,
  type PortalClient,
  type PortalRegistry,
  type ShownEvidence,
} from "@smarter-metering/customer";
import {
  fromHex,
  ProtocolError,
  verifyDocument,
  verifyStatement,
  type Role,
  type Statement,
} from "@smarter-metering/protocol";
import {
  formatMinor,
  parseDynamicPrices,
  parseTariff,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import type { Account } from "./account.ts";
import { detailsOf, summaryOf, type ReadBill } from "./bill-words.ts";
import type { Terms } from "./costs.ts";
import { DeviceError } from "./error.ts";
import { findingsOf } from "./findings.ts";
import { laterPart } from "./later-part.ts";
import type { BillDetails, Bills, BillSummary, Range, Verdict } from "./messages.ts";
import type { HouseholdReadings } from "./readings.ts";

const DAY_SECONDS = 86_400;
/** A new bill comes once a month: what was fetched is good for a while. */
const FRESH_MS = 60_000;
/** So long after the last window a bill should have come: windows are about a month, and a border may be late (§7.3). */
const UNBILLED_DAYS = 40;

export interface BillBookPorts {
  readonly client: PortalClient;
  readonly account: Account;
  readonly readings: () => Promise<HouseholdReadings>;
}

/** As the portal gave it, held against the registry. */
export interface Shown {
  readonly opened: readonly OpenedStatement[];
  readonly registry: PortalRegistry;
  /** Of which the signature holds, in the order of time. */
  readonly bills: readonly ReadBill[];
  readonly links: PortalRegistry["links"];
  readonly terms: Terms | undefined;
}

export class BillBook {
  readonly #ports: BillBookPorts;
  readonly #reports = new Map<string, BillReport>();
  #shown: Promise<Shown> | undefined;
  #shownAt = 0;

  constructor(ports: BillBookPorts) {
    this.#ports = ports;
  }

  shown(): Promise<Shown> {
    if (this.#shown === undefined || Date.now() - this.#shownAt > FRESH_MS) {
      this.#shownAt = Date.now();
      this.#shown = this.#fetch();
      this.#shown.catch(() => {
        this.#shown = undefined; // The next question tries again.
      });
    }
    return this.#shown;
  }

  /** Tariff, zone and prices of the newest bill, and of all of them; undefined without one, or while there is no way to it. */
  async terms(): Promise<Terms | undefined> {
    return (await this.#shownIfAny())?.terms;
  }

  /** Of the newest bill, else of the registry where all neighbourhoods have the same. */
  async zone(): Promise<string | undefined> {
    const shown = await this.#shownIfAny();
    const zones = new Set(shown?.registry?.view?.cohorts.map((cohort) => cohort.zone));
    return shown?.terms?.zone ?? (zones.size === 1 ? [...zones][0] : undefined);
  }

  /** Statements whose window lies in a range. */
  async verified({ from, to }: Range): Promise<Statement[]> {
    const { bills } = await this.shown();
    return bills
      .map(({ statement }) => statement)
      .filter((statement) => statement.from >= from && statement.to <= to);
  }

  /** The newest first. */
  async list(): Promise<Bills> {
    const { bills, links } = await this.shown();
    const newest = (await this.#ports.readings()).newest;
    const listed = bills.map((bill) => this.#summary(bill)).reverse();
    return { bills: listed, unbilled: unbilled(listed, newest), findings: findingsOf(links) };
  }

  /** Computed again from own readings; what went into sums is left to `details`. Throws BILL_UNKNOWN. */
  async check(from: number): Promise<BillSummary> {
    const { bill } = await this.#find(from);
    if (!this.#reports.has(keyOf(bill))) {
      this.#reports.set(keyOf(bill), await this.#report(bill, undefined));
    }
    return this.#summary(bill);
  }

  /** With every link that can be checked. Throws BILL_UNKNOWN. */
  async details(from: number): Promise<BillDetails> {
    const { bill, before } = await this.#find(from);
    const report = await this.#report(bill, await this.#evidence(bill));
    this.#reports.set(keyOf(bill), report);
    return detailsOf(bill, report, this.#summary(bill), before && this.#summary(before));
  }

  async #find(from: number): Promise<{ bill: ReadBill; before: ReadBill | undefined }> {
    const { bills } = await this.shown();
    const index = bills.findIndex(({ statement }) => statement.from === from);
    const bill = bills[index];
    if (bill === undefined) throw new DeviceError("BILL_UNKNOWN");
    return { bill, before: bills[index - 1] };
  }

  #summary(bill: ReadBill): BillSummary {
    const report = this.#reports.get(keyOf(bill));
    return summaryOf(bill, report === undefined ? null : verdictOf(report, bill.tariff));
  }

  async #report(bill: ReadBill, shown: ShownEvidence | undefined): Promise<BillReport> {
    const { registry } = await this.shown();
    const { from, to } = bill.statement;
    const readings = await this.#ports.readings();
    // The frame before the window has the registers at its border.
    const sealed = await readings.sealed({ from: from - 2 * DAY_SECONDS, to: to + DAY_SECONDS });
    const reading = this.#ports.account.keys;
    const material = { statement: bill.opened, registry, reading, sealed, shown };
    const { evidenceOfBill, verifyBill } = await laterPart();
    const evidence = await evidenceOfBill(material);
    if (evidence === undefined) throw new DeviceError("BILL_UNKNOWN");
    return verifyBill(evidence);
  }

  /** Undefined where the aggregator is away: its links are said not to be checked. */
  async #evidence(bill: ReadBill): Promise<ShownEvidence | undefined> {
    const { spanOfStatement } = await laterPart();
    const span = spanOfStatement(bill.opened);
    if (span === undefined) return undefined;
    return this.#ports.client.evidence(span.from, span.to).catch(() => undefined);
  }

  /** Readings can be looked at without bills; the pages about bills say what is wrong with those. */
  #shownIfAny(): Promise<Shown | undefined> {
    return this.shown().catch(() => undefined);
  }

  async #fetch(): Promise<Shown> {
    const { client, account } = this.#ports;
    const { statements, links, mailboxes } = await client.statements(account.login);
    const { registry: pin } = account.login.seen;
    const registry = await checkPortalRegistry(await client.registry(), { pin, statements });
    const bills = await readBills(statements, registry);
    const all = [...links, ...registry.links];
    // What was found wrong is not to be forgotten by remembering it as seen.
    if (registry.pin !== undefined && all.every(({ status }) => status !== "broken")) {
      await account.remember({ registry: registry.pin, mailboxes });
    }
    return {
      opened: statements,
      registry,
      bills,
      links: all,
      terms: await termsOf(bills, registry),
    };
  }
}

const keyOf = ({ opened }: ReadBill): string => `${opened.from} ${opened.sequence}`;

async function readBills(
  statements: readonly OpenedStatement[],
  registry: PortalRegistry,
): Promise<ReadBill[]> {
  const bills: ReadBill[] = [];
  for (const opened of statements) {
    const statement = await byRole(registry, "mdms", (key) =>
      verifyStatement(opened.statement, key),
    );
    const tariff = await byRole(registry, "tariff-signer", async (key) =>
      parseTariff(await verifyDocument("smarter-metering/tariff", opened.tariff, key)),
    );
    if (statement !== undefined && tariff !== undefined) bills.push({ opened, statement, tariff });
  }
  return bills;
}

/** What the first of a role's registered keys verifies that fits. */
async function byRole<Result>(
  { view }: PortalRegistry,
  role: Role,
  verify: (key: Uint8Array) => Promise<Result>,
): Promise<Result | undefined> {
  const parties = view?.parties.filter((party) => party.role === role) ?? [];
  for (const { signingKey } of parties) {
    try {
      return await verify(fromHex(signingKey, 32));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return undefined;
}

async function termsOf(
  bills: readonly ReadBill[],
  registry: PortalRegistry,
): Promise<Terms | undefined> {
  const last = bills.at(-1);
  if (last === undefined) return undefined;
  const prices = await pricesOf(registry);
  const billed = bills.map(({ tariff, statement: { zone, from, to } }) => {
    return { tariff, zone, prices, window: { from, to } };
  });
  return { tariff: last.tariff, zone: last.statement.zone, prices, billed };
}

/** Those that the root signed; what it did not, the check of a bill names. */
async function pricesOf({ view, evidence }: PortalRegistry): Promise<DynamicPrices[]> {
  const prices: DynamicPrices[] = [];
  for (const jws of view?.prices ?? []) {
    try {
      const document = await verifyDocument("smarter-metering/prices", jws, evidence.rootKey);
      prices.push(parseDynamicPrices(document));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return prices;
}

function verdictOf({ verdict }: BillReport, { currency }: Tariff): Verdict {
  const { explanation, differenceMinor } = verdict;
  const difference =
    differenceMinor === undefined ? null : formatMinor(differenceMinor, minorDigits(currency));
  return { explanation, difference };
}

/** As ISO 4217 has it. */
const minorDigits = (currency: string): number =>
  new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
    .maximumFractionDigits ?? 2;

/** Between two bills, and after the last one. `bills`: the newest first. */
function unbilled(bills: readonly BillSummary[], newest: number | undefined): Range[] {
  const gaps = bills.flatMap((bill, index) => {
    const before = bills[index + 1];
    return before !== undefined && before.to < bill.from
      ? [{ from: before.to, to: bill.from }]
      : [];
  });
  const last = bills[0];
  const isLate =
    last !== undefined && newest !== undefined && newest - last.to > UNBILLED_DAYS * DAY_SECONDS;
  return isLate ? [{ from: last.to, to: newest }, ...gaps] : gaps;
}
