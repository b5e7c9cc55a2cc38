/**
 * The opener's keys (docs/protocol.md §3.3): which key meters wrap to, and when. The registry's root signs the list; anybody may carry
 * it, and a meter believes it under the root key that it pins. Public values alone.
 */
import { z } from "zod";
import { ProtocolError } from "./error.ts";
import { signDocument, verifyDocument } from "./jws.ts";
import type { Signer } from "./signature.ts";

/** The current one, the next, and some whose end is near. */
const KEYS_MAX = 8;
const SPKI_CHARACTERS_MAX = 1024;

const seconds = z.number().int().nonnegative();

const openerKey = z
  .strictObject({
    /** RSA SubjectPublicKeyInfo, base64url. */
    spki: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/)
      .max(SPKI_CHARACTERS_MAX),
    /** Meters may wrap to it from here on, epoch seconds … */
    from: seconds,
    /** … and not any more from here on. */
    to: seconds,
  })
  .refine(({ from, to }) => from < to, "a period ends after its start");
export type OpenerKey = z.infer<typeof openerKey>;

/** In order of time; periods may have gaps and never overlap, so that there is one key at a time or none. */
const openerKeys = z.strictObject({
  /** One more with every change: a meter refuses a lower one than it holds. */
  version: z.number().int().positive(),
  keys: z
    .array(openerKey)
    .min(1)
    .max(KEYS_MAX)
    .refine(
      (keys) => keys.every(({ from }, index) => from >= (keys[index - 1]?.to ?? 0)),
      "periods overlap or are out of order",
    ),
});
export type OpenerKeys = z.infer<typeof openerKeys>;

/** Throws OPENER_KEYS_INVALID. */
export function parseOpenerKey(value: unknown): OpenerKey {
  return parsed(openerKey.safeParse(value));
}

/** Throws OPENER_KEYS_INVALID. */
export function parseOpenerKeys(value: unknown): OpenerKeys {
  return parsed(openerKeys.safeParse(value));
}

/** Throws OPENER_KEYS_INVALID. The same list gives the same bytes. */
export async function signOpenerKeys(list: OpenerKeys, root: Signer): Promise<string> {
  return signDocument("smarter-metering/opener-keys", parseOpenerKeys(list), root);
}

/** Throws OPENER_KEYS_INVALID for whatever the root has not signed as a list of opener keys. */
export async function verifyOpenerKeys(jws: string, rootKey: Uint8Array): Promise<OpenerKeys> {
  let document: unknown;
  try {
    document = await verifyDocument("smarter-metering/opener-keys", jws, rootKey);
  } catch (cause) {
    throw invalid(cause);
  }
  return parseOpenerKeys(document);
}

/** The key to wrap to at `instant`, or undefined in a gap and after the last. */
export const openerKeyAt = ({ keys }: OpenerKeys, instant: number): OpenerKey | undefined =>
  keys.find(({ from, to }) => from <= instant && instant < to);

function parsed<T>(result: z.ZodSafeParseResult<T>): T {
  if (result.success) return result.data;
  throw invalid(result.error);
}

const invalid = (cause: unknown): ProtocolError =>
  new ProtocolError("OPENER_KEYS_INVALID", "not a list of opener keys signed by the root", cause);
