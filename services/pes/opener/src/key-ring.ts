/**
 * The opener's keys in memory, and their end (docs/protocol.md §3.3). A private key is destroyed
 * when the last block sealed under it can count no more, by the opener's own clock and whatever
 * still waits: who holds up frames must not be able to keep a key alive.
 */
import { toHex, type OpenerKey, type RecipientSecret } from "@smarter-metering/protocol";
import type { HeldKey, KeyFolder } from "./key-folder.ts";

/** A local day in autumn: a block may have begun just before its key's end. */
const BLOCK_SECONDS_MAX = 25 * 3600;
/** Of bill borders; the cutoff of LOAD (6 h) lies within. */
const CUTOFF_SECONDS = 72 * 3600;
/** Clocks that differ, and a backlog. */
const MARGIN_SECONDS = 3 * 3600;

/** When the private part of a key is destroyed, epoch seconds. */
export const destroyedAt = ({ to }: Pick<OpenerKey, "to">): number =>
  to + BLOCK_SECONDS_MAX + CUTOFF_SECONDS + MARGIN_SECONDS;

export interface KeyRing {
  /** The secret of a key, "destroyed" after its time, undefined for one that was never here. */
  find(keyId: Uint8Array): Promise<RecipientSecret | "destroyed" | undefined>;
  /** Destroys every key whose time has come; their ids. */
  destroyDue(nowSeconds: number): Promise<readonly string[]>;
  /** Private keys at hand. */
  readonly size: number;
}

/** Keys that are made later, by a rotation, are found when the first frame names them. Throws OPENER_KEY_FILE. */
export async function openKeyRing(folder: KeyFolder, nowSeconds: number): Promise<KeyRing> {
  const secrets = new Map<string, RecipientSecret>();
  const ended = new Set<string>();

  async function destroy({ keyId, isWhole }: HeldKey): Promise<string[]> {
    secrets.delete(keyId);
    ended.add(keyId);
    if (!isWhole) return [];
    await folder.destroy(keyId);
    return [keyId];
  }

  async function destroyDue(now: number): Promise<string[]> {
    const destroyed: string[] = [];
    for (const key of await folder.list()) {
      if (destroyedAt(key) <= now) destroyed.push(...(await destroy(key)));
    }
    return destroyed;
  }

  async function take(key: HeldKey): Promise<void> {
    if (!key.isWhole || ended.has(key.keyId) || secrets.has(key.keyId)) return;
    const secret = await folder.secretOf(key);
    if (!ended.has(key.keyId)) secrets.set(key.keyId, secret);
  }

  await destroyDue(nowSeconds);
  // At the start, so that a damaged key is known before a frame needs it.
  for (const key of await folder.list()) await take(key);
  return {
    async find(id) {
      const keyId = toHex(id);
      const outcome = () => secrets.get(keyId) ?? (ended.has(keyId) ? "destroyed" : undefined);
      const known = outcome();
      if (known !== undefined) return known;
      const made = (await folder.list()).find((key) => key.keyId === keyId);
      if (made !== undefined) await take(made);
      return outcome();
    },
    destroyDue,
    get size() {
      return secrets.size;
    },
  };
}
