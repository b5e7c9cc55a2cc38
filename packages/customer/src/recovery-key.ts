/** The recovery key (docs/protocol.md §10.2): shown once at sign-up, written down by the customer. */
import { CustomerError } from "./error.ts";
import {
  deriveSecretKeys,
  generateSecret,
  parseSecret,
  type SecretKeys,
} from "./written-secret.ts";

const KIND = { prefix: "RK", name: "recovery" };

declare const recoveryKey: unique symbol;
/** The text to write down: RK-, then Crockford base 32 with a check character, in groups of five. */
export type RecoveryKey = string & { readonly [recoveryKey]: true };

export const generateRecoveryKey = (random: (length: number) => Uint8Array): RecoveryKey =>
  generateSecret(KIND, random) as RecoveryKey;

/** What was typed, in its one written form. Throws CUSTOMER_RECOVERY_KEY_INVALID for a slip. */
export function parseRecoveryKey(text: string): RecoveryKey {
  const parsed = parseSecret(KIND, text);
  if (parsed !== undefined) return parsed as RecoveryKey;
  const message = "this is not a recovery key: RK- and 27 characters; check for a slip of one";
  throw new CustomerError("CUSTOMER_RECOVERY_KEY_INVALID", message);
}

/** The wrapping key opens the vault. */
export const deriveRecoveryKeys = (key: RecoveryKey): Promise<SecretKeys> =>
  deriveSecretKeys(KIND, key);
