/** Puts each party together from its configuration file: keys, registry feed, bus, store, engine, listener. */
import { dirname, join } from "node:path";
import {
  aggregatorLogFields,
  aggregatorMigrations,
  startAggregator,
  type AggregatorService,
} from "@smarter-metering/aggregator";
import {
  startConcentrator,
  type ConcentratorConfig,
  type ConcentratorService,
} from "@smarter-metering/concentrator";
import {
  mdmsLogFields,
  migrations as mdmsMigrations,
  startMdms,
  type MdmsService,
} from "@smarter-metering/mdms";
import {
  openerLogFields,
  openKeyFolder,
  openKeyRing,
  startOpener,
  type OpenerService,
} from "@smarter-metering/opener";
import {
  fromHex,
  mdmsReader,
  networkReader,
  ucsReader,
  primitives,
  toHex,
} from "@smarter-metering/protocol";
import {
  addBacklogMetrics,
  durableFile,
  listen,
  meteredStore,
  openBus,
  readSecretFile,
  runtimeLogFields,
  serveBus,
  systemClock,
  writeSecretFile,
  type EmbeddedBus,
} from "@smarter-metering/runtime";
import { registryLogFields, startRegistry, type RegistryService } from "@smarter-metering/registry";
import { startTrustee, trusteeLogFields, type TrusteeService } from "@smarter-metering/trustee";
import { startUcs, ucsLogFields, type UcsService } from "@smarter-metering/ucs";
import { z } from "zod";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { isPartyFolder, type PartyFolder } from "../deployment/layout.ts";
import { loadRoleConfig, type RoleConfig } from "../deployment/role-config.ts";
import { loadHeldKey } from "./held-key.ts";
import { opening } from "./opening.ts";
import { startLedgerDoor } from "./ledger-door.ts";
import { mdmsPeers } from "./mdms-peers.ts";
import { startEngine } from "./party-engine.ts";
import { partyStore } from "./party-store.ts";
import { addEpochMetrics, partyMetrics } from "./party-metrics.ts";
import { openNetwork, type PartyNetwork } from "./party-network.ts";
import { connectPeers, partyLogger, type Party, type Shared } from "./party.ts";
import { busTokens, streamsOf } from "./streams.ts";
import { listenHealth, partyOf, portsOf, secretOf, type Started } from "./started.ts";
import { webFolderOf } from "./web-folder.ts";

const UPLINK_ITEMS_MAX = 256;

/** Who has a token. */
const partiesOf = (tokens: Readonly<Record<string, string>>): PartyFolder[] =>
  Object.keys(tokens).filter(isPartyFolder);

async function readTokens<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(new TextDecoder().decode(await readSecretFile(path))));
}

export function startRegistryRole(path: string, shared: Shared): Promise<Started<RegistryService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("registry", path);
    const log = partyLogger("registry", registryLogFields, shared);
    const tokens = await readTokens(
      config.tokensFile,
      z.strictObject({ admin: z.string(), parties: z.record(z.string(), z.string()) }),
    );
    const { signer } = await loadKeysFile(config.keysFile);
    const metrics = await partyMetrics(config.keysFile);
    const service = await keep(
      startRegistry(
        { tokens },
        {
          clock: shared.clock,
          log,
          metrics,
          folder: config.folder,
          rootSigner: signer,
        },
      ),
    );
    addEpochMetrics(metrics, () => service.status());
    const network = await keep(openNetwork(config, { log, metrics }));
    // The administrator works in the registry's own folder.
    const callers = network.forParties(["registry", ...partiesOf(tokens.parties)]);
    const listening = await keep(listen({ app: service.app, ...config.listen, ...callers }));
    return {
      role: "registry",
      service,
      urls: { registry: listening.url },
      refreshRegistry: () => Promise.resolve(),
      async close() {
        await listening.close();
        await network.close();
        await service.close();
      },
    };
  });
}

