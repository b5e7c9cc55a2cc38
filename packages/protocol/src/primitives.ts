/**
 * The cryptographic primitives the protocol needs, as one interface with two implementations: `primitives.node.ts`
 * (node:crypto) and `primitives.browser.ts` (WebCrypto); the `#primitives` import picks one. Nothing else in this package
 * touches a platform's cryptography, but `jose` for JWE and JWS.
 */

/** Holds a parsed Ed25519 key in a closure (parsing costs more than signing): it can sign, it cannot be printed. */
export interface Signer {
  readonly publicKey: Uint8Array;
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export interface Primitives {
  randomBytes(length: number): Uint8Array;
  /** SHA-256 (FIPS 180-4) of the concatenation of `parts`. */
  sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array>;
  /** SHA-256 of each of the messages of `messageBytes` bytes that make up `data`, one after the other: for many short ones. */
  sha256Each(data: Uint8Array, messageBytes: number): Promise<Uint8Array>;
  /** HMAC-SHA-256 (RFC 2104). */
  hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
  /** HKDF-SHA-256 (RFC 5869) with an empty salt. */
  hkdfSha256(ikm: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array>;
  /** AES-256-GCM (SP 800-38D), 96-bit nonce; the result ends with the 128-bit tag. */
  aesGcmSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<Uint8Array>;
  /** Undefined when the tag does not fit: one answer for every cause. */
  aesGcmOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Promise<Uint8Array | undefined>;
  /** Ed25519 (RFC 8032). Keys are raw 32-byte strings: seed and public key. */
  ed25519Signer(seed: Uint8Array): Promise<Signer>;
  ed25519Verify(publicKey: Uint8Array, signature: Uint8Array, data: Uint8Array): Promise<boolean>;
  /** Equality in time independent of the content. */
  equalSecret(a: Uint8Array, b: Uint8Array): boolean;
}
