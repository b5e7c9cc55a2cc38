/**
 * Writing files, as far as what they promise after a power loss depends on it: the place where a simulation loses power, tears a write or
 * fills the disk. Reading is not here.
 */
import { open, rename, rm } from "node:fs/promises";

/** The methods of node:fs's FileHandle that are used. */
export interface DiskFile {
  stat(): Promise<{ readonly size: number }>;
  readFile(): Promise<Buffer>;
  write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  writeFile(data: Uint8Array | string | Iterable<string>): Promise<void>;
  truncate(bytes: number): Promise<void>;
  datasync(): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Every method throws system errors as they are. */
export interface Disk {
  open(path: string, flags: "r+" | "wx" | "wx+", mode?: number): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Does nothing when there is no such file. */
  remove(path: string): Promise<void>;
  /** See `syncFolder`. */
  syncFolder(folder: string): Promise<void>;
}

/** The machine's own. */
export const machineDisk: Disk = {
  open,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder,
};

/** Makes a new, renamed or removed entry of `folder` survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
