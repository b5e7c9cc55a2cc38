/**
 * `meters/meters.json`: what the installer puts into each simulated meter, its signing seed included. A real meter keeps this inside
 * itself; here it stands for all meters, so its folder is the meters' own.
 */
import { join } from "node:path";
import type { MeterProvisioning } from "@smarter-metering/registry";
import { readSecretFile, writeSecretFile } from "@smarter-metering/runtime";
import { CliError } from "../cli-error.ts";
import type { Layout } from "./layout.ts";

export interface MeterSecrets {
  readonly meterId: string;
  /** Ed25519 public key, hex. */
  readonly signingKey: string;
  readonly signingSeed: string;
}

export interface MetersFile {
  /** The opener's keys at installation and who signs them, as a meter is provisioned with; absent where there is no opener. */
  readonly opener?: { readonly registryRootKey: string; readonly keys: string };
  /** Pinned in meters that encrypt for themselves; as serialised by packages/paillier. */
  readonly paillierKey?: unknown;
  readonly meters: readonly MeterSecrets[];
  readonly provisioning: readonly MeterProvisioning[];
}

const pathOf = (layout: Layout): string => join(layout.folder("meters"), "meters.json");

export async function writeMeters(layout: Layout, file: MetersFile): Promise<void> {
  await writeSecretFile(pathOf(layout), JSON.stringify(file));
}

/** Throws SECRET_FILE or METERS_FILE_INVALID. */
export async function readMeters(layout: Layout): Promise<MetersFile> {
  const path = pathOf(layout);
  try {
    // Written by this program alone; the fleet checks each entry's shape when it starts.
    return JSON.parse(new TextDecoder().decode(await readSecretFile(path))) as MetersFile;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new CliError("METERS_FILE_INVALID", `${path} is damaged; restore it from a backup`);
  }
}

/** Puts more meters into the file. */
export async function addMeters(
  layout: Layout,
  meters: readonly MeterSecrets[],
  provisioning: readonly MeterProvisioning[],
): Promise<void> {
  const file = await readMeters(layout);
  await writeMeters(layout, {
    ...file,
    meters: [...file.meters, ...meters],
    provisioning: [...file.provisioning, ...provisioning],
  });
}

/** Tells meters anew when they serve; `fresh` is one that takes another's place. */
export async function tellMeters(
  layout: Layout,
  told: readonly MeterProvisioning[],
  fresh?: MeterSecrets,
): Promise<void> {
  const file = await readMeters(layout);
  const ids = new Set(told.map(({ meterId }) => meterId));
  await writeMeters(layout, {
    ...file,
    meters: fresh === undefined ? file.meters : [...file.meters, fresh],
    provisioning: [...file.provisioning.filter(({ meterId }) => !ids.has(meterId)), ...told],
  });
}
