/** Puts a party's backup into a new, empty folder, or nothing at all. What a backup leaves out is named: the party does not start without it. */
import { existsSync, readdirSync } from "node:fs";
import { chmod, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "@smarter-metering/runtime";
import { CliError, EXIT } from "../cli-error.ts";
import { isPartyFolder, layoutOf, type Layout, type PartyFolder } from "../deployment/layout.ts";
import { loadRoleConfig, type RoleConfig } from "../deployment/role-config.ts";
import { storePlace } from "../deployment/store-config.ts";
import { copyFiles } from "./copy-files.ts";
import { roleOf } from "./left-out.ts";
import { checkFiles, DUMP, FILES, readManifest, type Manifest } from "./manifest.ts";
import { restoreDatabase } from "./postgres-dump.ts";

/** Throws BACKUP_MISSING, BACKUP_DAMAGED, FOLDER_EXISTS, BACKUP_PROGRAM. */
export async function restoreBackup(from: string, layout: Layout): Promise<Manifest> {
  const manifest = await readManifest(from);
  const { party } = manifest;
  if (!isPartyFolder(party)) throw new CliError("BACKUP_DAMAGED", `${from} names no party`);
  const to = layout.folder(party);
  if (existsSync(to) && readdirSync(to).length > 0) {
    const message = `${to} is not empty; move it away first: nothing is written over`;
    throw new CliError("FOLDER_EXISTS", message, EXIT.refused);
  }
  await checkFiles(from, manifest);
  // Beside its place, so that a party is there whole or not at all. Its configuration's paths are relative.
  const beside = layoutOf(join(layout.root, `.restoring-${party}`));
  await rm(beside.root, { recursive: true, force: true });
  try {
    const files = manifest.files
      .map(({ path }) => path)
      .filter((path) => path.startsWith(`${FILES}/`))
      .map((path) => path.slice(FILES.length + 1));
    const { folders } = manifest;
    await copyFiles(join(from, FILES), beside.folder(party), { files, folders });
    for (const { path, mode } of manifest.files) {
      if (path !== DUMP)
        await chmod(join(beside.folder(party), path.slice(FILES.length + 1)), mode);
    }
    if (manifest.database === "dump") await fillDatabase(from, beside, party);
    await rm(to, { recursive: true, force: true }); // Empty, if it is there.
    await rename(beside.folder(party), to);
    await syncFolder(layout.root);
  } finally {
    await rm(beside.root, { recursive: true, force: true });
  }
  return manifest;
}

/** The database that the restored configuration names, which must be empty: else pg_restore changes nothing and fails. */
async function fillDatabase(from: string, layout: Layout, party: PartyFolder): Promise<void> {
  const role = roleOf(party);
  if (role === "meters") throw new CliError("BACKUP_DAMAGED", "meters have no database");
  const { value } = loadRoleConfig(role, layout.config(party));
  const { store: config } = value as Partial<Pick<RoleConfig<"mdms">, "store">>; // As its manifest says.
  if (config === undefined || "folder" in config) {
    throw new CliError("BACKUP_DAMAGED", `${party}'s configuration names no database`);
  }
  const place = await storePlace(config);
  if (place.kind === "postgres") await restoreDatabase(place.connection, join(from, DUMP));
}