export function startBusRole(path: string, shared: Shared): Promise<Started<EmbeddedBus>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("bus", path);
    const log = partyLogger("bus", runtimeLogFields, shared);
    const tokens = await readTokens(config.tokensFile, z.record(z.string(), z.string()));
    const store = await keep(partyStore(config, "bus-party"));
    const streams = streamsOf(config.shareHolders);
    const metrics = await partyMetrics(config.tokensFile);
    const metered = meteredStore(store, metrics, systemClock);
    const bus = await keep(openBus({ store: metered, streams, clock: systemClock, log }));
    addBacklogMetrics(metrics, metered, systemClock);
    const app = serveBus(bus, { tokens: busTokens(tokens), log, metrics });
    const network = await keep(openNetwork(config, { log, metrics }));
    const callers = network.forParties(partiesOf(tokens));
    const listening = await keep(listen({ app, ...config.listen, ...callers }));
    return {
      role: "bus",
      service: bus,
      urls: { bus: listening.url },
      refreshRegistry: () => Promise.resolve(),
      async close() {
        await listening.close();
        await network.close();
        await bus.close();
        await store.close();
      },
    };
  });
}

const networkPeers = { reader: networkReader } as const;

/** A broker outside goes before one of its own. */
function mqttOf(
  { mqttBrokerUrl, mqttListen }: RoleConfig<"concentrator">,
  { identity }: PartyNetwork,
): ConcentratorConfig["mqtt"] {
  if (mqttBrokerUrl === undefined || identity === undefined) {
    return mqttListen && { listen: mqttListen };
  }
  // The name in its certificate, by which the broker's access list knows it.
  const clientId = "concentrator";
  return { broker: { url: mqttBrokerUrl, clientId, tls: () => identity.current() } };
}

export function startConcentratorRole(
  path: string,
  shared: Shared,
): Promise<Started<ConcentratorService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("concentrator", path);
    const logFields = {
      ...runtimeLogFields,
      code: "text",
      frame: "text",
      servicePoint: "text",
      meterId: "text",
    } as const;
    const peers = await keep(
      connectPeers("concentrator", config, shared, { ...networkPeers, logFields }),
    );
    const store = await keep(partyStore(config, "concentrator-party"));
    const service = await keep(
      startConcentrator(
        {
          uplinkItemsMax: UPLINK_ITEMS_MAX,
          futureToleranceSeconds: config.futureToleranceSeconds,
          http: { ...config.listen, ...peers.network.forPublic() },
          mqtt: mqttOf(config, peers.network),
        },
        {
          ...portsOf(peers, shared.clock),
          store: meteredStore(store, peers.metrics, systemClock),
        },
      ),
    );
    const { url, mqttUrl } = service;
    const urls: Party["urls"] =
      mqttUrl === undefined ? { concentrator: url } : { concentrator: url, mqtt: mqttUrl };
    return { ...partyOf("concentrator", peers, service, [store]), urls };
  });
}

export function startOpenerRole(path: string, shared: Shared): Promise<Started<OpenerService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("opener", path);
    const logFields = openerLogFields;
    const peers = await keep(
      connectPeers("opener", config, shared, { ...networkPeers, logFields }),
    );
    const engine = await keep(startEngine(config.engineThreads, peers));
    const { openerPlaintextReadingsMax } = config;
    const nowSeconds = Math.floor(shared.clock.nowMs() / 1000);
    const keys = await openKeyRing(await openKeyFolder(config.keyFolder), nowSeconds);
    const service = await keep(
      startOpener(
        { openerPlaintextReadingsMax },
        {
          ...portsOf(peers, shared.clock),
          memoryClock: systemClock,
          engine,
          signer: peers.keys.signer,
          keys,
        },
      ),
    );
    const health = await keep(listenHealth("Opener", config, peers));
    return { ...partyOf("opener", peers, service, [health, engine]), urls: { opener: health.url } };
  });
}

/** Each member's own, also where two of them run from one folder. */
const headFileOf = (member: string): string => (member === "1" ? "log.head" : `log-${member}.head`);

export function startAggregatorRole(
  path: string,
  shared: Shared,
): Promise<Started<AggregatorService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("aggregator", path);
    const logFields = aggregatorLogFields;
    const peers = await keep(
      connectPeers("aggregator", config, shared, { ...networkPeers, logFields }),
    );
    const store = await keep(partyStore(config, "aggregator", aggregatorMigrations));
    const engine = await keep(startEngine(1, peers));
    const service = await keep(
      startAggregator(
        { tickMs: 1000 * config.tickSeconds },
        {
          ...portsOf(peers, shared.clock),
          store: meteredStore(store, peers.metrics, systemClock),
          engine,
          signer: peers.keys.signer,
          published: durableFile(join(dirname(config.keysFile), headFileOf(config.member))),
          sharing: { member: config.member, clock: systemClock },
        },
      ),
    );
    const callers = peers.network.forParties(["aggregator", "ucs"]);
    const http = await keep(listen({ app: service.http, ...config.listen, ...callers }));
    const door = await keep(startLedgerDoor(service, config.ledger, peers.network));
    return {
      ...partyOf("aggregator", peers, service, [door, http, engine, store]),
      urls: { aggregator: http.url, ...door.urls },
    };
  });
}

