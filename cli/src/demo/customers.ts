/**
 * Customers, each on his own side: signs up, enrols with the code of his letter, later reads his own data. The portal sees an
 * authentication key, wrapped items and a public key; password and readings stay here.
 */
import {
  CustomerError,
  createPortalClient,
  createVault,
  derivePasswordKeys,
  openReadings,
  type Findings,
  type Login,
  type PasswordKeys,
  type PortalClient,
  type Reading,
  type RecoveryKey,
} from "@smarter-metering/customer";
import { fromHex, parseEnrolmentCode, primitives, toHex } from "@smarter-metering/protocol";
import { CliError } from "../cli-error.ts";
import type { Door } from "../serve/door.ts";
import type { HouseholdAccess } from "./access.ts";

/** An account whose password the demonstration knows. */
export type Customer = HouseholdAccess & {
  readonly label: string;
  readonly login: string;
  readonly password: string;
};

/** Later than any reading: the year 5138. */
const FOR_EVER_SECONDS = 99_999_999_999;
const ENROLMENT_ATTEMPTS = 600;
const ENROLMENT_WAIT_MS = 200;

export function customersOf(households: ReadonlyMap<string, HouseholdAccess>): Customer[] {
  return [...households].flatMap(([label, access]) => {
    const { login, password } = access;
    return login === null || password === null ? [] : [{ ...access, label, login, password }];
  });
}

const random = (length: number): Uint8Array => primitives.randomBytes(length);

export const portalAt = ({ url: origin, fetch }: Door): PortalClient =>
  createPortalClient({ fetch, origin, session: "bearer", random });

/** A customer with the keys that his password gave when he joined; they stay in his device's memory. */
export type JoinedCustomer = Customer & { readonly keys: PasswordKeys };

/**
 * Creates the account unless it is there, and enrols unless its vault has the meter; waits for the meter's answer. What is done lies with
 * the portal: stopped at any point, it goes on from there when called again.
 */
export async function joinPortal(
  door: Door,
  customer: Customer,
  signal: AbortSignal,
): Promise<JoinedCustomer> {
  const portal = portalAt(door);
  const { login, password, networkPseudonym } = customer;
  const { session } = await signUpOrLogIn(portal, login, password);
  const wait = async (): Promise<void> => {
    if (signal.aborted) throw new CliError("ENROLMENT_STOPPED", "stopped; run it again to go on");
    await new Promise((resolve) => setTimeout(resolve, ENROLMENT_WAIT_MS));
  };
  const isPinned = session.pinnedMeters.some(
    (meter) => toHex(meter.networkPseudonym) === networkPseudonym,
  );
  if (!isPinned) {
    await whenOffered(wait, () =>
      portal.enrol(session, {
        code: parseEnrolmentCode(customer.enrolmentCode),
        networkPseudonym: fromHex(networkPseudonym, 16),
        attempts: ENROLMENT_ATTEMPTS,
        wait,
      }),
    );
  }
  await portal.logout();
  return { ...customer, keys: session.keys };
}

/** A meter's newest offer may still be on its way to the portal: then the portal knows none, or one that is used up. */
async function whenOffered(
  wait: () => Promise<void>,
  enrol: () => Promise<unknown>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await enrol();
      return;
    } catch (error) {
      const code = error instanceof CustomerError ? error.problem?.code : undefined;
      const isEarly = code === "UCS_OFFER_UNKNOWN" || code === "UCS_OFFER_STALE";
      if (!isEarly || attempt === ENROLMENT_ATTEMPTS) throw error;
    }
    await wait();
  }
}

/** The recovery key of an account that was made now, else null. */
export async function signUpOrLogIn(
  portal: PortalClient,
  login: string,
  password: string,
): Promise<{ session: Login; recoveryKey: RecoveryKey | null }> {
  try {
    const made = await createVault({ login, password, random });
    return { session: await portal.signUp(made), recoveryKey: made.recoveryKey };
  } catch (error) {
    const taken = error instanceof CustomerError && error.problem?.code === "UCS_LOGIN_TAKEN";
    if (!taken) throw error;
    // Signed up before a restart.
    return { session: await portal.login(login, password), recoveryKey: null };
  }
}

export interface OwnReadings {
  readonly readings: readonly Reading[];
  readonly findings: Findings;
}

/** What the portal keeps for an account, sealed, and what opens it. */
export interface SealedAtPortal {
  readonly session: Login;
  readonly envelopes: readonly Uint8Array[];
  readonly frames: readonly Uint8Array[];
}

/** The keys of a password, as the account's parameters say. */
export const passwordKeys = async (
  door: Door,
  login: string,
  password: string,
): Promise<PasswordKeys> => derivePasswordKeys(password, await portalAt(door).parameters(login));

/** Logs in and fetches everything that is sealed. Throws CUSTOMER_UNLOCK_FAILED, PINS_MISSING. */
export async function fetchSealed(
  door: Door,
  login: string,
  keys: PasswordKeys,
): Promise<SealedAtPortal> {
  const portal = portalAt(door);
  const session = await portal.loginWithKeys(login, keys);
  if (session.reading.meters.length === 0) {
    const message = `${login} has no pinned meter in his vault: enrol with the code of the letter`;
    throw new CliError("PINS_MISSING", message);
  }
  const envelopes = await portal.envelopes();
  const frames: Uint8Array[] = [];
  for await (const page of portal.frames(0, FOR_EVER_SECONDS)) frames.push(...page);
  await portal.logout();
  return { session, envelopes, frames };
}

/** Fetches what is sealed and opens it here, with the vault's pins. Throws as `fetchSealed`. */
export async function readWithKeys(
  door: Door,
  login: string,
  keys: PasswordKeys,
): Promise<OwnReadings> {
  const { session, ...sealed } = await fetchSealed(door, login, keys);
  const { meters, recipientSecret } = session.reading;
  return openReadings(meters, recipientSecret, sealed);
}
