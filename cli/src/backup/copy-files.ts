/** Copies files with their permissions so that they survive a power loss, folders included: an empty one means something to a database. */
import { chmod, copyFile, mkdir, open, readdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { syncFolder } from "@smarter-metering/runtime";
import { isOfOneRun } from "./left-out.ts";

/** An embedded database has a thousand files; a disk takes some fsyncs side by side. */
const AT_ONCE = 16;

export interface Below {
  /** By their paths within the folder. Links are none of ours and are left out. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

export async function listBelow(folder: string): Promise<Below> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const pathOf = (entry: (typeof entries)[number]): string =>
    relative(resolve(folder), resolve(entry.parentPath, entry.name));
  return {
    files: entries
      .filter((entry) => entry.isFile() && !isOfOneRun(entry.name))
      .map(pathOf)
      .toSorted(),
    folders: entries
      .filter((entry) => entry.isDirectory())
      .map(pathOf)
      .toSorted(),
  };
}

/** `files` and `folders` are paths within `from`, and will be within `to`. All is durable when it resolves. */
export async function copyFiles(
  from: string,
  to: string,
  { files, folders }: Below,
): Promise<void> {
  const made = [to, ...folders.map((path) => join(to, path))];
  for (const folder of made) await mkdir(folder, { recursive: true, mode: 0o700 });
  const waiting = files.values();
  const copyNext = async (): Promise<void> => {
    for (const path of waiting) await copyOne(join(from, path), join(to, path));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, copyNext));
  for (const folder of made.toReversed()) await syncFolder(folder);
}

async function copyOne(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, (await stat(from)).mode & 0o777);
  const file = await open(to, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
