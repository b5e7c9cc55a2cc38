/**
 * Password hashes of operators: Argon2id (RFC 9106) with 19 MiB, two passes, one lane, the first choice of OWASP's password storage
 * guidance for servers of modest size. Computed on the thread pool: a login does not hold up anybody else.
 */
import { hash, verify } from "@node-rs/argon2";

/** Argon2id is the library's default algorithm; what it wrote, `$argon2id$…`, is looked at by a test. */
const COST = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1, outputLen: 32 };
export const SALT_BYTES = 16;

/** In the encoded form (`$argon2id$v=19$m=19456,t=2,p=1$…`), so that parameters may grow later. */
export function hashPassword(password: string, salt: Uint8Array): Promise<string> {
  return hash(password.normalize("NFC"), { ...COST, salt });
}

export function verifyPassword(password: string, encoded: string): Promise<boolean> {
  return verify(encoded, password.normalize("NFC"));
}
