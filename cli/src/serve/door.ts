/**
 * Where a party of a deployment answers now, and how the command line gets in: with the certificate of a party whose folder it may read
 * (docs/decisions/0028-transport-security.md). Nothing else gives it rights; tokens and passwords do.
 */
import { reachableHost, silentLogger, type Fetch } from "@smarter-metering/runtime";
import type { Layout } from "../deployment/layout.ts";
import { loadRoleConfig, type RoleName } from "../deployment/role-config.ts";
import { openNetwork } from "./party-network.ts";
import { readRunFile } from "./run-file.ts";

export interface Door {
  /** Without a slash at the end. */
  readonly url: string;
  readonly fetch: Fetch;
}

/** To be closed: it watches the certificate. */
export interface OpenDoor extends Door {
  close(): Promise<void>;
}

/** On plain HTTP: of a demonstration in this process or on this machine. */
export const plainDoor = (url = ""): Door => ({ url, fetch: (to, init) => fetch(to, init) });

/** Roles of which a deployment has one, in the folder of that name. */
export type DoorRole = Exclude<RoleName, "trustee" | "opener">;

/** The door of `role` at `url`. `visitor`: whose certificate is shown, where it is not the party's own. */
export async function doorAt(
  layout: Layout,
  role: DoorRole,
  url: string,
  visitor: DoorRole | "meters" = role,
): Promise<OpenDoor> {
  const { tls } = loadRoleConfig(role, layout.config(role)).value;
  const { identity, trusted } = layout.tls(visitor);
  const files = { certFile: identity, keyFile: identity, caFile: trusted };
  const config = tls === undefined ? {} : { tls: visitor === role ? tls : files };
  const network = await openNetwork(config, { log: silentLogger });
  return { url, fetch: network.fetchFrom(role), close: () => network.close() };
}

/** Closes it when `use` has ended. */
export async function throughDoor<T>(door: OpenDoor, use: (door: Door) => Promise<T>): Promise<T> {
  try {
    return await use(door);
  } finally {
    await door.close();
  }
}

/**
 * The door of the party that is served now: at the address of `run.json`, or, where each role has a process of its own, at that of its
 * configuration if it answers there. Undefined when nobody serves it on this machine. Throws what the configuration does.
 */
export async function servedDoor(
  layout: Layout,
  role: DoorRole,
  visitor?: DoorRole | "meters",
): Promise<OpenDoor | undefined> {
  const noted = (await readRunFile(layout))?.urls[role];
  if (noted !== undefined) return doorAt(layout, role, noted, visitor);
  const { listen, tls } = loadRoleConfig(role, layout.config(role)).value;
  // Without a certificate anybody could answer at that port.
  if (tls === undefined || listen.port === 0) return undefined;
  const url = `https://${reachableHost(listen.host)}:${listen.port}`;
  const door = await doorAt(layout, role, url, visitor);
  try {
    await door.fetch(`${door.url}/healthz`);
    return door;
  } catch {
    await door.close();
    return undefined;
  }
}
