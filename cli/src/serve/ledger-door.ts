/** The aggregator's door for the MDMS (docs/protocol.md §7.5): a listener and a token of its own, so that a firewall can tell it from the rest. */
import type { AggregatorService } from "@smarter-metering/aggregator";
import { listen, readSecretFile } from "@smarter-metering/runtime";
import type { RoleConfig } from "../deployment/role-config.ts";
import type { PartyNetwork } from "./party-network.ts";

export interface OpenDoor {
  readonly urls: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Without a configuration there is no door. */
export async function startLedgerDoor(
  service: Pick<AggregatorService, "ledgerHttp">,
  config: RoleConfig<"aggregator">["ledger"],
  network: PartyNetwork,
): Promise<OpenDoor> {
  if (config === undefined) return { urls: {}, close: () => Promise.resolve() };
  const token = new TextDecoder().decode(await readSecretFile(config.tokenFile)).trim();
  const app = service.ledgerHttp(token);
  const listening = await listen({ app, ...config.listen, ...network.forParties(["mdms"]) });
  return { urls: { ledger: listening.url }, close: () => listening.close() };
}
