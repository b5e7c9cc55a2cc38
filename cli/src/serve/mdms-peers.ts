/** Whom the MDMS asks, and what it reads: the registry's desk, the aggregator's ledger, the privacy officer's reports. */
import {
  LedgerDoor,
  peerAt,
  RegistryDesk,
  reportsIn,
  type MdmsPorts,
} from "@smarter-metering/mdms";
import { readSecretFile } from "@smarter-metering/runtime";
import type { RoleConfig } from "../deployment/role-config.ts";
import type { PartyNetwork } from "./party-network.ts";
import type { Shared } from "./party.ts";

type PeerPorts = Pick<MdmsPorts, "registryDesk" | "ledger" | "reports">;

/** Parties in this process are where they listen now, others where the configuration says. */
export async function mdmsPeers(
  { registryUrl, tokenFile, ledger, reportsFolder }: RoleConfig<"mdms">,
  { urls = {} }: Pick<Shared, "urls">,
  network: Pick<PartyNetwork, "fetchFrom">,
): Promise<PeerPorts> {
  const url = urls["registry"] ?? registryUrl;
  const fetch = network.fetchFrom("registry");
  const desk = peerAt("registry", { url, token: await tokenIn(tokenFile), fetch });
  return {
    registryDesk: new RegistryDesk(desk),
    ...(ledger && { ledger: await doorOf(ledger, urls["ledger"], network) }),
    ...(reportsFolder !== undefined && { reports: reportsIn(reportsFolder) }),
  };
}

async function doorOf(
  { url, tokenFile }: NonNullable<RoleConfig<"mdms">["ledger"]>,
  here: string | undefined,
  network: Pick<PartyNetwork, "fetchFrom">,
): Promise<LedgerDoor> {
  const token = await tokenIn(tokenFile);
  const fetch = network.fetchFrom("aggregator");
  return new LedgerDoor(peerAt("aggregator", { url: here ?? url, token, fetch }));
}

const tokenIn = async (path: string): Promise<string> =>
  new TextDecoder().decode(await readSecretFile(path)).trim();
