/** Replacing a file so that a reader, or a start after a power loss, sees the old or the new one. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { machineDisk, type Disk } from "./disk.ts";
import { systemCode } from "./error.ts";

/** Permissions of what is written unless told otherwise: nobody but the owner. */
const ownerOnly = 0o600;

/** Writes beside the target (pieces one after the other), fsyncs, renames, fsyncs the folder. Throws system errors as they are. */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string | Iterable<string>,
  options: { readonly mode?: number; readonly disk?: Disk } = {},
): Promise<void> {
  const { mode = ownerOnly, disk = machineDisk } = options;
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  const file = await disk.open(temporary, "wx", mode);
  try {
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary);
    throw error;
  }
  await disk.syncFolder(folder);
}

/** One small file that is read whole and replaced whole. */
export interface DurableFile {
  /** Undefined when it was never saved. */
  load(): Promise<Uint8Array | undefined>;
  /** Resolves when it will survive a power loss. */
  save(bytes: Uint8Array): Promise<void>;
}

export const durableFile = (path: string, disk: Disk = machineDisk): DurableFile => ({
  load: () =>
    readFile(path).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    }),
  save: (bytes) => writeFileAtomic(path, bytes, { disk }),
});
