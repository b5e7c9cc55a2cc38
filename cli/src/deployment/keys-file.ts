/** A party's own keys: an Ed25519 seed and, for who receives sealed things, an RSA key pair. Mode 0600, never printed. */
import {
  generateRecipient,
  PARTY_KEYS_KIND,
  parsePartyKeys,
  primitives,
  recipientSecret,
  signerFromSeed,
  toBase64Url,
  toHex,
  utf8,
  type PartyKeysFile,
  type RecipientSecret,
  type Signer,
} from "@smarter-metering/protocol";
import { readSecretFile, writeSecretFile } from "@smarter-metering/runtime";
import { CliError } from "../cli-error.ts";

export interface PartyKeys {
  readonly signer: Signer;
  /** Present for the MDMS, and for trustees that hold shares. */
  readonly secret: RecipientSecret | undefined;
  readonly spki: Uint8Array | undefined;
  /** 32 bytes for one purpose, such as to seal what is in the party's own database: HKDF of the seed (RFC 5869). */
  derivedKey(purpose: string): Promise<Uint8Array>;
}

/** Makes and stores fresh keys; `receives` adds RSA-3072. */
export async function createKeysFile(path: string, receives: boolean): Promise<PartyKeys> {
  const seed = primitives.randomBytes(32);
  const pair = receives ? await generateRecipient() : undefined;
  const document = {
    kind: PARTY_KEYS_KIND,
    signingSeed: toHex(seed),
    ...(pair && { encryption: { spki: toBase64Url(pair.spki), pkcs8: toBase64Url(pair.pkcs8) } }),
  };
  await writeSecretFile(path, JSON.stringify(document));
  return loadKeysFile(path);
}

/** Throws SECRET_FILE, or KEYS_FILE_INVALID; neither repeats what the file holds. */
export async function loadKeysFile(path: string): Promise<PartyKeys> {
  const { signingSeed, encryption } = await readKeysFile(path);
  const signer = await signerFromSeed(signingSeed);
  const derivedKey = (purpose: string): Promise<Uint8Array> =>
    primitives.hkdfSha256(signingSeed, utf8(`smarter-metering/${purpose}`), 32);
  if (encryption === undefined) return { signer, secret: undefined, spki: undefined, derivedKey };
  const { spki, pkcs8 } = encryption;
  return { signer, secret: await recipientSecret(spki, pkcs8), spki, derivedKey };
}

async function readKeysFile(path: string): Promise<PartyKeysFile> {
  const text = new TextDecoder().decode(await readSecretFile(path));
  try {
    return parsePartyKeys(text);
  } catch {
    // Without the cause: a parser's message may quote what it read.
    const message = `${path} holds no party keys; restore it from a backup`;
    throw new CliError("KEYS_FILE_INVALID", message);
  }
}
