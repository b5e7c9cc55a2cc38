/** A party's own keys: an Ed25519 seed and, for who receives sealed things, an RSA key pair. Mode 0600, never printed. */
import {
  fromBase64Url,
  fromHex,
  generateRecipient,
  primitives,
  recipientSecret,
  signerFromSeed,
  toBase64Url,
  toHex,
  type RecipientSecret,
  type Signer,
} from "@smarter-metering/protocol";
import { readSecretFile, writeSecretFile } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError } from "../cli-error.ts";

const keysDocument = z.strictObject({
  kind: z.literal("smarter-metering/party-keys"),
  signingSeed: z.string().regex(/^[0-9a-f]{64}$/),
  encryption: z.strictObject({ spki: z.string(), pkcs8: z.string() }).optional(),
});

export interface PartyKeys {
  readonly signer: Signer;
  /** Present for the MDMS, and for trustees that hold shares. */
  readonly secret: RecipientSecret | undefined;
  readonly spki: Uint8Array | undefined;
}

/** Makes and stores fresh keys; `receives` adds RSA-3072. */
export async function createKeysFile(path: string, receives: boolean): Promise<PartyKeys> {
  const seed = primitives.randomBytes(32);
  const pair = receives ? await generateRecipient() : undefined;
  const document: z.infer<typeof keysDocument> = {
    kind: "smarter-metering/party-keys",
    signingSeed: toHex(seed),
    ...(pair && { encryption: { spki: toBase64Url(pair.spki), pkcs8: toBase64Url(pair.pkcs8) } }),
  };
  await writeSecretFile(path, JSON.stringify(document));
  return loadKeysFile(path);
}

/** Throws SECRET_FILE, or KEYS_FILE_INVALID; neither repeats what the file holds. */
export async function loadKeysFile(path: string): Promise<PartyKeys> {
  const text = new TextDecoder().decode(await readSecretFile(path));
  const parsed = keysDocument.safeParse(jsonOrUndefined(text));
  if (!parsed.success) {
    throw new CliError(
      "KEYS_FILE_INVALID",
      `${path} holds no party keys; restore it from a backup`,
    );
  }
  const { signingSeed, encryption } = parsed.data;
  const signer = await signerFromSeed(fromHex(signingSeed, 32));
  if (encryption === undefined) return { signer, secret: undefined, spki: undefined };
  const spki = fromBase64Url(encryption.spki);
  return { signer, secret: await recipientSecret(spki, fromBase64Url(encryption.pkcs8)), spki };
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
