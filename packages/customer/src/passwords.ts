/**
 * From a password to two keys (docs/protocol.md §10.2), on the customer's device. The authentication key goes to the portal; the
 * wrapping key and the password never leave.
 */
import { primitives, utf8 } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";

export const ITERATIONS_MIN = 1_000_000;
/** Beyond it a portal could freeze a phone for minutes. */
const ITERATIONS_MAX = 10_000_000;
export const SALT_BYTES = 16;

/** What the portal keeps in the open for each login. */
export interface PasswordParameters {
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export interface PasswordKeys {
  /** 32 bytes; proves the login to the portal, which keeps argon2id of it. */
  readonly authenticationKey: Uint8Array;
  /** 32 bytes; opens the vault. */
  readonly wrappingKey: Uint8Array;
}

/**
 * PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2), then HKDF (RFC 5869) with one label for each key. The password is taken in Unicode form NFC,
 * as keyboards differ. Throws CUSTOMER_WEAK_ITERATIONS before any work for fewer than `ITERATIONS_MIN`.
 */
export async function derivePasswordKeys(
  password: string,
  { salt, iterations }: PasswordParameters,
): Promise<PasswordKeys> {
  if (!(iterations >= ITERATIONS_MIN)) {
    throw new CustomerError(
      "CUSTOMER_WEAK_ITERATIONS",
      `the portal asks for ${iterations} iterations; fewer than ${ITERATIONS_MIN} are refused`,
    );
  }
  if (salt.length !== SALT_BYTES || !Number.isInteger(iterations) || iterations > ITERATIONS_MAX) {
    throw new CustomerError("CUSTOMER_PORTAL_MALFORMED", "password parameters out of range");
  }
  const typed = Uint8Array.from(utf8(password.normalize("NFC")));
  const key = await crypto.subtle.importKey("raw", typed, "PBKDF2", false, ["deriveBits"]);
  typed.fill(0);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(salt), iterations };
  const stretched = new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 256));
  const derive = (label: string): Promise<Uint8Array> =>
    primitives.hkdfSha256(stretched, utf8(label), 32);
  const keys = {
    authenticationKey: await derive("smarter-metering/authentication-key/v1"),
    wrappingKey: await derive("smarter-metering/wrapping-key/v1"),
  };
  stretched.fill(0);
  return keys;
}
