// The files of a source: one file, or a folder with one file a household.
import { open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { unreadable } from "./file-bytes.ts";
import { ReadingsError } from "./readings-error.ts";

/** One file of the source. */
export interface SourceFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

/** Files in the order of their names; hidden ones and other endings in a folder are none. */
export async function listFiles(path: string, filesMax: number): Promise<SourceFile[]> {
  const name = basename(path);
  try {
    const status = await stat(path);
    if (!status.isDirectory()) return [{ path, name, bytes: status.size }];
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile() && /\.(csv|txt|tsv|xlsx|xml|p1)(\.gz)?$/i.test(entry.name))
      .map((entry) => entry.name)
      .sort();
    if (names.length === 0) {
      throw new ReadingsError(
        "READINGS_EMPTY",
        `${name}: the folder holds no .csv, .xlsx, .xml or .p1 file`,
      );
    }
    if (names.length > filesMax) {
      const what = `${name}: ${names.length} files, more than ${filesMax} households`;
      throw new ReadingsError("READINGS_TOO_LARGE", `${what}; raise limits.households`);
    }
    const files: SourceFile[] = [];
    for (const name of names) {
      const { size } = await stat(join(path, name));
      files.push({ path: join(path, name), name, bytes: size });
    }
    return files;
  } catch (cause) {
    throw cause instanceof ReadingsError ? cause : unreadable(name, cause);
  }
}

/** The first four bytes, zeros behind a shorter file. */
export async function readHead({ path, name }: SourceFile): Promise<Uint8Array> {
  const head = new Uint8Array(4);
  try {
    const handle = await open(path);
    try {
      await handle.read(head, 0, head.byteLength, 0);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
  return head;
}
