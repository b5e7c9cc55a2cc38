/**
 * A backup of one party: its folder without what must never be restored, and its database. An embedded database is copied while its
 * party is stopped, one on a server while it works. Whoever has a backup of a party is that party: they are kept as far apart.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { lockFolder, writeFileAtomic, type FolderLock } from "@smarter-metering/runtime";
import { CliError, EXIT } from "../cli-error.ts";
import type { Layout, PartyFolder } from "../deployment/layout.ts";
import { loadRoleConfig, type RoleConfig } from "../deployment/role-config.ts";
import { storePlace, type StoreConfig } from "../deployment/store-config.ts";
import { copyFiles, listBelow } from "./copy-files.ts";
import { leftOutOf, roleOf } from "./left-out.ts";
import { DUMP, FILES, MANIFEST, sha256Of, type Manifest } from "./manifest.ts";
import { dumpDatabase } from "./postgres-dump.ts";

/** Throws FOLDER_EXISTS, PARTY_MISSING, STORE_LOCKED while the party has its folder open, BACKUP_PROGRAM. */
export async function makeBackup(
  layout: Layout,
  party: PartyFolder,
  to: string,
  nowMs: number,
): Promise<Manifest> {
  const from = layout.folder(party);
  if (!existsSync(from)) {
    throw new CliError("PARTY_MISSING", `${from} does not exist on this machine`, EXIT.refused);
  }
  if (existsSync(to)) {
    throw new CliError("FOLDER_EXISTS", `${to} exists; choose a new folder`, EXIT.refused);
  }
  const store = storeOf(layout, party);
  const lock = lockOf(layout, party, store);
  try {
    await mkdir(to, { recursive: true, mode: 0o700 });
    return await written({ layout, party, from, to, store, nowMs });
  } catch (error) {
    await rm(to, { recursive: true, force: true });
    throw error;
  } finally {
    lock?.release();
  }
}

interface Work {
  readonly layout: Layout;
  readonly party: PartyFolder;
  readonly from: string;
  readonly to: string;
  readonly store: StoreConfig | undefined;
  readonly nowMs: number;
}

async function written({ layout, party, from, to, store, nowMs }: Work): Promise<Manifest> {
  const leftOut = leftOutOf(layout, party);
  const isOut = (path: string): boolean =>
    leftOut.some(
      (out) => out.path === path || (out.path.endsWith("/") && `${path}/`.startsWith(out.path)),
    );
  if (store !== undefined && "folder" in store && relative(from, store.folder).startsWith("..")) {
    const message = `the database ${store.folder} is not in the folder of ${party}; move it there`;
    throw new CliError("BACKUP_ELSEWHERE", message, EXIT.refused);
  }
  if (store !== undefined && "postgres" in store) {
    const place = await storePlace(store);
    if (place.kind === "postgres") await dumpDatabase(place.connection, join(to, DUMP));
    await chmod(join(to, DUMP), 0o600);
  }
  const below = await listBelow(from);
  const kept = {
    files: below.files.filter((path) => !isOut(path)),
    folders: below.folders.filter((path) => !isOut(path)),
  };
  await copyFiles(from, join(to, FILES), kept);
  const isDumped = store !== undefined && "postgres" in store;
  const copied = [...kept.files.map((path) => join(FILES, path)), ...(isDumped ? [DUMP] : [])];
  const files: Manifest["files"] = [];
  for (const path of copied) {
    const { mode, size: bytes } = await stat(join(to, path));
    files.push({ path, mode: mode & 0o777, bytes, sha256: await sha256Of(join(to, path)) });
  }
  const database = store === undefined ? "none" : "folder" in store ? "folder" : "dump";
  const made: Manifest = {
    kind: "smarter-metering/backup",
    version: 1,
    party,
    madeAt: new Date(nowMs).toISOString(),
    database,
    folders: [...kept.folders],
    leftOut: leftOut.filter(({ path }) => existsSync(join(from, path))),
    files,
  };
  await writeFileAtomic(join(to, MANIFEST), `${JSON.stringify(made, null, 2)}\n`);
  return made;
}

/** On what the party changes file by file while it works. */
function lockOf(
  layout: Layout,
  party: PartyFolder,
  store: StoreConfig | undefined,
): FolderLock | undefined {
  const role = roleOf(party);
  if (role === "registry" || role === "meters") return lockFolder(layout.folder(party));
  return store !== undefined && "folder" in store ? lockFolder(store.folder) : undefined;
}

function storeOf(layout: Layout, party: PartyFolder): StoreConfig | undefined {
  const role = roleOf(party);
  if (role === "meters") return undefined;
  const { value } = loadRoleConfig(role, layout.config(party));
  return (value as Partial<Pick<RoleConfig<"mdms">, "store">>).store; // Those without one have none.
}
