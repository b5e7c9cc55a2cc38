/**
 * The customer's side of the portal's API (docs/protocol.md §10): typed calls over a `fetch` that is handed in. What the portal says is
 * never believed for a key: keys come out of the vault and out of the enrolment's proofs.
 */
import { toBase64Url } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import { eventData } from "./event-stream.ts";
import { derivePasswordKeys, type PasswordKeys, type PasswordParameters } from "./passwords.ts";
import {
  openPins,
  sealPins,
  withMeter,
  type PinnedMeter,
  type Pins,
  type PinsOwner,
} from "./pinned-meters.ts";
import {
  asObject,
  bytesListOf,
  bytesOf,
  decoded,
  integerOf,
  itemOf,
  malformed,
  readAnswer,
  textOf,
  type JsonObject,
} from "./portal-answer.ts";
import { PortalConnection, type ConnectionOptions } from "./portal-connection.ts";
import {
  deleteAccount,
  readDeletionFacts,
  type AccountDeletion,
  type DeletionFacts,
} from "./portal-deletion.ts";
import { acceptedMeter, type Enrolment } from "./portal-enrolment.ts";
import {
  householdOf,
  invite,
  join,
  readHousehold,
  readHouseholdEvents,
  type Household,
  type HouseholdEvent,
  type MadeInvitation,
} from "./portal-household.ts";
import type { HouseholdKeys, HouseholdOwner, Invitation } from "./invitation.ts";
import {
  readEvidence,
  readRegistry,
  type ShownEvidence,
  type ShownRegistry,
} from "./portal-evidence.ts";
import { openMailboxes, type OpenedMailboxes } from "./portal-statements.ts";
import { deriveRecoveryKeys, type RecoveryKey } from "./recovery-key.ts";
import {
  changePassword,
  unlockVault,
  VAULT_ITEM_TYPES,
  type NewVault,
  type OpenVault,
  type PasswordRegistration,
  type Random,
  type VaultItems,
} from "./vault.ts";
import type { WrappedItem } from "./wrapped-item.ts";

/** A year of daily frames fits many times. */
const PAGES_MAX = 10_000;

export interface PortalOptions extends ConnectionOptions {
  readonly random: Random;
}

export interface Login {
  readonly vault: OpenVault;
  /** To change the password without asking for the old one twice. */
  readonly keys: PasswordKeys;
  readonly items: VaultItems;
  /** Out of the vault. Empty before enrolment, and when the portal gives a list that is not the account's: the code proves the meter anew. */
  readonly pinnedMeters: readonly PinnedMeter[];
  /** Out of the same item: the registry and the mailboxes as this account saw them last. */
  readonly seen: Omit<Pins, "meters">;
  /** Of the portal's list, whether or not it opens; 0 without one. */
  readonly pinsVersion: number;
  /** Network pseudonym, hex; null before enrolment or an invitation. */
  readonly servicePoint: string | null;
  /** Of an account that was invited: its item, as the portal has it; null of one that enrols itself. */
  readonly household: WrappedItem | null;
  /** What opens the frames of `servicePoint`: of the account's own vault, or of the household that it was invited to. */
  readonly reading: HouseholdKeys;
}

