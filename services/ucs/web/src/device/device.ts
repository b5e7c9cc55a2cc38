/**
 * The customer's device (docs/protocol.md §10): one answer for every question of the page. Lives in a worker; ends with it, and with it keys
 * and readings.
 */
import { createPortalClient, type HouseholdKeys } from "@smarter-metering/customer";
import { primitives } from "@smarter-metering/protocol";
import { addLocalDays, dayStartOf, localDayStart } from "@smarter-metering/tariff";
import { Account } from "./account.ts";
import { BillBook } from "./bill-book.ts";
import { costsOf } from "./costs.ts";
import { DeviceError } from "./error.ts";
import { laterPart } from "./later-part.ts";
import type {
  Calls,
  DeviceEvent,
  Overview,
  Period,
  PolicyNotice,
  Range,
  Span,
} from "./messages.ts";
import { pageFetch } from "./page-fetch.ts";
import { periodOf, spansOf, type Household } from "./period.ts";
import { privacyOf } from "./privacy.ts";
import { HouseholdReadings } from "./readings.ts";
import type { Task } from "./task.ts";

export { DeviceError } from "./error.ts";

export interface DevicePorts {
  /** The portal's, which is the page's own. */
  readonly origin: string;
  readonly say: (event: DeviceEvent) => void;
}

export type Device = {
  readonly [Name in keyof Calls]: (argument: Calls[Name][0], task: Task) => Promise<Calls[Name][1]>;
};

const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 366 * DAY_SECONDS;

export function createDevice({ origin, say }: DevicePorts): Device {
  const page = pageFetch();
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const client = createPortalClient({ fetch: page.fetch, origin, session: "cookie", random });
  const nowSeconds = (): number => Math.floor(Date.now() / 1000);
  let readings: HouseholdReadings | undefined;
  let begun: Promise<void> | undefined;
  let book: BillBook | undefined;

  function onKeys(keys: HouseholdKeys): void {
    readings?.end();
    book = undefined;
    readings = keys.meters.length === 0 ? undefined : new HouseholdReadings(client, keys, say);
    begun = readings?.begin(nowSeconds());
    begun?.catch(() => undefined); // Whoever asks for readings is told.
  }
  const account = new Account({ client, random, takenOverAt: page.takenOverAt, onKeys });

  async function opened(): Promise<HouseholdReadings> {
    if (readings === undefined) throw new DeviceError("DEVICE_CLOSED");
    await begun;
    return readings;
  }

  const bills = (): BillBook => (book ??= new BillBook({ client, account, readings: opened }));

  /** The household's own, where it is known; until then this device's. */
  const zone = async (): Promise<string> =>
    (await bills().zone()) ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

  async function household(window: Range): Promise<Household> {
    const [own, terms] = [await opened(), await bills().terms()];
    const costs = terms && costsOf(terms, own.series, window);
    return { series: own.series, zone: await zone(), newest: own.newest, costs };
  }

  async function period(span: Span, instant: number, task: Task): Promise<Period> {
    const spans = spansOf(span, instant, await zone());
    const own = await opened();
    await own.load({ from: spans.before.from, to: spans.own.to }, task);
    return periodOf(span, instant, await household(spans.own));
  }

  async function overview(task: Task): Promise<Overview> {
    const own = await opened();
    const { newest } = own;
    const ownZone = await zone();
    if (newest === undefined) {
      const none = { newest: null, day: null, dayBefore: null, month: null };
      return { zone: ownZone, ...none, findings: own.findings };
    }
    const today = newest - 1;
    const yesterday = addLocalDays(localDayStart(today, ownZone), -1, ownZone);
    const month = await period("month", today, task);
    const day = await period("day", today, task);
    const dayBefore = await period("day", yesterday, task);
    void loadYear(own, today);
    return { zone: ownZone, newest, day, dayBefore, month, findings: own.findings };
  }

  /** What is looked at next is there before it is asked for. */
  async function loadYear(own: HouseholdReadings, until: number): Promise<void> {
    const from = Math.max(0, until - YEAR_SECONDS);
    await own.load({ from, to: until });
    say({ event: "loaded", from, to: until });
  }

  const made = async ({ from, to }: Range, task: Task) => {
    const own = await opened();
    await own.load({ from, to }, task);
    const terms = await bills().terms();
    return { from, to, zone: await zone(), readings: own, terms, statements: bills() };
  };

  return {
    logIn: ({ login, password }) => account.logIn(login, password),
    prepareAccount: ({ login, password }) => account.prepare(login, password),
    makeAccount: ({ typed }) => account.make(typed),
    recover: ({ login, recoveryKey, newPassword }) =>
      account.recover(login, recoveryKey, newPassword),
    enrol: ({ code, network }, task) => account.enrol(code, network, task),
    join: ({ invitation }) => account.join(invitation),
    async logOut() {
      readings?.end();
      await client.logout();
      return null;
    },

    overview: (_none, task) => overview(task),
    async period({ span, date }, task) {
      const own = await opened();
      const newest = (own.newest ?? nowSeconds()) - 1;
      return period(span, date === null ? newest : dayStartOf(date, await zone()), task);
    },
    async days({ first, last }) {
      const ownZone = await zone();
      const to = addLocalDays(dayStartOf(last, ownZone), 1, ownZone);
      return { from: dayStartOf(first, ownZone), to };
    },
    extent: async () => (await opened()).extent,
    async load(range, task) {
      await (await opened()).load(range, task);
      return null;
    },
    columns: async (wanted) => (await opened()).columns(wanted, wanted),

    bills: () => bills().list(),
    checkBill: ({ from }) => bills().check(from),
    bill: ({ from }) => bills().details(from),
    privacy: async ({ month }) =>
      privacyOf({ client, account, readings: opened, book: bills(), zone: await zone() }, month),

    csv: async (range, task) => (await laterPart()).csvFile(await made(range, task)),
    greenButton: async (range, task) =>
      (await laterPart()).greenButtonFile(await made(range, task)),
    recipient: async ({ key }) => (await laterPart()).recipientOf(key),
    share: async ({ key, purpose, withProof, ...range }, task) =>
      (await laterPart()).shareFile(
        await made(range, task),
        { key, purpose, withProof, nowSeconds: nowSeconds() },
        account,
      ),

    household: () => account.household(),
    invite: () => client.invite(account.login),
    async withdrawInvitation({ id }) {
      await client.withdrawInvitation(id);
      return null;
    },
    async endAccess({ login }) {
      await client.endAccess(login);
      return null;
    },
    changePassword: (change) => account.changePassword(change.old, change.new),
    tryRecoveryKey: ({ typed }) => account.tryRecoveryKey(typed),
    deletionFacts: () => client.deletionFacts(),
    deleteAccount: ({ password }) => account.delete(password),
    policyNotice: () => policyNotice(page.fetch, origin),
  };
}

/** The words are the registry's, as the portal passes them on. A portal that does not answer leaves the page as it is. */
async function policyNotice(fetch: typeof globalThis.fetch, origin: string) {
  const answer = await fetch(`${origin}/v1/policy-notice`).catch(() => undefined);
  if (answer?.ok !== true) return null;
  const { policyNotice: notice } = (await answer.json()) as { policyNotice: PolicyNotice | null };
  return notice;
}
