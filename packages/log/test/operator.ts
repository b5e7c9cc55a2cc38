/**
 * An operator in memory who may tell several histories, trustees with files in memory, and the plain definition of RFC
 * 6962 §2.1.
 */
import { createHash } from "node:crypto";
import { signerFromSeed, type Signer } from "@smarter-metering/protocol";
import {
  createQuorum,
  encodeEntry,
  formatHead,
  logKey,
  signHead,
  type DurableFile,
  type Entry,
  type LogBatch,
  type Quorum,
} from "../src/index.ts";

export const startSeconds = 1_900_000_000;

export const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** MTH of RFC 6962 §2.1, as it is written there. */
export function treeHash(entries: readonly Uint8Array[]): Uint8Array {
  const [only] = entries;
  if (only === undefined) return sha256();
  if (entries.length === 1) return sha256(Uint8Array.of(0), only);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha256(Uint8Array.of(1), treeHash(entries.slice(0, k)), treeHash(entries.slice(k)));
}

export const seed = (value: number): Uint8Array => new Uint8Array(32).fill(value);
export const logSigner = await signerFromSeed(seed(1));
export const stranger = await signerFromSeed(seed(99));

/** Trustee i has the seed 10 + i. */
export const trusteeSigner = (index: number): Promise<Signer> => signerFromSeed(seed(10 + index));

export async function quorumOf(threshold: number, count: number): Promise<Quorum> {
  const signers = await Promise.all(Array.from({ length: count }, (_, at) => trusteeSigner(at)));
  const keys = signers.map(({ publicKey }) => publicKey);
  return createQuorum(logSigner.publicKey, keys, threshold);
}

/** Entries of which every `number` is another one. */
export const hashEntry = (number: number, timeSeconds = startSeconds + number): Entry => ({
  kind: "contribution",
  timeSeconds,
  body: sha256(Buffer.from(`contribution ${number}`)),
});

export const requestEntry = (text: string, timeSeconds = startSeconds): Entry => ({
  kind: "release-request",
  timeSeconds,
  body: Buffer.from(text),
});

/** The batch from `from` to the end of `history`, as its operator signs it. */
export async function batchOf(
  history: readonly Entry[],
  from: number,
  { signer = logSigner, headSeconds = history.at(-1)?.timeSeconds ?? startSeconds } = {},
): Promise<LogBatch> {
  const encoded = history.map(encodeEntry);
  const key = await logKey(signer.publicKey);
  const head = { origin: key.name, size: encoded.length, root: treeHash(encoded) };
  const signature = await signHead(head, headSeconds, key, signer);
  return { entries: encoded.slice(from), head: formatHead({ ...head, signatures: [signature] }) };
}

/** A file that can be told to fail, before or after it wrote. */
export class MemoryFile implements DurableFile {
  bytes: Uint8Array | undefined;
  failure: "before" | "after" | undefined;

  load(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.bytes);
  }

  save(bytes: Uint8Array): Promise<void> {
    if (this.failure !== "before") this.bytes = bytes;
    return this.failure === undefined ? Promise.resolve() : Promise.reject(new Error("disk"));
  }
}