export interface PortalClient {
  /** Makes the account and logs in to it, with the keys that the vault was made with. Until then the portal has nothing of it. */
  signUp(vault: Pick<NewVault, "registration" | "keys">): Promise<Login>;
  parameters(login: string): Promise<PasswordParameters>;
  /** Throws CUSTOMER_UNLOCK_FAILED for a wrong password, whoever noticed it. */
  login(login: string, password: string): Promise<Login>;
  /** As `login`, on a device that still has the keys of an earlier login in its memory. */
  loginWithKeys(login: string, keys: PasswordKeys): Promise<Login>;
  /** Sets a new password for a forgotten one, which then logs in. Throws CUSTOMER_UNLOCK_FAILED for a wrong recovery key. */
  recover(login: string, recoveryKey: RecoveryKey, newPassword: string): Promise<void>;
  changeVault(changed: PasswordRegistration): Promise<void>;
  /**
   * Enrols with the code of the letter and keeps the proven meter in the vault: gives all that are pinned then. Begun again after a crash
   * it goes on. Throws CUSTOMER_ENROLMENT_FAILED, CUSTOMER_ENROLMENT_PENDING.
   */
  enrol(session: Login, enrolment: Enrolment): Promise<readonly PinnedMeter[]>;
  /** Invites one more person to the household of `servicePoint`. Throws CUSTOMER_METER_UNPROVEN, CUSTOMER_PORTAL_REFUSED. */
  invite(session: Login): Promise<MadeInvitation>;
  /** Joins the household that the invitation is for: the session as it is then. Throws CUSTOMER_INVITATION_REFUSED. */
  join(session: Login, invitation: Invitation): Promise<Login>;
  household(): Promise<Household>;
  /** Newest first. */
  householdEvents(): Promise<HouseholdEvent[]>;
  /** By its id in `household`. */
  withdrawInvitation(id: string): Promise<void>;
  /** The first person ends anybody's access, an invited one his own. What he has read he has read. */
  endAccess(login: string): Promise<void>;
  /**
   * Keeps in the vault how far registry and mailboxes had come, once they were checked: the session as it is then. Nothing is sent when that
   * is known. Throws CUSTOMER_PORTAL_REFUSED with UCS_VAULT_CONFLICT when another device was faster.
   */
  remember(session: Login, seen: Partial<Login["seen"]>): Promise<Login>;
  /** Bills of every contract that `session` reads, opened; what is wrong or missing is in the links. */
  statements(session: Login): Promise<OpenedMailboxes>;
  /** The registry as the portal shows it; `checkPortalRegistry` says what of it holds. */
  registry(): Promise<ShownRegistry>;
  /** What the aggregator shows of this household in [from, to), epoch seconds; nothing of it is believed yet. */
  evidence(fromSeconds: number, toSeconds: number): Promise<ShownEvidence>;
  envelopes(): Promise<Uint8Array[]>;
  /** Sealed frames of [fromSeconds, toSeconds), a page at a time. */
  frames(fromSeconds: number, toSeconds: number): AsyncGenerator<Uint8Array[]>;
  /** Sealed frames as they arrive, until the portal closes or `signal` aborts. */
  live(signal?: AbortSignal): AsyncGenerator<Uint8Array>;
  logout(): Promise<void>;
  /** What would remain of the account's data, and where. */
  deletionFacts(): Promise<DeletionFacts>;
  /** Deletes the account with all that opens anything, and ends its sessions. `keys`: of the password, typed anew. Throws CUSTOMER_UNLOCK_FAILED. */
  deleteAccount(keys: PasswordKeys): Promise<AccountDeletion>;
}

