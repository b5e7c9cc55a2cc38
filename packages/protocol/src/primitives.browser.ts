/** The primitives over WebCrypto, for the customer's browser; also run in Node by the tests, against the same vectors. */
import { concatBytes } from "./bytes.ts";
import type { Primitives } from "./primitives.ts";

const { subtle } = globalThis.crypto;

/** WebCrypto's types refuse shared buffers; everything here is an ordinary one. */
const source = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;

/** RFC 8410 §7: a PKCS #8 Ed25519 private key is this prefix and the 32-byte seed. */
const PKCS8_PREFIX = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

async function signingKey(seed: Uint8Array, extractable: boolean): Promise<CryptoKey> {
  const pkcs8 = source(concatBytes(PKCS8_PREFIX, seed));
  return subtle.importKey("pkcs8", pkcs8, "Ed25519", extractable, ["sign"]);
}

async function aesKey(key: Uint8Array, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  if (key.length !== 32) throw new RangeError("AES-256 takes a key of 32 bytes");
  return subtle.importKey("raw", source(key), "AES-GCM", false, [usage]);
}

export const primitives: Primitives = {
  randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),

  async sha256(...parts) {
    const data = source(concatBytes(...parts));
    const digest = await subtle.digest("SHA-256", data);
    data.fill(0); // A part may be a key or a reading.
    return new Uint8Array(digest);
  },

  async sha256Each(data, messageBytes) {
    const count = data.length / messageBytes;
    const digests = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const message = data.slice(messageBytes * index, messageBytes * (index + 1));
        const digest = await subtle.digest("SHA-256", source(message));
        message.fill(0); // It may hold a reading.
        return new Uint8Array(digest);
      }),
    );
    return concatBytes(...digests);
  },

  async hmacSha256(key, data) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const imported = await subtle.importKey("raw", source(key), algorithm, false, ["sign"]);
    return new Uint8Array(await subtle.sign("HMAC", imported, source(data)));
  },

  async hkdfSha256(ikm, info, length) {
    const imported = await subtle.importKey("raw", source(ikm), "HKDF", false, ["deriveBits"]);
    const algorithm = {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(0),
      info: source(info),
    };
    return new Uint8Array(await subtle.deriveBits(algorithm, imported, 8 * length));
  },

  async aesGcmSeal(key, nonce, aad, plaintext) {
    const algorithm = { name: "AES-GCM", iv: source(nonce), additionalData: source(aad) };
    const sealed = await subtle.encrypt(algorithm, await aesKey(key, "encrypt"), source(plaintext));
    return new Uint8Array(sealed);
  },

  async aesGcmOpen(key, nonce, aad, sealed) {
    const algorithm = { name: "AES-GCM", iv: source(nonce), additionalData: source(aad) };
    const imported = await aesKey(key, "decrypt");
    try {
      return new Uint8Array(await subtle.decrypt(algorithm, imported, source(sealed)));
    } catch {
      return undefined;
    }
  },

  async ed25519Signer(seed) {
    const { x } = await subtle.exportKey("jwk", await signingKey(seed, true));
    const base64 = (x ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const publicKey = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const key = await signingKey(seed, false);
    return {
      publicKey,
      sign: async (data) => new Uint8Array(await subtle.sign("Ed25519", key, source(data))),
    };
  },

  async ed25519Verify(publicKey, signature, data) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      const key = await subtle.importKey("raw", source(publicKey), "Ed25519", false, ["verify"]);
      return await subtle.verify("Ed25519", key, source(signature), source(data));
    } catch {
      return false; // Some browsers refuse 32 bytes that are not a point when they are imported.
    }
  },

  equalSecret(a, b) {
    let difference = a.length ^ b.length;
    for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
    return difference === 0;
  },
};
