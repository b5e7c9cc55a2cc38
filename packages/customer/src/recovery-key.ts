/**
 * The recovery key (docs/protocol.md §10.2): 128 random bits, shown once at sign-up, written down by the customer. It looks unlike an
 * enrolment code, so that neither is typed where the other belongs.
 */
import {
  encodeEnrolmentCode,
  parseEnrolmentCode,
  primitives,
  utf8,
} from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";

const PREFIX = "RK-";
const RECOVERY_BYTES = 16;

declare const recoveryKey: unique symbol;
/** The text to write down: RK-, then Crockford base 32 with a check character, in groups of five. */
export type RecoveryKey = string & { readonly [recoveryKey]: true };

export function generateRecoveryKey(random: (length: number) => Uint8Array): RecoveryKey {
  return `${PREFIX}${encodeEnrolmentCode(random(RECOVERY_BYTES))}` as RecoveryKey;
}

/** What was typed, in its one written form. Throws CUSTOMER_RECOVERY_KEY_INVALID for a slip. */
export function parseRecoveryKey(text: string): RecoveryKey {
  const typed = /^\s*RK[\s-]*(.*)$/is.exec(text)?.[1];
  try {
    return `${PREFIX}${encodeEnrolmentCode(parseEnrolmentCode(typed ?? ""))}` as RecoveryKey;
  } catch {
    // The cause would say "enrolment code", which this is not.
    const message = "this is not a recovery key: RK- and 27 characters; check for a slip of one";
    throw new CustomerError("CUSTOMER_RECOVERY_KEY_INVALID", message);
  }
}

export interface RecoveryKeys {
  /** 32 bytes; proves the recovery key to the portal, which keeps argon2id of it. */
  readonly authenticationKey: Uint8Array;
  /** 32 bytes; opens the vault. */
  readonly wrappingKey: Uint8Array;
}

/** HKDF (RFC 5869) with one label for each key. 128 random bits need no stretching. */
export async function deriveRecoveryKeys(key: RecoveryKey): Promise<RecoveryKeys> {
  const bytes = parseEnrolmentCode(key.slice(PREFIX.length));
  const derive = (label: string): Promise<Uint8Array> =>
    primitives.hkdfSha256(bytes, utf8(label), 32);
  const keys = {
    authenticationKey: await derive("smarter-metering/recovery-authentication-key/v1"),
    wrappingKey: await derive("smarter-metering/recovery-wrapping-key/v1"),
  };
  bytes.fill(0);
  return keys;
}
