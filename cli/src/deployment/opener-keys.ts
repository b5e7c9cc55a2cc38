/** The opener's keys in a deployment's folders: the private parts at the opener, the signed list at the registry, a copy in each meter. */
import { join } from "node:path";
import {
  destroyedAt,
  idOf,
  makeKey,
  openKeyFolder,
  type KeyFolder,
} from "@smarter-metering/opener";
import {
  fromHex,
  networkReader,
  verifyOpenerKeys,
  type OpenerKey,
} from "@smarter-metering/protocol";
import { newestHead } from "../serve/registry-access.ts";
import type { ClockKind } from "./deployment-file.ts";
import type { Layout } from "./layout.ts";
import { loadRoleConfig } from "./role-config.ts";

export const OPENER_KEY_FOLDER = "encryption-keys";
export const OPENER_KEY_DAYS = 7;
const DAY_SECONDS = 86_400;
/** A demonstration replays in minutes what no week of its operator's is long enough for: its first key has ten years. */
const REPLAY_DAYS = 3660;

/** The first key of a new deployment, from a day before the contracts begin. */
export async function createFirstOpenerKey(
  layout: Layout,
  clock: ClockKind,
  contractStart: number,
): Promise<OpenerKey> {
  const folder = await openKeyFolder(join(layout.folder("opener"), OPENER_KEY_FOLDER));
  const days = clock === "replay" ? REPLAY_DAYS : OPENER_KEY_DAYS;
  const period = {
    from: contractStart - DAY_SECONDS,
    to: contractStart + days * DAY_SECONDS,
  };
  const { keyId: _, ...key } = await makeKey(folder, period);
  return key;
}

export function openerKeyFolder(layout: Layout): Promise<KeyFolder> {
  return openKeyFolder(loadRoleConfig("opener", layout.config("opener")).value.keyFolder);
}

/** What the registry's newest epoch lists, under the root key that the opener pins; nothing where it lists none. */
export async function registeredOpenerKeys(layout: Layout): Promise<readonly OpenerKey[]> {
  const { registryRootKey } = loadRoleConfig("opener", layout.config("opener")).value;
  const { document } = (await newestHead(layout, networkReader)).view;
  if (document.openerKeys === undefined) return [];
  return (await verifyOpenerKeys(document.openerKeys, fromHex(registryRootKey, 32))).keys;
}

/**
 * `listed` by the registry: current, next or over. Otherwise `unlisted` (a rotation that was interrupted, or a key that was replaced at
 * once), or destroyed. `lost`: listed for now or later, and the private part is not in the opener's folder.
 */
export type OpenerKeyState = "current" | "next" | "over" | "unlisted" | "lost" | "destroyed";

export interface OpenerKeyReport {
  readonly keyId: string;
  readonly state: OpenerKeyState;
  readonly from: number;
  readonly to: number;
  /** When the opener destroys, or has destroyed, its private part. */
  readonly destroyedAt: number;
}

/** Every key that this deployment's opener ever had, in order of time. */
export async function reportOpenerKeys(
  layout: Layout,
  nowSeconds: number,
): Promise<OpenerKeyReport[]> {
  const listed = await registeredOpenerKeys(layout);
  const held = await (await openerKeyFolder(layout)).list();
  const missing = listed.filter(({ spki }) => !held.some((key) => key.spki === spki));
  const reports = held.map(({ keyId, isWhole, ...made }): OpenerKeyReport => {
    const key = listed.find(({ spki }) => spki === made.spki);
    const { from, to } = key ?? made;
    const state = stateOf({ from, to, isWhole, isListed: key !== undefined }, nowSeconds);
    return { keyId, state, from, to, destroyedAt: destroyedAt(made) };
  });
  for (const key of missing) {
    const { from, to } = key;
    reports.push({
      keyId: await idOf(key),
      state: "lost",
      from,
      to,
      destroyedAt: destroyedAt(key),
    });
  }
  return reports.toSorted((a, b) => a.from - b.from);
}

function stateOf(
  key: Omit<OpenerKey, "spki"> & { readonly isWhole: boolean; readonly isListed: boolean },
  nowSeconds: number,
): OpenerKeyState {
  const isOver = key.to <= nowSeconds;
  if (!key.isWhole) return key.isListed && !isOver ? "lost" : "destroyed";
  if (isOver) return "over";
  if (!key.isListed) return "unlisted";
  return key.from <= nowSeconds ? "current" : "next";
}
