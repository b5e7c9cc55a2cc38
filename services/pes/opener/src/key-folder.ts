/**
 * The opener's keys on disk (docs/protocol.md §3.3), in a folder that nobody but the opener may
 * enter: `<key id>.secret`, the private part alone (PKCS#8, DER), and `<key id>.json`, its public
 * part and period. A key is whole when both are there; the public part stays behind when the
 * private one is destroyed.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  fromBase64Url,
  parseJson,
  parseOpenerKey,
  primitives,
  recipientSecret,
  toHex,
  type OpenerKey,
  type RecipientSecret,
} from "@smarter-metering/protocol";
import {
  lockFolder,
  readSecretFile,
  syncFolder,
  writeFileAtomic,
  writeSecretFile,
  type FolderLock,
} from "@smarter-metering/runtime";
import { OpenerError } from "./error.ts";

const PUBLIC_FILE = /^([0-9a-f]{64})\.json$/;
const SECRET_FILE = /^([0-9a-f]{64})\.secret$/;
/** What a write that was interrupted leaves: a hidden file beside its target. */
const TORN_SECRET_FILE = /^\.[0-9a-f]{64}\.secret\./;

export interface HeldKey extends OpenerKey {
  /** SHA-256 of `spki`, hex. */
  readonly keyId: string;
  /** The private part is there. */
  readonly isWhole: boolean;
}

export interface KeyFolder {
  /** Every key that was ever made here, in order of time. Throws OPENER_KEY_FILE. */
  list(): Promise<HeldKey[]>;
  /** Throws OPENER_KEY_FILE, SECRET_FILE. */
  secretOf(key: OpenerKey): Promise<RecipientSecret>;
  /** Durable when it resolves; the first half of a new key. */
  addSecret(keyId: string, pkcs8: Uint8Array): Promise<void>;
  /** Durable when it resolves; the second half: from now on the key is one. */
  addPublic(keyId: string, key: OpenerKey): Promise<void>;
  /**
   * Overwrites the private part with random bytes, flushes, removes the name, flushes the folder.
   * What is not there is destroyed already. SECURITY.md says what that is worth on which disk.
   */
  destroy(keyId: string): Promise<void>;
  /** Destroys private parts that never became keys: what an interrupted rotation left. */
  destroyStray(): Promise<void>;
  /** One rotation at a time. Throws STORE_LOCKED. */
  lock(): FolderLock;
}

/** `path` is made when it is missing. */
export async function openKeyFolder(path: string): Promise<KeyFolder> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const secretPath = (keyId: string): string => join(path, `${keyId}.secret`);

  async function publicPart(keyId: string): Promise<OpenerKey> {
    const file = join(path, `${keyId}.json`);
    try {
      const key = parseOpenerKey(parseJson(await readFile(file, "utf8")));
      if ((await idOf(key)) === keyId) return key;
    } catch (cause) {
      throw damaged(file, cause);
    }
    throw damaged(file);
  }

  return {
    async list() {
      const names = await readdir(path);
      const secrets = new Set(names.map((name) => SECRET_FILE.exec(name)?.[1]));
      const keys = names.flatMap((name) => PUBLIC_FILE.exec(name)?.[1] ?? []);
      const held = await Promise.all(
        keys.map(async (keyId) => {
          return { ...(await publicPart(keyId)), keyId, isWhole: secrets.has(keyId) };
        }),
      );
      return held.toSorted((a, b) => a.from - b.from || (a.keyId < b.keyId ? -1 : 1));
    },
    async secretOf(key) {
      const file = secretPath(await idOf(key));
      const pkcs8 = await readSecretFile(file);
      try {
        return await recipientSecret(fromBase64Url(key.spki), pkcs8);
      } catch (cause) {
        throw damaged(file, cause);
      } finally {
        pkcs8.fill(0);
      }
    },
    addSecret: (keyId, pkcs8) => writeSecretFile(secretPath(keyId), pkcs8),
    addPublic: (keyId, { spki, from, to }) =>
      writeFileAtomic(join(path, `${keyId}.json`), `${JSON.stringify({ spki, from, to })}\n`),
    destroy: (keyId) => destroyFile(path, `${keyId}.secret`),
    async destroyStray() {
      const names = await readdir(path);
      const known = new Set(names.map((name) => PUBLIC_FILE.exec(name)?.[1]));
      for (const name of names) {
        const [, keyId] = SECRET_FILE.exec(name) ?? [];
        const stray = keyId === undefined ? TORN_SECRET_FILE.test(name) : !known.has(keyId);
        if (stray) await destroyFile(path, name);
      }
    },
    lock: () => lockFolder(path),
  };
}

/** The name of a key (docs/protocol.md §1.3), hex. */
export async function idOf({ spki }: Pick<OpenerKey, "spki">): Promise<string> {
  return toHex(await primitives.sha256(fromBase64Url(spki)));
}

async function destroyFile(folder: string, name: string): Promise<void> {
  const file = await open(join(folder, name), "r+").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    // In place: a file that is replaced leaves its old blocks as they were.
    await file.writeFile(randomBytes(size));
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(join(folder, name), { force: true });
  await syncFolder(folder);
}

const damaged = (file: string, cause?: unknown): OpenerError =>
  new OpenerError("OPENER_KEY_FILE", `${file} is damaged; restore it from a copy`, cause);
