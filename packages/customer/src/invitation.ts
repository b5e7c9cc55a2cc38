/**
 * The invitation of a second person into a household (docs/protocol.md §10.5): the household's private key and proven meters, wrapped under a
 * secret that passes from person to person. Made and opened on their devices; the portal carries it and never has the secret.
 */
import {
  Reader,
  recipientSecret,
  spkiOfPkcs8,
  Writer,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { PasswordKeys } from "./passwords.ts";
import { decodeMeters, encodeMeters, type PinnedMeter } from "./pinned-meters.ts";
import { withMasterKey, type Random, type VaultItems } from "./vault.ts";
import { unwrapItem, wrapItem, type WrappedItem } from "./wrapped-item.ts";
import {
  deriveSecretKeys,
  generateSecret,
  parseSecret,
  type SecretKeys,
} from "./written-secret.ts";

const KIND = { prefix: "IV", name: "invitation" };
const PKCS8_BYTES_MAX = 65_535;
const PINS_BYTES_MAX = 65_535;

declare const invitation: unique symbol;
/** The text to pass on: IV-, then Crockford base 32 with a check character, in groups of five. */
export type Invitation = string & { readonly [invitation]: true };

/** What was typed, in its one written form. Throws CUSTOMER_INVITATION_INVALID for a slip. */
export function parseInvitation(text: string): Invitation {
  const parsed = parseSecret(KIND, text);
  if (parsed !== undefined) return parsed as Invitation;
  const message = "this is not an invitation: IV- and 27 characters; check for a slip of one";
  throw new CustomerError("CUSTOMER_INVITATION_INVALID", message);
}

/** The authentication key goes to the portal, the wrapping key does not. */
export const deriveInvitationKeys = (text: Invitation): Promise<SecretKeys> =>
  deriveSecretKeys(KIND, text);

/** What opens the frames of a household: the key that its meters wrap to, and the meters' own. */
export interface HouseholdKeys {
  readonly recipientSecret: RecipientSecret;
  readonly meters: readonly PinnedMeter[];
}

/** An account that opened its vault; `household` is its item of an invitation that it has accepted. */
export interface HouseholdOwner {
  readonly login: string;
  readonly keys: PasswordKeys;
  readonly items: VaultItems;
  readonly household: WrappedItem | null;
}

/**
 * A fresh secret, and what the portal is to keep for whoever knows it. `meters` are those of the account's own enrolment; one that was
 * invited passes on what it was given. Throws CUSTOMER_UNLOCK_FAILED.
 */
export async function makeInvitation(
  owner: HouseholdOwner,
  meters: readonly PinnedMeter[],
  random: Random,
): Promise<{ text: Invitation; authenticationKey: Uint8Array; item: WrappedItem }> {
  const text = generateSecret(KIND, random) as Invitation;
  const { authenticationKey, wrappingKey } = await deriveInvitationKeys(text);
  const content = await contentOf(owner, meters);
  const place = { login: owner.login, type: "invitation", version: 1 } as const;
  const item = await wrapItem(place, wrappingKey, content, random);
  content.fill(0);
  return { text, authenticationKey, item };
}

/**
 * What the invitation carries, opened, and the invited account's own item of it, under its own master key. The inviter's login is
 * authenticated. Throws CUSTOMER_UNLOCK_FAILED for every cause.
 */
export async function acceptInvitation(
  { inviter, item, wrappingKey }: { inviter: string; item: WrappedItem; wrappingKey: Uint8Array },
  owner: HouseholdOwner,
  random: Random,
): Promise<{ item: WrappedItem; keys: HouseholdKeys }> {
  const content = await unwrapItem(inviter, "invitation", item, wrappingKey);
  const { login, keys, items, household } = owner;
  const place = { login, type: "household", version: (household?.version ?? 0) + 1 } as const;
  try {
    const item = await withMasterKey(login, keys, items, (masterKey) =>
      wrapItem(place, masterKey, content, random),
    );
    return { item, keys: await opened(content) };
  } finally {
    content.fill(0);
  }
}

/** Throws CUSTOMER_UNLOCK_FAILED. */
export async function openHousehold(
  { login, keys, items }: Omit<HouseholdOwner, "household">,
  item: WrappedItem,
): Promise<HouseholdKeys> {
  const content = await withMasterKey(login, keys, items, (masterKey) =>
    unwrapItem(login, "household", item, masterKey),
  );
  try {
    return await opened(content);
  } finally {
    content.fill(0);
  }
}

function contentOf(
  { login, keys, items, household }: HouseholdOwner,
  meters: readonly PinnedMeter[],
): Promise<Uint8Array> {
  return withMasterKey(login, keys, items, async (masterKey) => {
    if (household !== null) return unwrapItem(login, "household", household, masterKey);
    const pkcs8 = await unwrapItem(login, "private-key", items["private-key"], masterKey);
    const writer = new Writer().vector(pkcs8, PKCS8_BYTES_MAX, 1);
    const content = writer.vector(encodeMeters(meters), PINS_BYTES_MAX).finish();
    pkcs8.fill(0);
    return content;
  });
}

async function opened(content: Uint8Array): Promise<HouseholdKeys> {
  try {
    const reader = new Reader(content);
    const pkcs8 = reader.vector(PKCS8_BYTES_MAX, 1);
    const meters = decodeMeters(reader.vector(PINS_BYTES_MAX));
    reader.end();
    const secret = await recipientSecret(await spkiOfPkcs8(pkcs8), pkcs8);
    if (meters !== undefined && meters.length > 0) return { recipientSecret: secret, meters };
  } catch {
    // Rightly sealed and yet no key, or no meter: as closed as any other item.
  }
  throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
}
