/** A party's way to the bus that its configuration names: another process's embedded one, or NATS servers. */
import {
  connectBus,
  connectJetStream,
  readSecretFile,
  type Bus,
  type JetStreamConnection,
  type Logger,
} from "@smarter-metering/runtime";
import { CliError } from "../cli-error.ts";
import type { NatsConfig } from "../deployment/bus-config.ts";
import type { NetworkConfig, PartyNetwork } from "./party-network.ts";
import { streamsOf } from "./streams.ts";

export interface PartyBusConfig extends NetworkConfig {
  readonly busUrl?: string | undefined;
  readonly nats?: NatsConfig | undefined;
}

export interface PartyBusPorts {
  readonly log: Logger;
  readonly network: PartyNetwork;
  /** The party's, for the embedded bus. */
  readonly token: string;
}

/** Throws CONFIG_INVALID when neither is named, SECRET_FILE, BUS_FORBIDDEN, BUS_UNREACHABLE. */
export async function partyBus(
  config: PartyBusConfig,
  { log, network, token }: PartyBusPorts,
): Promise<Bus> {
  const { busUrl, nats } = config;
  if (nats !== undefined) {
    const streams = streamsOf(nats.shareHolders);
    return connectJetStream({ ...(await natsConnection(config, nats)), streams, log });
  }
  if (busUrl !== undefined) {
    return connectBus({ url: busUrl, token, log, fetch: network.fetchFrom("bus") });
  }
  throw new CliError("CONFIG_INVALID", "busUrl or nats: one of them says where the bus is");
}

/** Throws SECRET_FILE. */
export async function natsConnection(
  { tls }: NetworkConfig,
  { servers, user, seedFile }: NatsConfig,
): Promise<JetStreamConnection> {
  const seed = new TextDecoder().decode(await readSecretFile(seedFile)).trim();
  return { servers, user, seed, ...(tls && { tls }) };
}
