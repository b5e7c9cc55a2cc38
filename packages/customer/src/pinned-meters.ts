/**
 * The meters whose keys the enrolment code has proven (docs/protocol.md §10.2), sealed under the master key, so that they travel with the
 * account: the portal stores the list, and can neither change nor add to it.
 */
import { equalBytes, Reader, Writer } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { PasswordKeys } from "./passwords.ts";
import type { Random, VaultItems } from "./vault.ts";
import { withMasterKey } from "./vault.ts";
import { unwrapItem, wrapItem, type WrappedItem } from "./wrapped-item.ts";

/** One meter's key, proven. */
export interface PinnedMeter {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  /** Ed25519, raw. */
  readonly meterKey: Uint8Array;
}

/** Meters of a lifetime, and a sealed list of 2 KiB; one more drops the oldest. */
const PINS_MAX = 32;
const PIN_BYTES = 64;
const TYPE = "pinned-meters";

/** Who seals and opens: an account with its password's keys. */
export interface PinsOwner {
  readonly login: string;
  readonly keys: PasswordKeys;
  readonly items: VaultItems;
}

/** The list as `version`; the portal takes no other than the next one. Throws CUSTOMER_UNLOCK_FAILED. */
export function sealPinnedMeters(
  { login, keys, items }: PinsOwner,
  meters: readonly PinnedMeter[],
  version: number,
  random: Random,
): Promise<WrappedItem> {
  const place = { login, type: TYPE, version } as const;
  return withMasterKey(login, keys, items, (masterKey) =>
    wrapItem(place, masterKey, encodePins(meters), random),
  );
}

/** Throws CUSTOMER_UNLOCK_FAILED. */
export async function openPinnedMeters(
  { login, keys, items }: PinsOwner,
  item: WrappedItem,
): Promise<PinnedMeter[]> {
  const bytes = await withMasterKey(login, keys, items, (masterKey) =>
    unwrapItem(login, TYPE, item, masterKey),
  );
  const meters = decodePins(bytes);
  if (meters !== undefined) return meters;
  // Sealed by the master key and yet no list: as closed as any other item.
  throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
}

export function encodePins(meters: readonly PinnedMeter[]): Uint8Array {
  const writer = new Writer();
  for (const { networkPseudonym, meterId, meterKey } of meters) {
    writer.fixed(networkPseudonym, 16).fixed(meterId, 16).fixed(meterKey, 32);
  }
  return writer.finish();
}

/** Undefined for what is no list. */
export function decodePins(bytes: Uint8Array): PinnedMeter[] | undefined {
  if (bytes.length % PIN_BYTES !== 0) return undefined;
  const reader = new Reader(bytes);
  return Array.from({ length: bytes.length / PIN_BYTES }, () => ({
    networkPseudonym: reader.fixed(16),
    meterId: reader.fixed(16),
    meterKey: reader.fixed(32),
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
