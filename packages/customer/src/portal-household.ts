/**
 * The persons of a household over the portal (docs/protocol.md §10.5): inviting, joining, seeing who has access, ending it. What the portal
 * says of persons and events is its word; what opens anything comes out of vault and invitation alone.
 */
import { toBase64Url, toHex } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import {
  acceptInvitation,
  deriveInvitationKeys,
  makeInvitation,
  openHousehold,
  type HouseholdKeys,
  type HouseholdOwner,
  type Invitation,
} from "./invitation.ts";
import {
  asObject,
  booleanOf,
  integerOf,
  itemOf,
  listOf,
  textOf,
  type JsonObject,
} from "./portal-answer.ts";
import type { PortalConnection } from "./portal-connection.ts";
import type { Random } from "./vault.ts";
import type { WrappedItem } from "./wrapped-item.ts";

export interface Household {
  /** The first may invite and end access. Times are epoch seconds. */
  readonly persons: readonly { readonly login: string; readonly since: number }[];
  /** Whether this account is the first. */
  readonly isFirst: boolean;
  /** Those that wait, for the first alone. */
  readonly invitations: readonly {
    readonly id: string;
    readonly expiresAt: number;
    /** Who opened it: nobody else can any more. */
    readonly openedBy: string | null;
  }[];
}

/** Who was invited, came, read and went, in the portal's words (docs/protocol.md §10.5). */
export interface HouseholdEvent {
  readonly at: number;
  readonly login: string;
  readonly event: string;
}

/** The secret, to be shown once and passed on by another way than the portal. */
export interface MadeInvitation {
  readonly text: Invitation;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/** Who invites, and what he reads. */
export interface Inviting extends HouseholdOwner {
  readonly servicePoint: string | null;
  readonly reading: HouseholdKeys;
}

/** Throws CUSTOMER_METER_UNPROVEN, CUSTOMER_UNLOCK_FAILED, CUSTOMER_PORTAL_REFUSED. */
export async function invite(
  connection: PortalConnection,
  inviting: Inviting,
  random: Random,
): Promise<MadeInvitation> {
  const { servicePoint, reading } = inviting;
  // Those of a former home are nobody else's business.
  const meters = reading.meters.filter((meter) => toHex(meter.networkPseudonym) === servicePoint);
  if (meters.length === 0) {
    const message = "no meter of this account is proven yet; enter the code of the letter first";
    throw new CustomerError("CUSTOMER_METER_UNPROVEN", message);
  }
  const { text, authenticationKey, item } = await makeInvitation(inviting, meters, random);
  const body = { authenticationKey: toBase64Url(authenticationKey), item };
  const answer = await connection.call("POST", "/v1/invitations", body);
  return { text, expiresAt: integerOf(answer, "expiresAt") };
}

/** What a session has more, once its account has joined. */
export interface JoinedHousehold {
  readonly household: WrappedItem;
  readonly reading: HouseholdKeys;
  /** Network pseudonym of the meters that came with it, hex. */
  readonly servicePoint: string;
}

/** Begun again after a crash it goes on. Throws CUSTOMER_INVITATION_REFUSED, CUSTOMER_PORTAL_REFUSED. */
export async function join(
  connection: PortalConnection,
  owner: HouseholdOwner,
  text: Invitation,
  random: Random,
): Promise<JoinedHousehold> {
  const derived = await deriveInvitationKeys(text);
  const authenticationKey = toBase64Url(derived.authenticationKey);
  try {
    const opening = await connection.call("POST", "/v1/invitations/openings", {
      authenticationKey,
    });
    const inviter = textOf(opening, "inviter");
    const carried = { inviter, item: itemOf(opening.item), wrappingKey: derived.wrappingKey };
    const { item, keys } = await acceptInvitation(carried, owner, random);
    await connection.call("POST", "/v1/household/persons", { authenticationKey, item });
    const servicePoint = toHex(keys.meters[0]?.networkPseudonym ?? new Uint8Array(0));
    return { household: item, reading: keys, servicePoint };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const message = "this invitation is wrong, used, withdrawn or too old; ask for another";
    throw new CustomerError("CUSTOMER_INVITATION_REFUSED", message);
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof CustomerError &&
  (error.code === "CUSTOMER_UNLOCK_FAILED" || error.problem?.code === "UCS_INVITATION_REFUSED");

export async function readHousehold(connection: PortalConnection): Promise<Household> {
  const answer = await connection.call("GET", "/v1/household");
  return {
    persons: listOf(answer, "persons").map((person) => {
      return { login: textOf(person, "login"), since: integerOf(person, "since") };
    }),
    isFirst: booleanOf(answer, "isFirst"),
    invitations: listOf(answer, "invitations").map((invitation) => ({
      id: textOf(invitation, "id"),
      expiresAt: integerOf(invitation, "expiresAt"),
      openedBy: invitation.openedBy === null ? null : textOf(invitation, "openedBy"),
    })),
  };
}

export async function readHouseholdEvents(connection: PortalConnection): Promise<HouseholdEvent[]> {
  const answer = await connection.call("GET", "/v1/household/events");
  return listOf(answer, "events").map((entry) => {
    const [login, event] = [textOf(entry, "login"), textOf(entry, "event")];
    return { at: integerOf(entry, "at"), login, event };
  });
}

/** What an invited account's item opens; undefined where there is none, or the portal gives one that is not the account's. */
export async function householdOf(
  owner: Omit<HouseholdOwner, "household">,
  answer: JsonObject,
): Promise<{ item: WrappedItem; keys: HouseholdKeys | undefined } | undefined> {
  if (answer.household === null || answer.household === undefined) return undefined;
  const item = itemOf(asObject(answer.household));
  const keys = await openHousehold(owner, item).catch((error: unknown) => {
    if (error instanceof CustomerError && error.code === "CUSTOMER_UNLOCK_FAILED") return undefined;
    throw error;
  });
  return { item, keys };
}