export function startTrusteeRole(path: string, shared: Shared): Promise<Started<TrusteeService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("trustee", path);
    const logFields = trusteeLogFields;
    const peers = await keep(
      connectPeers("trustee", config, shared, { ...networkPeers, logFields }),
    );
    const secretKey = await loadHeldKey(config, peers.keys);
    const name = "trustee" in secretKey ? `trustee-${secretKey.trustee}` : "trustee";
    const engine = await keep(startEngine(1, peers));
    const service = await keep(
      startTrustee(
        { policyId: config.policyId, nextPolicyId: config.nextPolicyId },
        {
          ...portsOf(peers, shared.clock),
          engine,
          secretKey,
          signer: peers.keys.signer,
          ledgerFolder: config.ledgerFolder,
        },
      ),
    );
    const health = await keep(listenHealth("Trustee", config, peers));
    return {
      ...partyOf(name, peers, service, [health, engine]),
      urls: { [name]: health.url },
    };
  });
}

export function startMdmsRole(path: string, shared: Shared): Promise<Started<MdmsService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("mdms", path);
    const options = { reader: mdmsReader, logFields: mdmsLogFields } as const;
    const peers = await keep(connectPeers("mdms", config, shared, options));
    const store = await keep(partyStore(config, "mdms", mdmsMigrations));
    const engine = await keep(startEngine(1, peers));
    const service = await keep(
      startMdms(
        {
          keptDays: { statements: config.statementsKeptDays, loads: config.loadsKeptDays },
          totpRequiredFor: config.totpRequiredFor,
          requestLimit: config.requestLimit,
        },
        {
          ...portsOf(peers, systemClock), // People's sessions and lock-outs run in real time.
          store: meteredStore(store, peers.metrics, systemClock),
          engine,
          signer: peers.keys.signer,
          recipientSecret: secretOf(peers, config),
          rootKey: fromHex(config.registryRootKey, 32),
          totpKey: await peers.keys.derivedKey("totp-key/v1"),
          operatorToken: await newOperatorToken(config),
          ...(await mdmsPeers(config, shared, peers.network)),
          webFolder: webFolderOf("mdms") ?? undefined,
        },
      ),
    );
    const tls = peers.network.forPublic();
    const http = await keep(listen({ app: service.http, ...config.listen, ...tls }));
    return { ...partyOf("mdms", peers, service, [http, engine, store]), urls: { mdms: http.url } };
  });
}

export function startUcsRole(path: string, shared: Shared): Promise<Started<UcsService>> {
  return opening(async (keep) => {
    const { value: config } = loadRoleConfig("ucs", path);
    const options = { reader: ucsReader, logFields: ucsLogFields } as const;
    const peers = await keep(connectPeers("ucs", config, shared, options));
    const store = await keep(partyStore(config, "ucs-party"));
    const service = await keep(
      startUcs(
        {
          framesKeptDays: config.framesKeptDays,
          requestLimit: config.requestLimit,
          statementsKeptDays: config.statementsKeptDays,
          operatorToken: await newOperatorToken(config),
        },
        {
          ...portsOf(peers, systemClock),
          store: meteredStore(store, peers.metrics, systemClock),
          evidence: {
            transport: peers.transport,
            rootKey: config.registryRootKey,
            aggregatorUrl: shared.aggregatorUrl ?? config.aggregatorUrl ?? null,
            fetch: peers.network.fetchFrom("aggregator"),
          },
          webFolder: webFolderOf("ucs"),
        },
      ),
    );
    const tls = peers.network.forPublic();
    const http = await keep(listen({ app: service.http, ...config.listen, ...tls }));
    return { ...partyOf("ucs", peers, service, [http, store]), urls: { ucs: http.url } };
  });
}

/** For whoever can read the party's folder, and for this run alone. */
async function newOperatorToken({ keysFile }: RoleConfig<"ucs" | "mdms">): Promise<string> {
  const token = toHex(primitives.randomBytes(32));
  await writeSecretFile(join(dirname(keysFile), "operator-token"), token);
  return token;
}
