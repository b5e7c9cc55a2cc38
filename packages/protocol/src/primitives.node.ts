/** The primitives over node:crypto; synchronous underneath, which is fastest for short inputs. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hash,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
  type KeyObject,
} from "node:crypto";
import type { Primitives } from "./primitives.ts";

const TAG_BYTES = 16;
/** Parsed keys kept, so that a meter's key is not parsed for each of its frames. */
const KEY_CACHE_MAX = 4096;
/** RFC 8410 §7: a PKCS #8 Ed25519 private key is this prefix and the 32-byte seed; likewise SPKI. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const publicKeys = new Map<string, KeyObject>();

function publicKeyObject(raw: Uint8Array): KeyObject {
  const name = Buffer.from(raw).toString("latin1");
  const known = publicKeys.get(name);
  if (known !== undefined) return known;
  const key = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, raw]),
    format: "der",
    type: "spki",
  });
  if (publicKeys.size >= KEY_CACHE_MAX) publicKeys.clear();
  publicKeys.set(name, key);
  return key;
}

function privateKeyObject(seed: Uint8Array): KeyObject {
  return createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
}

/** RFC 5869 §2.2: as many zeros as the hash has bytes. */
const NO_SALT = new Uint8Array(32);

const view = (buffer: Buffer): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);

export const primitives: Primitives = {
  randomBytes: (length) => view(randomBytes(length)),

  sha256(...parts) {
    // In one shot: a Hash object costs more than the hash of a message.
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) {
      return Promise.resolve(view(hash("sha256", only, "buffer")));
    }
    const data = Buffer.concat(parts);
    const digest = hash("sha256", data, "buffer");
    data.fill(0); // A part may be a key or a reading.
    return Promise.resolve(view(digest));
  },

  sha256Each(data, messageBytes) {
    // As text, which costs a third of what a buffer for each would.
    let digests = "";
    for (let at = 0; at < data.length; at += messageBytes) {
      digests += hash("sha256", data.subarray(at, at + messageBytes), "binary");
    }
    return Promise.resolve(view(Buffer.from(digests, "latin1")));
  },

  hmacSha256(key, data) {
    return Promise.resolve(view(createHmac("sha256", key).update(data).digest()));
  },

  /** By its two steps (RFC 5869 §2.2, §2.3): `hkdfSync` costs five times as much. */
  hkdfSha256(ikm, info, length) {
    const extracted = createHmac("sha256", NO_SALT).update(ikm).digest();
    const output = new Uint8Array(length);
    let block: Uint8Array = new Uint8Array(0);
    for (let at = 0, counter = 1; at < length; at += block.length, counter++) {
      const hmac = createHmac("sha256", extracted).update(block).update(info);
      block = hmac.update(Uint8Array.of(counter)).digest();
      output.set(block.subarray(0, length - at), at);
    }
    extracted.fill(0);
    return Promise.resolve(output);
  },

  aesGcmSeal(key, nonce, aad, plaintext) {
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    cipher.setAAD(aad);
    const body = cipher.update(plaintext);
    return Promise.resolve(view(Buffer.concat([body, cipher.final(), cipher.getAuthTag()])));
  },

  aesGcmOpen(key, nonce, aad, sealed) {
    if (sealed.length < TAG_BYTES) return Promise.resolve(undefined);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce);
    decipher.setAAD(aad);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      plaintext.fill(0);
      return Promise.resolve(undefined);
    }
    return Promise.resolve(view(plaintext));
  },

  async ed25519Signer(seed) {
    const key = privateKeyObject(seed);
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    return {
      publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
      sign: (data) => Promise.resolve(view(sign(null, data, key))),
    };
  },

  ed25519Verify(publicKey, signature, data) {
    if (publicKey.length !== 32 || signature.length !== 64) return Promise.resolve(false);
    // On the thread pool: with thousands of frames a second it would be the event loop's main work.
    return new Promise((resolve, reject) => {
      verify(null, data, publicKeyObject(publicKey), signature, (error, fits) => {
        if (error === null) resolve(fits);
        else reject(error);
      });
    });
  },

  equalSecret: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
