/**
 * The one error class of this package, and its assertion for programmer errors.
 * Runs wherever the package runs; messages carry key ids and counts, never plaintexts or keys.
 */

/** Every failure a caller may act on. README.md says what to do about each. */
export type PaillierErrorCode =
  | "PAILLIER_KEY_TOO_SHORT"
  | "PAILLIER_KEY_INVALID"
  | "PAILLIER_WRONG_KEY"
  | "PAILLIER_PLAINTEXT_RANGE"
  | "PAILLIER_SCALAR_RANGE"
  | "PAILLIER_CIPHERTEXT_INVALID"
  | "PAILLIER_ENGINE_BUSY"
  | "PAILLIER_ENGINE_CLOSED"
  | "PAILLIER_ENGINE_FAILED"
  | "PAILLIER_ENGINE_UNAVAILABLE"
  | "PACKING_VALUE_RANGE"
  | "PACKING_OVERFLOW";

export class PaillierError extends Error {
  override readonly name = "PaillierError";
  readonly code: PaillierErrorCode;

  constructor(code: PaillierErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Stands in for `node:assert`, which a browser does not have. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TypeError(`paillier: ${message}`);
}
