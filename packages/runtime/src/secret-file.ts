/**
 * Files that hold keys, tokens and passwords: mode 0600, written atomically, read only when nobody
 * else can read them. What they hold never reaches a message.
 */
import { readFile, stat } from "node:fs/promises";
import { writeFileAtomic } from "./atomic-file.ts";
import { RuntimeError } from "./error.ts";

/** Keys and tokens are small; anything larger is the wrong file. */
const secretBytesMax = 1024 * 1024;
const groupAndOthers = 0o077;

export async function writeSecretFile(path: string, secret: Uint8Array | string): Promise<void> {
  await writeFileAtomic(path, secret, { mode: 0o600 });
}

/** Throws SECRET_FILE when missing, larger than 1 MiB, or open to group or others. */
export async function readSecretFile(path: string): Promise<Uint8Array> {
  try {
    const { mode, size } = await stat(path);
    if (isOpenToOthers(mode)) {
      throw new RuntimeError("SECRET_FILE", `others may read ${path}: run chmod 600 on it`);
    }
    if (size > secretBytesMax) {
      throw new RuntimeError("SECRET_FILE", `${path} is larger than any secret: check the path`);
    }
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError("SECRET_FILE", `cannot read ${path}: check that it exists`, {
      cause: error,
    });
  }
}

/** True if a mode gives group or others any right. Always false on Windows, which has no modes. */
export function isOpenToOthers(mode: number): boolean {
  return process.platform !== "win32" && (mode & groupAndOthers) !== 0;
}