export function createPortalClient(options: PortalOptions): PortalClient {
  const { random } = options;
  const connection = new PortalConnection(options);

  async function parameters(login: string): Promise<PasswordParameters> {
    const answer = await connection.call("GET", `/v1/logins/${encodeURIComponent(login)}`);
    return { salt: bytesOf(answer, "salt"), iterations: integerOf(answer, "iterations") };
  }

  async function loginWithKeys(login: string, keys: PasswordKeys): Promise<Login> {
    const authenticationKey = toBase64Url(keys.authenticationKey);
    const answer = await connection.prove("/v1/sessions", { login, authenticationKey });
    const items = itemsOf(answer);
    const vault = await unlockVault(login, keys, items);
    const pins = await pinsOf({ login, keys, items }, answer);
    const invited = await householdOf({ login, keys, items }, answer);
    const servicePoint = servicePointOf(answer);
    connection.enter(answer);
    const { recipientSecret } = vault;
    const own = { recipientSecret, meters: invited === undefined ? pins.pinnedMeters : [] };
    const reading = invited?.keys ?? own;
    return { vault, keys, items, ...pins, servicePoint, household: invited?.item ?? null, reading };
  }

  return {
    parameters,
    loginWithKeys,

    async signUp({ registration, keys }) {
      await connection.call("POST", "/v1/accounts", { registration });
      return loginWithKeys(registration.login, keys);
    },

    async login(login, password) {
      return loginWithKeys(login, await derivePasswordKeys(password, await parameters(login)));
    },

    async recover(login, recoveryKey, newPassword) {
      const { authenticationKey } = await deriveRecoveryKeys(recoveryKey);
      const recoveryAuthenticationKey = toBase64Url(authenticationKey);
      const answer = await connection.prove("/v1/recoveries", { login, recoveryAuthenticationKey });
      const items = itemsOf(answer);
      const change = { login, proof: recoveryKey, newPassword, items, random };
      const changed = await changePassword(change);
      connection.enter(answer);
      try {
        await connection.call("PUT", "/v1/vault", changed);
      } finally {
        connection.leave(); // The portal ends this session with the change.
      }
    },

    async changeVault(changed) {
      await connection.call("PUT", "/v1/vault", changed);
    },

    async enrol(session, enrolment) {
      const { vault, keys, items, pinnedMeters, pinsVersion, seen } = session;
      const meters = withMeter(pinnedMeters, await acceptedMeter(connection, vault, enrolment));
      const owner = { login: vault.login, keys, items };
      const item = await sealPins(owner, { ...seen, meters }, pinsVersion + 1, random);
      await connection.call("PUT", "/v1/vault/pinned-meters", item);
      return meters;
    },

    async invite(session) {
      return invite(connection, { ...ownerOf(session), ...session }, random);
    },

    async join(session, invitation) {
      return { ...session, ...(await join(connection, ownerOf(session), invitation, random)) };
    },

    household: () => readHousehold(connection),
    householdEvents: () => readHouseholdEvents(connection),

    async withdrawInvitation(id) {
      await connection.call("DELETE", `/v1/invitations/${encodeURIComponent(id)}`);
    },

    async endAccess(login) {
      await connection.call("DELETE", `/v1/household/persons/${encodeURIComponent(login)}`);
    },

    async remember(session, newer) {
      const { vault, keys, items, pinnedMeters, pinsVersion } = session;
      const seen = { ...session.seen, ...newer };
      if (isSame(seen, session.seen)) return session;
      const owner = { login: vault.login, keys, items };
      const pins = { ...seen, meters: pinnedMeters };
      const item = await sealPins(owner, pins, pinsVersion + 1, random);
      await connection.call("PUT", "/v1/vault/pinned-meters", item);
      return { ...session, seen, pinsVersion: item.version };
    },

    statements(session) {
      return openMailboxes(connection, session.reading.meters, session.seen.mailboxes);
    },

    registry() {
      return readRegistry(connection);
    },

    evidence(fromSeconds, toSeconds) {
      return readEvidence(connection, { from: fromSeconds, to: toSeconds });
    },

    async envelopes() {
      return bytesListOf(await connection.call("GET", "/v1/envelopes"), "envelopes");
    },

    async *frames(fromSeconds, toSeconds) {
      const range = `from=${fromSeconds}&to=${toSeconds}`;
      let path = `/v1/frames?${range}`;
      for (let page = 0; page < PAGES_MAX; page++) {
        const answer = await connection.call("GET", path);
        yield bytesListOf(answer, "frames");
        if (answer.next === undefined) return;
        path = `/v1/frames?${range}&cursor=${encodeURIComponent(textOf(answer, "next"))}`;
      }
      throw malformed(`more than ${PAGES_MAX} pages`);
    },

    async *live(signal) {
      const headers = { accept: "text/event-stream" };
      const response = await connection.send("/v1/live", { headers, signal: signal ?? null });
      if (!response.ok || response.body === null) {
        await readAnswer(response);
        throw malformed("no stream");
      }
      for await (const data of eventData(response.body)) yield decoded(data);
    },

    async logout() {
      await connection.call("DELETE", "/v1/sessions");
      connection.leave();
    },

    deletionFacts: () => readDeletionFacts(connection),
    deleteAccount: (keys) => deleteAccount(connection, keys),
  };
}

const isSame = (a: Login["seen"], b: Login["seen"]): boolean =>
  a.registry?.hash === b.registry?.hash &&
  a.mailboxes.length === b.mailboxes.length &&
  a.mailboxes.every(({ sequence }, at) => sequence === b.mailboxes[at]?.sequence);

const ownerOf = ({ vault, keys, items, household }: Login): HouseholdOwner => {
  return { login: vault.login, keys, items, household };
};

function servicePointOf(answer: JsonObject): string | null {
  return answer.servicePoint === null ? null : textOf(answer, "servicePoint");
}

function itemsOf(answer: JsonObject): VaultItems {
  const items = asObject(answer.items);
  const read = VAULT_ITEM_TYPES.map((type) => [type, itemOf(items[type])] as const);
  return Object.fromEntries(read) as VaultItems;
}

const NOTHING: Login["seen"] = { registry: undefined, mailboxes: [] };

/** A list that does not open is none, and no reason to keep the customer out: whoever stole a session could have put it there. */
async function pinsOf(
  owner: PinsOwner,
  answer: JsonObject,
): Promise<Pick<Login, "pinnedMeters" | "seen" | "pinsVersion">> {
  if (answer.pinnedMeters === null) return { pinnedMeters: [], seen: NOTHING, pinsVersion: 0 };
  const item = itemOf(answer.pinnedMeters);
  const none = { ...NOTHING, meters: [] };
  const { meters, ...seen } = await openPins(owner, item).catch((error: unknown): Pins => {
    if (error instanceof CustomerError && error.code === "CUSTOMER_UNLOCK_FAILED") return none;
    throw error;
  });
  return { pinnedMeters: meters, seen, pinsVersion: item.version };
}
