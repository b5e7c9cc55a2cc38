/**
 * The rotation of the opener's key (docs/protocol.md §3.3), run by the opener's operator. Its steps
 * are durable one after the other, private part first and registry last, and it may be interrupted
 * after any of them: run again, it goes on with the key it has begun. So there are never two next
 * keys, and no key is registered whose private part is not here.
 */
import {
  generateRecipient,
  primitives,
  toBase64Url,
  toHex,
  type OpenerKey,
} from "@smarter-metering/protocol";
import { OpenerError } from "./error.ts";
import { idOf, type HeldKey, type KeyFolder } from "./key-folder.ts";

/** What a rotation needs of the registry. */
export interface KeyRegistry {
  /** The keys that the newest epoch lists, in order of time. */
  list(): Promise<readonly OpenerKey[]>;
  /** A new epoch with one more; the same key again changes nothing. */
  add(key: OpenerKey): Promise<void>;
}

export interface RotationTerms {
  readonly nowSeconds: number;
  readonly validSeconds: number;
  /** The key in use is lost or stolen: the new one takes its place at once, not after its period. */
  readonly atOnce: boolean;
  /** Default: a fresh RSA-3072 pair. */
  readonly generate?: typeof generateRecipient;
}

export interface Rotation {
  /** `known`: the next key was there already, and nothing was done. */
  readonly outcome: "rotated" | "known";
  readonly keyId: string;
  readonly key: OpenerKey;
}

/** Throws OPENER_KEY_LOST, OPENER_KEY_FILE, STORE_LOCKED, and what `registry` throws. */
export async function rotateKey(
  folder: KeyFolder,
  registry: KeyRegistry,
  terms: RotationTerms,
): Promise<Rotation> {
  const lock = folder.lock();
  try {
    await folder.destroyStray();
    const registered = await registry.list();
    await shorten(folder, registered);
    const held = await folder.list();
    const next = registered.find(({ from }) => from > terms.nowSeconds);
    if (!terms.atOnce) {
      checkHeld(registered, held, terms.nowSeconds);
      if (next !== undefined) return { outcome: "known", keyId: await idOf(next), key: next };
    }
    const { keyId, ...key } =
      begunBefore(registered, held, terms) ??
      (await makeKey(folder, periodAfter(registered, terms), terms.generate));
    await registry.add(key);
    await shorten(folder, await registry.list());
    return { outcome: "rotated", keyId, key };
  } finally {
    lock.release();
  }
}

/** A period that the registry has ended early ends here too: its key is destroyed the sooner. */
async function shorten(folder: KeyFolder, registered: readonly OpenerKey[]): Promise<void> {
  for (const { keyId, spki, to } of await folder.list()) {
    const listed = registered.find((key) => key.spki === spki);
    if (listed !== undefined && listed.to < to) await folder.addPublic(keyId, listed);
  }
}

const endOf = (registered: readonly OpenerKey[]): number => registered.at(-1)?.to ?? 0;

function periodAfter(
  registered: readonly OpenerKey[],
  { nowSeconds, validSeconds, atOnce }: RotationTerms,
): { readonly from: number; readonly to: number } {
  const from = atOnce ? nowSeconds : Math.max(nowSeconds, endOf(registered));
  return { from, to: from + validSeconds };
}

/** The key of a rotation that was interrupted before the registry knew: it follows without a gap. */
function begunBefore(
  registered: readonly OpenerKey[],
  held: readonly HeldKey[],
  terms: RotationTerms,
): (OpenerKey & { readonly keyId: string }) | undefined {
  if (terms.atOnce) return undefined;
  const latest = periodAfter(registered, terms).from;
  const known = new Set(registered.map(({ spki }) => spki));
  const begun = held.find(
    ({ isWhole, spki, from, to }) =>
      isWhole &&
      !known.has(spki) &&
      from >= endOf(registered) &&
      from <= latest &&
      to > terms.nowSeconds,
  );
  return begun && { keyId: begun.keyId, spki: begun.spki, from: begun.from, to: begun.to };
}

/** A new key in the folder, private part first; whole when it resolves. */
export async function makeKey(
  folder: KeyFolder,
  period: { readonly from: number; readonly to: number },
  generate = generateRecipient,
): Promise<OpenerKey & { readonly keyId: string }> {
  const { spki, pkcs8 } = await generate();
  const keyId = toHex(await primitives.sha256(spki));
  const key = { spki: toBase64Url(spki), ...period };
  try {
    await folder.addSecret(keyId, pkcs8);
  } finally {
    pkcs8.fill(0);
  }
  await folder.addPublic(keyId, key);
  return { keyId, ...key };
}

/** A key that meters wrap to, or will, is here with its private part. */
function checkHeld(
  registered: readonly OpenerKey[],
  held: readonly HeldKey[],
  nowSeconds: number,
): void {
  const whole = new Set(held.filter(({ isWhole }) => isWhole).map(({ spki }) => spki));
  const lost = registered.find(({ spki, to }) => to > nowSeconds && !whole.has(spki));
  if (lost === undefined) return;
  const message =
    "the registry lists an opener key whose private part is not in the key folder; put it back, or replace the key at once";
  throw new OpenerError("OPENER_KEY_LOST", message);
}
