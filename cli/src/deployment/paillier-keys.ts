/** The Paillier key of a new deployment: whole in one trustee's folder, or a sealed share in each; nowhere else. */
import { join } from "node:path";
import {
  generateKeyPair,
  serializePublicKey,
  serializeSecretKey,
  type Quorum,
} from "@smarter-metering/paillier";
import { fromBase64Url, recipientFromSpki, type Party } from "@smarter-metering/protocol";
import { writeFileAtomic, writeSecretFile } from "@smarter-metering/runtime";
import { CliError } from "../cli-error.ts";
import { holdCeremony } from "./ceremony.ts";
import { trusteeFolders, type Layout } from "./layout.ts";

export const SECRET_KEY_FILE = "paillier-secret.json";
export const SHARE_FILE = "paillier-share.jwe";
export const TRANSCRIPT_FILE = "ceremony.json";

export interface PaillierKeyOptions {
  readonly keyBits: number;
  /** Absent: one trustee holds the whole key. */
  readonly quorum?: Quorum | undefined;
  readonly ceremonyProgress?: ((done: number, total: number) => void) | undefined;
}

/** What the registry publishes of the key, as serialised by packages/paillier. */
export interface RegisteredKey {
  readonly paillierKey: unknown;
  readonly verificationKey?: unknown;
}

/** `parties` are the deployment's, trustees in the order of their numbers. */
export function createPaillierKey(
  layout: Layout,
  parties: readonly Party[],
  options: PaillierKeyOptions,
): Promise<RegisteredKey> {
  return options.quorum === undefined
    ? createWholeKey(layout, options)
    : createShares(layout, parties, options.quorum, options);
}

async function createWholeKey(
  layout: Layout,
  { keyBits: bits }: PaillierKeyOptions,
): Promise<RegisteredKey> {
  const { publicKey, secretKey } = await generateKeyPair({ bits });
  const path = join(layout.folder("trustee"), SECRET_KEY_FILE);
  await writeSecretFile(path, JSON.stringify(serializeSecretKey(secretKey)));
  return { paillierKey: serializePublicKey(publicKey) };
}

async function createShares(
  layout: Layout,
  parties: readonly Party[],
  quorum: Quorum,
  { keyBits: bits, ceremonyProgress: progress = () => undefined }: PaillierKeyOptions,
): Promise<RegisteredKey> {
  const trustees = parties.filter(({ role }) => role === "trustee");
  const recipients = await Promise.all(
    trustees.map(({ encryptionKey = "" }) => recipientFromSpki(fromBase64Url(encryptionKey))),
  );
  const { threshold } = quorum;
  const ceremony = await holdCeremony(recipients, { threshold, bits, progress });
  const { transcript, paillierKey, sealedShares } = ceremony;
  for (const [index, party] of trusteeFolders(quorum).entries()) {
    const share = sealedShares[index];
    if (share === undefined) throw new CliError("INTERNAL", "a trustee without a share");
    await writeSecretFile(join(layout.folder(party), SHARE_FILE), new TextDecoder().decode(share));
    const text = `${JSON.stringify(transcript, null, 2)}\n`;
    await writeFileAtomic(join(layout.folder(party), TRANSCRIPT_FILE), text);
  }
  return { paillierKey, verificationKey: transcript.verificationKey };
}
