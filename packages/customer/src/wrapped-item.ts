/**
 * One secret under one key (docs/protocol.md §10.2): what the portal stores for the customer and cannot open. Account, type and version
 * are authenticated with it, so that the portal cannot hand one account's item, or one kind of item, for another.
 */
import { fromBase64Url, primitives, toBase64Url, utf8, Writer } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";

const NONCE_BYTES = 12;
const LOGIN_BYTES_MAX = 255;

/** In the order of their numbers, which are part of what is authenticated. */
const ITEM_TYPES = [
  "master-by-password",
  "master-by-recovery",
  "private-key",
  "pinned-meters",
  "invitation",
  "household",
] as const;
export type ItemType = (typeof ITEM_TYPES)[number];

/** JSON-able; bytes are base64url. */
export interface WrappedItem {
  /** From 1; one more each time the item is wrapped anew. */
  readonly version: number;
  readonly nonce: string;
  readonly ciphertext: string;
}

function associatedData(login: string, type: ItemType, version: number): Uint8Array {
  return new Writer()
    .vector(utf8(login), LOGIN_BYTES_MAX)
    .u8(ITEM_TYPES.indexOf(type) + 1)
    .u32(version)
    .finish();
}

/** AES-256-GCM under a fresh 96-bit nonce. */
export async function wrapItem(
  place: { readonly login: string; readonly type: ItemType; readonly version: number },
  key: Uint8Array,
  secret: Uint8Array,
  random: (length: number) => Uint8Array,
): Promise<WrappedItem> {
  const nonce = random(NONCE_BYTES);
  const aad = associatedData(place.login, place.type, place.version);
  const ciphertext = await primitives.aesGcmSeal(key, nonce, aad, secret);
  return {
    version: place.version,
    nonce: toBase64Url(nonce),
    ciphertext: toBase64Url(ciphertext),
  };
}

/** Throws CUSTOMER_UNLOCK_FAILED for every cause. */
export async function unwrapItem(
  login: string,
  type: ItemType,
  item: WrappedItem,
  key: Uint8Array,
): Promise<Uint8Array> {
  try {
    const nonce = fromBase64Url(item.nonce);
    const aad = associatedData(login, type, item.version);
    const sealed = fromBase64Url(item.ciphertext);
    const secret = await primitives.aesGcmOpen(key, nonce, aad, sealed);
    if (secret !== undefined) return secret;
  } catch {
    // Not base64url, a nonce of another length: to the customer, the same as a wrong password.
  }
  throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
}
