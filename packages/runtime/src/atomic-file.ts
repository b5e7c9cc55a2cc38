/** Replacing a file so that a reader, or a start after a power loss, sees the old or the new one. */
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "./error.ts";

/** Permissions of what is written unless told otherwise: nobody but the owner. */
const ownerOnly = 0o600;

/** Writes beside the target, fsyncs, renames, fsyncs the folder. Throws system errors as they are. */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  const file = await open(temporary, "wx", options.mode ?? ownerOnly);
  try {
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Makes a new, renamed or removed entry of `folder` survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One small file that is read whole and replaced whole. */
export interface DurableFile {
  /** Undefined when it was never saved. */
  load(): Promise<Uint8Array | undefined>;
  /** Resolves when it will survive a power loss. */
  save(bytes: Uint8Array): Promise<void>;
}

export const durableFile = (path: string): DurableFile => ({
  load: () =>
    readFile(path).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    }),
  save: (bytes) => writeFileAtomic(path, bytes),
});
