/** The configuration file of each role: what `init` writes and `serve` reads. Unknown keys are refused. */
import { ROLES } from "@smarter-metering/mdms";
import { loadConfig, type ConfigPaths, type LoadedConfig } from "@smarter-metering/runtime";
import { z } from "zod";
import { natsConfig } from "./bus-config.ts";
import { refuseClearText } from "./clear-text.ts";
import { storeConfig } from "./store-config.ts";
import { tlsConfig } from "./tls-config.ts";

const listen = z.strictObject({
  host: z.string().default("127.0.0.1"),
  /** 0 takes a free one. */
  port: z.number().int().min(0).max(65_535),
});

/** For browsers and meters that do not know the deployment's authority: shown to who asks for a name in it. */
const publicCertificate = (paths: ConfigPaths) =>
  z.strictObject({ certFile: paths.file(), keyFile: paths.secretFile() }).optional();

/** What one address may ask of a role that people call; callers on the machine itself are not counted. */
const requestLimit = z
  .strictObject({
    perMinute: z.number().int().min(10).max(1_000_000).default(1200),
    /** Proxies whose X-Forwarded-For is believed, by their addresses; none: the header says nothing. */
    trustedProxies: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  })
  .default({ perMinute: 1200, trustedProxies: [] });

/** How a role reaches the registry and the bus; unused when all roles share one process. */
const peers = (paths: ConfigPaths) => ({
  registryUrl: z.url(),
  /** The registry's Ed25519 root key, hex: pinned here, at installation. */
  registryRootKey: z.string().regex(/^[0-9a-f]{64}$/),
  registryPinFile: paths.path(),
  registryPollSeconds: z.number().positive().default(30),
  /** The embedded bus of another process; absent where there are NATS servers. */
  busUrl: z.url().optional(),
  nats: natsConfig(paths).optional(),
  /** Bearer token for registry and bus. */
  tokenFile: paths.secretFile(),
  keysFile: paths.secretFile(),
  listen,
  tls: tlsConfig(paths),
});

const schemas = {
  registry: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("registry"),
      folder: paths.path(),
      keysFile: paths.secretFile(),
      /** Bearer tokens by role, and the administrator's. */
      tokensFile: paths.secretFile(),
      listen,
      tls: tlsConfig(paths),
    }),
  /** The embedded bus, as a role of its own. */
  bus: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("bus"),
      store: storeConfig(paths),
      /** How many hold shares of the Paillier key; 0: one trustee holds all of it. */
      shareHolders: z.number().int().min(0).max(16).default(0),
      tokensFile: paths.secretFile(),
      listen,
      tls: tlsConfig(paths),
    }),
  concentrator: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("concentrator"),
      ...peers(paths),
      publicCertificate: publicCertificate(paths),
      store: storeConfig(paths),
      /** The embedded broker's, for meters on this machine; null: there is none. */
      mqttListen: listen.nullable(),
      /** An MQTT 5 broker outside, which the party shows its certificate. */
      mqttBrokerUrl: z.url({ protocol: /^mqtts$/ }).optional(),
      futureToleranceSeconds: z.number().int().nonnegative().default(300),
    }),
  opener: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("opener"),
      ...peers(paths),
      /** Its private keys, by key id; the opener destroys them there. */
      keyFolder: paths.path(),
      openerPlaintextReadingsMax: z.number().int().min(1).max(10_000).default(768),
      engineThreads: z.number().int().min(1).max(64).default(2),
    }),
  aggregator: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("aggregator"),
      ...peers(paths),
      store: storeConfig(paths),
      tickSeconds: z.number().positive().default(60),
      /** Its name among the aggregators that share one PostgreSQL database, the same at each start. */
      member: z
        .string()
        .regex(/^[A-Za-z0-9.-]{1,64}$/)
        .default("1"),
      /** The MDMS's door to the ledger, which shows nothing else; absent: there is none. */
      ledger: z.strictObject({ listen, tokenFile: paths.secretFile() }).optional(),
    }),
  trustee: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("trustee"),
      ...peers(paths),
      /** Either the whole Paillier secret, or a share of it. */
      paillierKeyFile: paths.secretFile().optional(),
      share: z
        .strictObject({ shareFile: paths.secretFile(), transcriptFile: paths.path() })
        .optional(),
      ledgerFolder: paths.path(),
      /** The release policy this trustee serves; any other is refused. */
      policyId: z.string().min(1).max(64),
      /** One that is announced and that this trustee's operator agrees to: served as well, once its notice is over. */
      nextPolicyId: z.string().min(1).max(64).optional(),
    }),
  mdms: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("mdms"),
      ...peers(paths),
      publicCertificate: publicCertificate(paths),
      requestLimit,
      store: storeConfig(paths),
      /** How long bills are kept, and neighbourhoods' loads; docs/privacy-officer.md has the defaults. */
      statementsKeptDays: z.number().int().min(400).max(36_600).optional(),
      loadsKeptDays: z.number().int().min(400).max(36_600).optional(),
      /** The aggregator's door for the MDMS; absent: the operators' pages show no ledger. */
      ledger: z.strictObject({ url: z.url(), tokenFile: paths.secretFile() }).optional(),
      /** Where the privacy officer's command line leaves the audit residual and the attack report. */
      reportsFolder: paths.path().optional(),
      /** Roles whose accounts have to have a second factor; then their passwords alone open nothing, to the command line either. */
      totpRequiredFor: z.array(z.enum(ROLES)).default([]),
    }),
  ucs: (paths: ConfigPaths) =>
    z.strictObject({
      role: z.literal("ucs"),
      ...peers(paths),
      publicCertificate: publicCertificate(paths),
      requestLimit,
      store: storeConfig(paths),
      /** The aggregator's own API, for what customers check their bills by; absent: there is no such evidence. */
      aggregatorUrl: z.url().optional(),
      /** How long customers' sealed frames are kept. */
      framesKeptDays: z.number().int().min(400).max(36_600).optional(),
      /** What customers are told: as the supplier's MDMS has it. */
      statementsKeptDays: z.number().int().min(400).max(36_600).optional(),
    }),
} as const;

export type RoleName = keyof typeof schemas;
export const ROLE_NAMES = Object.keys(schemas) as readonly RoleName[];
type RoleConfigs = {
  readonly [Role in RoleName]: z.output<ReturnType<(typeof schemas)[Role]>>;
};
export type RoleConfig<Role extends RoleName> = RoleConfigs[Role];

/** The same table, typed by what each schema makes, so that a generic index keeps its role. */
const schemaOf: {
  readonly [Role in RoleName]: (paths: ConfigPaths) => z.ZodType<RoleConfigs[Role]>;
} = schemas;

/** Throws CONFIG_UNREADABLE, CONFIG_INVALID, CONFIG_FILE_MISSING, CLEAR_TEXT. */
export function loadRoleConfig<Role extends RoleName>(
  role: Role,
  path: string,
): LoadedConfig<RoleConfig<Role>> {
  const loaded = loadConfig(path, schemaOf[role]);
  refuseClearText(path, loaded.value);
  return loaded;
}
