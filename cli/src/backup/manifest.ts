/** `backup.json`: what a backup holds, with a hash of every file, written last. A folder without it is no backup. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CliError, isSystemError } from "../cli-error.ts";

export const MANIFEST = "backup.json";
/** The party's files, as they lay in its folder. */
export const FILES = "files";
/** Of a database on a server, as pg_dump writes it. */
export const DUMP = "database.dump";

const manifest = z.strictObject({
  kind: z.literal("smarter-metering/backup"),
  version: z.literal(1),
  party: z.string(),
  madeAt: z.string(),
  database: z.enum(["none", "folder", "dump"]),
  leftOut: z.array(z.strictObject({ path: z.string(), instead: z.string() })),
  /** Within `files`, also those that hold nothing. */
  folders: z.array(z.string()),
  /** Within the backup. */
  files: z.array(
    z.strictObject({
      path: z.string(),
      mode: z.number().int(),
      bytes: z.number().int(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});
export type Manifest = z.infer<typeof manifest>;

/** Throws BACKUP_MISSING, BACKUP_DAMAGED. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  try {
    return manifest.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (isSystemError(error, "ENOENT")) {
      const message = `${folder} holds no whole backup: ${MANIFEST} is missing`;
      throw new CliError("BACKUP_MISSING", message);
    }
    throw new CliError("BACKUP_DAMAGED", `${path} cannot be read; take another backup`);
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** Throws BACKUP_DAMAGED when a file of the backup is missing, has changed, or lies outside of it. */
export async function checkFiles(folder: string, { files, folders }: Manifest): Promise<void> {
  const isInside = (path: string): boolean =>
    !path.startsWith("/") && !path.split("/").includes("..");
  if (!folders.every(isInside)) throw new CliError("BACKUP_DAMAGED", `${folder} leads elsewhere`);
  for (const { path, sha256 } of files) {
    const found = isInside(path) ? await sha256Of(join(folder, path)).catch(() => "") : "";
    if (found === sha256) continue;
    const message = `${path} in ${folder} is missing or not what was backed up; take another backup`;
    throw new CliError("BACKUP_DAMAGED", message);
  }
}
