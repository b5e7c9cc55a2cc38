/** The registry as an auditor reads it: epochs and views from a deployment's folder, believed under the pinned root key alone. */
import {
  fromHex,
  parseNetworkView,
  verifyEpochChain,
  verifyView,
  type NetworkView,
} from "@smarter-metering/protocol";
import type { Layout } from "../deployment/layout.ts";
import { loadRoleConfig } from "../deployment/role-config.ts";
import { readEpochs, readView } from "../serve/registry-access.ts";

export interface RegistryFiles {
  /** Ed25519, as pinned at installation by a party that is not the registry. */
  readonly rootKey: Uint8Array;
  /** Every epoch's JWS, epoch 0 first. */
  readonly epochs: readonly string[];
  /** Of any epoch; not verified. */
  readonly networkView: (epoch: number) => Promise<string>;
}

export async function registryFiles(layout: Layout): Promise<RegistryFiles> {
  const { registryRootKey } = loadRoleConfig("ucs", layout.config("ucs")).value;
  return {
    rootKey: fromHex(registryRootKey, 32),
    epochs: await readEpochs(layout),
    networkView: (epoch) => readView(layout, "network", epoch),
  };
}

/** The newest epoch's. Throws REGISTRY_INVALID. */
export async function verifiedView(files: RegistryFiles): Promise<NetworkView> {
  const { latest } = await verifyEpochChain(files.epochs, files.rootKey);
  const text = await files.networkView(latest.epoch);
  return parseNetworkView(await verifyView(latest, "network", text));
}
