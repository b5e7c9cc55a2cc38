/** Customers of a demonstration: each signs up, enrols with his letter's code and, later, reads his own data; all on his own side. */
import {
  CustomerError,
  createPortalClient,
  createVault,
  openReadings,
  type PinnedMeter,
  type PortalClient,
  type Reading,
} from "@smarter-metering/customer";
import { fromHex, parseEnrolmentCode, primitives } from "@smarter-metering/protocol";
import { CliError } from "../cli-error.ts";
import type { HouseholdAccess } from "./access.ts";

/** An account whose password the demonstration knows. */
export type Customer = HouseholdAccess & {
  readonly label: string;
  readonly login: string;
  readonly password: string;
};

export function customersOf(households: ReadonlyMap<string, HouseholdAccess>): Customer[] {
  return [...households].flatMap(([label, access]) => {
    const { login, password } = access;
    return login === null || password === null ? [] : [{ ...access, label, login, password }];
  });
}

export const portalAt = (origin: string): PortalClient =>
  createPortalClient({ fetch: globalThis.fetch, origin, session: "bearer" });

/** Creates the account; false when it is there already. */
export async function signUp(portal: PortalClient, customer: Customer): Promise<boolean> {
  const { login, password } = customer;
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const { registration } = await createVault({ login, password, random });
  try {
    await portal.signUp(registration);
    return true;
  } catch (error) {
    if (error instanceof CustomerError && error.problem?.code === "UCS_LOGIN_TAKEN") return false;
    throw error;
  }
}
