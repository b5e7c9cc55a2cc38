/** What the roles have in common when they start: log, metrics, registry, bus, keys. */
import {
  readSecretFile,
  createLogger,
  meteredBus,
  systemClock,
  type Bus,
  type Clock,
  type LogFields,
  type Logger,
  type Metrics,
} from "@smarter-metering/runtime";
import type { RegistryFeed, RegistryTransport, ViewReader } from "@smarter-metering/protocol";
import { loadKeysFile, type PartyKeys } from "../deployment/keys-file.ts";
import { followerMetrics, partyMetrics } from "./party-metrics.ts";
import { opening, type Keep } from "./opening.ts";
import { partyBus, type PartyBusConfig } from "./party-bus.ts";
import { openNetwork, type PartyNetwork } from "./party-network.ts";
import { httpRegistry, registryFeed } from "./registry-access.ts";

/** What all parties of one process share; in a process of one role most of it is absent. */
export interface Shared {
  /** Decides cut-offs, windows and what is in the future; a demonstration replays it. */
  readonly clock: Clock;
  readonly logLine: (line: string) => void;
  /** The embedded bus, when this process has it. */
  readonly bus: Bus | undefined;
  /** The registry, when this process has it. */
  readonly registry: RegistryTransport | undefined;
  /** Where the aggregator listens, when it is in this process. */
  readonly aggregatorUrl?: string | undefined;
  /** Where other parties of this process listen, by name. */
  readonly urls?: Readonly<Record<string, string>> | undefined;
}

/** A started party. */
export interface Party {
  readonly role: string;
  /** Where it listens, by name, for `run.json`. */
  readonly urls: Readonly<Record<string, string>>;
  /** Looks for a newer registry epoch. */
  refreshRegistry(): Promise<void>;
  close(): Promise<void>;
}

export interface PeerConfig extends PartyBusConfig {
  readonly registryUrl: string;
  readonly registryRootKey: string;
  readonly registryPinFile: string;
  readonly registryPollSeconds: number;
  readonly tokenFile: string;
  readonly keysFile: string;
}

export interface Peers<View> {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly network: PartyNetwork;
  readonly bus: Bus;
  readonly keys: PartyKeys;
  readonly registry: RegistryFeed<View>;
  /** To the registry itself, for what no feed follows. */
  readonly transport: RegistryTransport;
  refreshRegistry(): Promise<void>;
  close(): Promise<void>;
}

export function partyLogger(role: string, fields: LogFields, shared: Shared): Logger {
  const { clock, logLine } = shared;
  return createLogger({ fields, clock, sink: logLine, level: "warn" }).child({ role });
}

interface PeerOptions<View> {
  readonly reader: ViewReader<View>;
  readonly logFields: LogFields;
}

/** Connects a party to registry and bus. Throws what a missing key, a rolled-back registry or a refused token throws. */
export function connectPeers<View>(
  role: string,
  config: PeerConfig,
  shared: Shared,
  options: PeerOptions<View>,
): Promise<Peers<View>> {
  return opening((keep) => connect(keep, role, config, shared, options));
}

async function connect<View>(
  keep: Keep,
  role: string,
  config: PeerConfig,
  shared: Shared,
  options: PeerOptions<View>,
): Promise<Peers<View>> {
  const log = partyLogger(role, options.logFields, shared);
  const token = new TextDecoder().decode(await readSecretFile(config.tokenFile)).trim();
  const keys = await loadKeysFile(config.keysFile);
  const metrics = await partyMetrics(config.registryPinFile);
  const network = await keep(openNetwork(config, { log, metrics }));
  const transport =
    shared.registry ?? httpRegistry(config.registryUrl, token, network.fetchFrom("registry"));
  const registry = await registryFeed({
    transport,
    rootKey: config.registryRootKey,
    pinPath: config.registryPinFile,
    reader: options.reader,
  });
  const own =
    shared.bus === undefined ? await keep(partyBus(config, { log, network, token })) : undefined;
  const bus = shared.bus ?? own;
  if (bus === undefined) throw new Error("a bus is shared or connected");
  const { refreshed } = followerMetrics(metrics, registry);
  refreshed(true, systemClock.nowMs());
  const refreshRegistry = async (): Promise<void> => {
    try {
      await registry.refresh();
      refreshed(true, systemClock.nowMs());
    } catch (error) {
      refreshed(false, systemClock.nowMs());
      // The party goes on with the epoch it has verified; a rollback must be seen by its operator.
      log.error("registry not refreshed", {
        errorMessage: error instanceof Error ? error.message : "unknown",
      });
    }
  };
  const cancel = systemClock.every(1000 * config.registryPollSeconds, refreshRegistry);
  return {
    log,
    metrics,
    network,
    bus: meteredBus(bus, metrics, systemClock),
    keys,
    registry,
    transport,
    refreshRegistry,
    async close() {
      cancel();
      await own?.close();
      await network.close();
    },
  };
}
