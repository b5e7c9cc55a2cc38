/**
 * The meters whose keys the enrolment code has proven, and the registry as it was seen last (docs/protocol.md §10.2), sealed under the master key, so that they travel with the
 * account: the portal stores the list, and can neither change nor add to it.
 */
import {
  equalBytes,
  fromHex,
  MAILBOX_BYTES,
  Reader,
  STATEMENT_SECRET_BYTES,
  toHex,
  Writer,
  type EpochPin,
} from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { PasswordKeys } from "./passwords.ts";
import type { Random, VaultItems } from "./vault.ts";
import { withMasterKey } from "./vault.ts";
import { unwrapItem, wrapItem, type WrappedItem } from "./wrapped-item.ts";

/** One meter's key, proven, and what the code of its contract opens besides. */
export interface PinnedMeter {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  /** Ed25519, raw. */
  readonly meterKey: Uint8Array;
  /** 32 bytes: of the contract's bills (docs/protocol.md §11.5). */
  readonly statementSecret: Uint8Array;
}

/** The registry as it was seen last: whoever shows an older one, or another, is found out. */
export interface RegistryPin extends EpochPin {
  /** Ed25519, raw. */
  readonly rootKey: Uint8Array;
}

/** How far a mailbox had come (docs/protocol.md §11.5): whoever shows less of it withholds a bill. */
export interface MailboxPin {
  readonly mailbox: Uint8Array;
  readonly sequence: number;
}

/** What an account remembers of those that it has proven and checked. */
export interface Pins {
  readonly meters: readonly PinnedMeter[];
  /** Undefined until a registry was checked. */
  readonly registry: RegistryPin | undefined;
  /** Those that had something. */
  readonly mailboxes: readonly MailboxPin[];
}

/** Meters of a lifetime, and a sealed item of 4 KiB; one more drops the oldest. */
const PINS_MAX = 32;
const PIN_BYTES = 96;
const PART_BYTES_MAX = 4096;
const TYPE = "pinned-meters";

/** Who seals and opens: an account with its password's keys. */
export interface PinsOwner {
  readonly login: string;
  readonly keys: PasswordKeys;
  readonly items: VaultItems;
}

/** The pins as `version`; the portal takes no other than the next one. Throws CUSTOMER_UNLOCK_FAILED. */
export function sealPins(
  { login, keys, items }: PinsOwner,
  pins: Pins,
  version: number,
  random: Random,
): Promise<WrappedItem> {
  const place = { login, type: TYPE, version } as const;
  return withMasterKey(login, keys, items, (masterKey) =>
    wrapItem(place, masterKey, encodePins(pins), random),
  );
}

/** Throws CUSTOMER_UNLOCK_FAILED. */
export async function openPins(
  { login, keys, items }: PinsOwner,
  item: WrappedItem,
): Promise<Pins> {
  const bytes = await withMasterKey(login, keys, items, (masterKey) =>
    unwrapItem(login, TYPE, item, masterKey),
  );
  const pins = decodePins(bytes);
  if (pins !== undefined) return pins;
  // Sealed by the master key and yet no list: as closed as any other item.
  throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
}

function encodePins({ meters, registry, mailboxes }: Pins): Uint8Array {
  const seen = new Writer();
  if (registry !== undefined) {
    seen.fixed(registry.rootKey, 32).u32(registry.epoch).fixed(fromHex(registry.hash), 32);
  }
  const counts = new Writer();
  for (const { mailbox, sequence } of mailboxes.slice(-PINS_MAX)) {
    counts.fixed(mailbox, MAILBOX_BYTES).u64(sequence);
  }
  return new Writer()
    .vector(seen.finish(), PART_BYTES_MAX)
    .vector(counts.finish(), PART_BYTES_MAX)
    .vector(encodeMeters(meters), PART_BYTES_MAX)
    .finish();
}

/** Undefined for what is no such item. */
function decodePins(bytes: Uint8Array): Pins | undefined {
  try {
    const reader = new Reader(bytes);
    const seen = reader.vector(PART_BYTES_MAX);
    const counts = reader.vector(PART_BYTES_MAX);
    const meters = decodeMeters(reader.vector(PART_BYTES_MAX));
    reader.end();
    return meters && { meters, registry: registryIn(seen), mailboxes: mailboxesIn(counts) };
  } catch {
    return undefined; // Named by the caller.
  }
}

function registryIn(bytes: Uint8Array): RegistryPin | undefined {
  if (bytes.length === 0) return undefined;
  const reader = new Reader(bytes);
  const rootKey = reader.fixed(32);
  const pin = { rootKey, epoch: reader.u32(), hash: toHex(reader.fixed(32)) };
  reader.end();
  return pin;
}

function mailboxesIn(bytes: Uint8Array): MailboxPin[] {
  const reader = new Reader(bytes);
  const pins: MailboxPin[] = [];
  while (reader.offset < bytes.length) {
    pins.push({ mailbox: reader.fixed(MAILBOX_BYTES), sequence: reader.safeU64() });
  }
  return pins;
}

export function encodeMeters(meters: readonly PinnedMeter[]): Uint8Array {
  const writer = new Writer();
  for (const { networkPseudonym, meterId, meterKey, statementSecret } of meters) {
    writer.fixed(networkPseudonym, 16).fixed(meterId, 16).fixed(meterKey, 32);
    writer.fixed(statementSecret, STATEMENT_SECRET_BYTES);
  }
  return writer.finish();
}

/** Undefined for what is no list. */
export function decodeMeters(bytes: Uint8Array): PinnedMeter[] | undefined {
  if (bytes.length % PIN_BYTES !== 0) return undefined;
  const reader = new Reader(bytes);
  return Array.from({ length: bytes.length / PIN_BYTES }, () => ({
    networkPseudonym: reader.fixed(16),
    meterId: reader.fixed(16),
    meterKey: reader.fixed(32),
    statementSecret: reader.fixed(STATEMENT_SECRET_BYTES),
  }));
}

/** The list with `meter` as its newest; what was known of the same meter gives way. */
export function withMeter(meters: readonly PinnedMeter[], meter: PinnedMeter): PinnedMeter[] {
  const others = meters.filter(
    ({ networkPseudonym, meterId }) =>
      !equalBytes(networkPseudonym, meter.networkPseudonym) || !equalBytes(meterId, meter.meterId),
  );
  return [...others, meter].slice(-PINS_MAX);
}
