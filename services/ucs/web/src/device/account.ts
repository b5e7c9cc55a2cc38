/**
 * The account on this device (docs/protocol.md §10): making it, opening it, its meter, its household, ending it. Holds the opened vault;
 * whoever needs the keys asks here.
 */
import {
  changePassword,
  createVault,
  CustomerError,
  derivePasswordKeys,
  openWithRecovery,
  parseInvitation,
  parseRecoveryKey,
  type HouseholdKeys,
  type Login,
  type NewVault,
  type PinnedMeter,
  type PortalClient,
  type Random,
  type RemainingFact,
} from "@smarter-metering/customer";
import { fromHex, parseEnrolmentCode, toHex } from "@smarter-metering/protocol";
import { DeviceError } from "./error.ts";
import type { HouseholdView, Session } from "./messages.ts";
import type { Task } from "./task.ts";

/** A meter asks for its mail about once a minute. */
const ANSWER_WAIT_MS = 2_000;
const ANSWER_ATTEMPTS = 90;
/** As many as a page shows. */
const EVENTS_MAX = 100;

export interface AccountPorts {
  readonly client: PortalClient;
  readonly random: Random;
  readonly takenOverAt: () => number | null;
  /** The keys that open readings have changed. */
  readonly onKeys: (keys: HouseholdKeys) => void;
}

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });

/** The pinned meters of one service point (hex): a customer who moved has those of his former home too. */
const metersAt = (servicePoint: string, meters: readonly PinnedMeter[]): PinnedMeter[] =>
  meters.filter(({ networkPseudonym }) => toHex(networkPseudonym) === servicePoint);

export class Account {
  readonly #ports: AccountPorts;
  #made: NewVault | undefined;
  #login: Login | undefined;

  constructor(ports: AccountPorts) {
    this.#ports = ports;
  }

  /** Throws DEVICE_CLOSED. */
  get login(): Login {
    if (this.#login === undefined) throw new DeviceError("DEVICE_CLOSED");
    return this.#login;
  }

  /** What opens the readings of the account's own service point. */
  get keys(): HouseholdKeys {
    const { reading, servicePoint } = this.login;
    const meters = servicePoint === null ? [] : metersAt(servicePoint, reading.meters);
    return { recipientSecret: reading.recipientSecret, meters };
  }

  async logIn(login: string, password: string): Promise<Session> {
    return this.#enter(await this.#ports.client.login(login, password));
  }

  async prepare(login: string, password: string): Promise<{ recoveryKey: string }> {
    const { random } = this.#ports;
    this.#made = await createVault({ login, password, random });
    return { recoveryKey: this.#made.recoveryKey };
  }

  /** The portal hears of the account when its recovery key has been typed back: a key that is not written down opens nothing. */
  async make(typed: string): Promise<Session> {
    if (this.#made === undefined) throw new DeviceError("DEVICE_CLOSED");
    if (parseRecoveryKey(typed) !== this.#made.recoveryKey) throw new DeviceError("DRILL_DIFFERS");
    const session = await this.#enter(await this.#ports.client.signUp(this.#made));
    this.#made = undefined;
    return session;
  }

  async recover(login: string, typed: string, newPassword: string): Promise<Session> {
    await this.#ports.client.recover(login, parseRecoveryKey(typed), newPassword);
    return this.logIn(login, newPassword);
  }

  async enrol(code: string, network: string | null, task: Task): Promise<Session> {
    const session = this.login;
    const point = session.servicePoint ?? (network ?? "").replace(/[\s-]/g, "").toLowerCase();
    if (!/^[0-9a-f]{32}$/.test(point)) throw new DeviceError("NETWORK_NUMBER_INVALID");
    let asked = 0;
    const pinnedMeters = await this.#ports.client.enrol(session, {
      code: parseEnrolmentCode(code),
      networkPseudonym: fromHex(point, 16),
      attempts: ANSWER_ATTEMPTS,
      wait: () => {
        task.advance(++asked, ANSWER_ATTEMPTS);
        return wait(ANSWER_WAIT_MS, task.signal);
      },
    });
    const { recipientSecret } = session.vault;
    return this.#enter({
      ...session,
      pinnedMeters,
      pinsVersion: session.pinsVersion + 1,
      servicePoint: point,
      reading: { recipientSecret, meters: pinnedMeters },
    });
  }

  async join(invitation: string): Promise<Session> {
    return this.#enter(await this.#ports.client.join(this.login, parseInvitation(invitation)));
  }

  async changePassword(old: string, newPassword: string): Promise<null> {
    const { client, random } = this.#ports;
    const { login } = this.login.vault;
    // The old password proves itself at the portal and at the vault, both as they are now.
    const { keys, items } = await client.login(login, old);
    await client.changeVault(
      await changePassword({ login, proof: keys, newPassword, items, random }),
    );
    await this.logIn(login, newPassword);
    return null;
  }

  async tryRecoveryKey(typed: string): Promise<null> {
    const { vault, items } = this.login;
    await openWithRecovery(vault.login, parseRecoveryKey(typed), items);
    return null;
  }

  /** What was checked is kept in the vault; whether another device was faster matters to nobody. */
  async remember(seen: Partial<Login["seen"]>): Promise<void> {
    try {
      this.#login = await this.#ports.client.remember(this.login, seen);
    } catch (error) {
      if (!(error instanceof CustomerError) || error.problem === undefined) throw error;
    }
  }

  /** With the password typed anew. Throws CUSTOMER_UNLOCK_FAILED. */
  async delete(password: string): Promise<readonly RemainingFact[]> {
    const { client } = this.#ports;
    const { login } = this.login.vault;
    const keys = await derivePasswordKeys(password, await client.parameters(login));
    const { remains } = await client.deleteAccount(keys);
    this.#login = undefined;
    return remains;
  }

  async household(): Promise<HouseholdView> {
    const { client } = this.#ports;
    const [household, events] = await Promise.all([client.household(), client.householdEvents()]);
    return { self: this.login.vault.login, ...household, events: events.slice(0, EVENTS_MAX) };
  }

  async #enter(login: Login): Promise<Session> {
    this.#login = login;
    const { keys } = this;
    this.#ports.onKeys(keys);
    return {
      login: login.vault.login,
      isEnrolled: keys.meters.length > 0,
      isKnown: login.servicePoint !== null,
      isInvited: login.household !== null,
      takenOverAt: this.#ports.takenOverAt(),
    };
  }
}
