/**
 * Password hashes of operators: Argon2id (RFC 9106) with 19 MiB, two passes, one lane, the first choice of OWASP's password storage
 * guidance for servers of modest size.
 */
import { argon2id, argon2Verify } from "hash-wasm";

const MEMORY_KIBIBYTES = 19 * 1024;
const ITERATIONS = 2;
const PARALLELISM = 1;
const HASH_BYTES = 32;
export const SALT_BYTES = 16;

/** In the encoded form (`$argon2id$v=19$m=19456,t=2,p=1$…`), so that parameters may grow later. */
export function hashPassword(password: string, salt: Uint8Array): Promise<string> {
  return argon2id({
    password: password.normalize("NFC"),
    salt,
    memorySize: MEMORY_KIBIBYTES,
    iterations: ITERATIONS,
    parallelism: PARALLELISM,
    hashLength: HASH_BYTES,
    outputType: "encoded",
  });
}

export function verifyPassword(password: string, hash: string): Promise<boolean> {
  return argon2Verify({ password: password.normalize("NFC"), hash });
}
