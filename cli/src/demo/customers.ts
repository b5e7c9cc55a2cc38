/**
 * Customers, each on his own side: signs up, enrols with the code of his letter, later reads his own data. The portal sees an
 * authentication key, wrapped items and a public key; password and readings stay here.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CustomerError,
  createPortalClient,
  createVault,
  openReadings,
  type Findings,
  type PinnedMeter,
  type PortalClient,
  type Reading,
} from "@smarter-metering/customer";
import { fromHex, parseEnrolmentCode, primitives, toHex } from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError, isSystemError } from "../cli-error.ts";
import type { Layout } from "../deployment/layout.ts";
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

export const portalAt = (origin: string): PortalClient =>
  createPortalClient({ fetch: globalThis.fetch, origin, session: "bearer" });

/** Creates the account unless it is there, and enrols unless that is done; waits for the meter's answer. */
export async function joinPortal(
  origin: string,
  customer: Customer,
  layout: Layout,
  signal: AbortSignal,
): Promise<void> {
  const portal = portalAt(origin);
  const { login, password } = customer;
  if ((await readPins(layout, login)) !== undefined) return;
  await signUp(portal, login, password);
  const { vault } = await portal.login(login, password);
  const wait = async (): Promise<void> => {
    if (signal.aborted) throw new CliError("ENROLMENT_STOPPED", "stopped; run it again to go on");
    await new Promise((resolve) => setTimeout(resolve, ENROLMENT_WAIT_MS));
  };
  const meter = await enrolWhenOffered(wait, () =>
    portal.enrol({
      code: parseEnrolmentCode(customer.enrolmentCode),
      networkPseudonym: fromHex(customer.networkPseudonym, 16),
      vault,
      attempts: ENROLMENT_ATTEMPTS,
      wait,
    }),
  );
  await writePins(layout, login, [meter]);
  await portal.logout();
}

/** A meter's first message may still be on its way to the portal, which then knows no offer to answer. */
async function enrolWhenOffered(
  wait: () => Promise<void>,
  enrol: () => Promise<PinnedMeter>,
): Promise<PinnedMeter> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await enrol();
    } catch (error) {
      const isEarly = error instanceof CustomerError && error.problem?.status === 404;
      if (!isEarly || attempt === ENROLMENT_ATTEMPTS) throw error;
    }
    await wait();
  }
}

async function signUp(portal: PortalClient, login: string, password: string): Promise<void> {
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const { registration } = await createVault({ login, password, random });
  try {
    await portal.signUp(registration);
  } catch (error) {
    const taken = error instanceof CustomerError && error.problem?.status === 409;
    if (!taken) throw error; // Taken: signed up before a restart.
  }
}

export interface OwnReadings {
  readonly readings: readonly Reading[];
  readonly findings: Findings;
}

/** Logs in, fetches what is sealed, opens it here. Throws CUSTOMER_UNLOCK_FAILED, PINS_MISSING. */
export async function readOwn(
  origin: string,
  login: string,
  password: string,
  layout: Layout,
): Promise<OwnReadings> {
  const portal = portalAt(origin);
  const { vault } = await portal.login(login, password);
  const pins = await readPins(layout, login);
  if (pins === undefined) {
    const message = `${login} has not enrolled from this device: no pinned meter in ${pinsPath(layout, login)}`;
    throw new CliError("PINS_MISSING", message);
  }
  const envelopes = await portal.envelopes();
  const frames: Uint8Array[] = [];
  for await (const page of portal.frames(0, FOR_EVER_SECONDS)) frames.push(...page);
  const own = await openReadings(pins, vault.recipientSecret, { envelopes, frames });
  await portal.logout();
  return own;
}

const pinsDocument = z.array(
  z.strictObject({ networkPseudonym: z.string(), meterId: z.string(), meterKey: z.string() }),
);
/** The customer's device: which meter's key the enrolment code has proven. */
const pinsPath = (layout: Layout, login: string): string =>
  join(layout.root, "customers", `${login}.json`);

async function writePins(
  layout: Layout,
  login: string,
  meters: readonly PinnedMeter[],
): Promise<void> {
  await mkdir(join(layout.root, "customers"), { recursive: true, mode: 0o700 });
  const pins = meters.map(({ networkPseudonym, meterId, meterKey }) => ({
    networkPseudonym: toHex(networkPseudonym),
    meterId: toHex(meterId),
    meterKey: toHex(meterKey),
  }));
  await writeFileAtomic(pinsPath(layout, login), JSON.stringify(pins));
}

async function readPins(layout: Layout, login: string): Promise<PinnedMeter[] | undefined> {
  try {
    const text = await readFile(pinsPath(layout, login), "utf8");
    return pinsDocument.parse(JSON.parse(text)).map((pin) => ({
      networkPseudonym: fromHex(pin.networkPseudonym, 16),
      meterId: fromHex(pin.meterId, 16),
      meterKey: fromHex(pin.meterKey, 32),
    }));
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}
