/**
 * A new deployment: every party's keys, the first registry epoch, a configuration for each role (docs/operating.md). Each party's
 * secrets are written into that party's folder alone; nothing is written over.
 */
import { mkdir } from "node:fs/promises";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { initialiseLedger } from "@smarter-metering/trustee";
import type { ReleasePolicy } from "@smarter-metering/policy";
import {
  primitives,
  signDocument,
  signerFromSeed,
  signOpenerKeys,
  toBase64Url,
  toHex,
  type Party,
  type Role,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createRegistryState,
  lettersOf,
  saveState,
  type Letter,
  type Neighbourhood,
  type NewServicePoint,
} from "@smarter-metering/registry";
import { writeSecretFile } from "@smarter-metering/runtime";
import type { DynamicPrices, Tariff } from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";
import { applyPlan, plannedHolders, plannedHosts } from "./apply-plan.ts";
import { createAuthorityFolder, withHosts, type Holders } from "./authority.ts";
import { writeDeployment, type ClockKind } from "./deployment-file.ts";
import { LEDGER_TOKEN, writeFirstConfigs } from "./first-configs.ts";
import { createKeysFile } from "./keys-file.ts";
import {
  layoutOf,
  PARTY_FOLDERS,
  trusteeFolders,
  type Layout,
  type PartyFolder,
} from "./layout.ts";
import { writeMeters, type MeterSecrets } from "./meters-file.ts";
import { createFirstOpenerKey } from "./opener-keys.ts";
import type { Plan } from "./plan.ts";
import { createPaillierKey, type PaillierKeyOptions } from "./paillier-keys.ts";

export interface NewHousehold {
  readonly label: string;
  readonly neighbourhood: string;
  readonly intervalSeconds: number;
  readonly fuse: { readonly amps: number; readonly phases: number };
}

export interface InitOptions extends PaillierKeyOptions {
  readonly root: string;
  readonly clock: ClockKind;
  readonly policy: ReleasePolicy;
  readonly tariff: Tariff;
  /** What its cost counts by, if it has one. */
  readonly prices?: readonly DynamicPrices[];
  readonly neighbourhoods: readonly Neighbourhood[];
  readonly households: readonly NewHousehold[];
  /** Contracts begin here: a local midnight, epoch seconds. */
  readonly contractStart: number;
  /** First TCP port of the roles' listeners; 0 gives each a free one at every start. */
  readonly basePort: number;
  readonly openerPlaintextReadingsMax: number;
  /** Names and addresses by party or server: it listens to other machines then, and they reach it there. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  /** Over which nodes it is spread; absent: all is on this machine, or where `hosts` says. */
  readonly plan?: Plan | undefined;
}

/** A party that the registry lists, and whether it receives sealed messages. */
interface Listed {
  readonly role: Role;
  readonly folder: PartyFolder;
  readonly receives: boolean;
  readonly trusteeIndex?: number;
}

/** The opener exists only where it is needed; a trustee that holds a share receives it sealed. */
function listedParties(options: InitOptions): Listed[] {
  const { quorum } = options;
  const plain = (role: Role & PartyFolder, receives: boolean): Listed => {
    return { role, folder: role, receives };
  };
  const shareHolders = trusteeFolders(quorum).map((folder, index): Listed => {
    return { role: "trustee", folder, receives: true, trusteeIndex: index + 1 };
  });
  return [
    plain("concentrator", false),
    ...(needsOpener(options) ? [plain("opener", false)] : []),
    plain("aggregator", false),
    ...(quorum === undefined ? [plain("trustee", false)] : shareHolders),
    plain("mdms", true),
    plain("ucs", false),
  ];
}

/** The folders that a deployment of these parties has. */
const foldersOf = (listed: readonly Listed[]): PartyFolder[] => {
  const parties = new Set(listed.map(({ folder }) => folder));
  const others = PARTY_FOLDERS.filter((f) => f === "registry" || f === "bus" || f === "meters");
  return [...others, ...parties];
};

const WITH_STORE: readonly PartyFolder[] = ["concentrator", "aggregator", "mdms", "ucs"];

/** Everybody who gets a certificate: parties, the servers that may stand behind them, a monitor, and the meters as clients. */
function holdersOf(
  listed: readonly Listed[],
  hosts: Readonly<Record<string, readonly string[]>> = {},
  plan?: Plan,
): Holders {
  const parties = foldersOf(listed).filter((folder) => folder !== "meters");
  const databases = parties.filter((folder) => WITH_STORE.includes(folder));
  const single = plan === undefined ? ["nats", ...databases.map((one) => `postgres-${one}`)] : [];
  const servers = ["mosquitto", ...single];
  const bare = (names: readonly string[], kind: Holders[string]["kind"]): Holders =>
    Object.fromEntries(names.map((name) => [name, { kind, hosts: [] }]));
  const holders = {
    ...bare(parties, "party"),
    ...bare(servers, "server"),
    ...bare(["monitoring"], "monitor"),
    ...bare(["meters"], "fleet"),
    ...(plan && plannedHolders(plan)),
  };
  return withHosts(holders, hosts);
}

const needsOpener = ({ neighbourhoods }: InitOptions): boolean =>
  neighbourhoods.some(({ profile }) => profile === "pes-encrypts");

/** Throws DEPLOYMENT_EXISTS when `root` holds anything, HOLDER_UNKNOWN, HOST_INVALID. Returns each household's letter. */
export async function initDeployment(options: InitOptions): Promise<readonly Letter[]> {
  const layout = layoutOf(options.root);
  if (existsSync(options.root) && readdirSync(options.root).length > 0) {
    const message = `${options.root} is not empty; choose another folder, or remove it yourself`;
    throw new CliError("DEPLOYMENT_EXISTS", message);
  }
  const listed = listedParties(options);
  const { plan } = options;
  const planned = plan && { plan, shareHolders: options.quorum?.trustees ?? 0 };
  const holders = holdersOf(listed, planned ? plannedHosts(planned) : options.hosts, plan);
  for (const party of foldersOf(listed)) {
    await mkdir(layout.folder(party), { recursive: true, mode: 0o700 });
  }
  const parties = await createParties(layout, listed);
  const tariffSigner = await createTariffSigner(layout, parties);
  const registeredKey = await createPaillierKey(layout, parties, options);
  const { paillierKey } = registeredKey;
  for (const trustee of trusteeFolders(options.quorum)) {
    await initialiseLedger(layout.folder(trustee), layout.folder(trustee));
  }
  const meters = await Promise.all(options.households.map(createMeter));
  const servicePoints = options.households.map((household, index): NewServicePoint => {
    const meter = meters[index];
    if (meter === undefined) throw new CliError("INTERNAL", "a household without a meter");
    return {
      ...household,
      consumptionClass: "household",
      contractStart: options.contractStart,
      tariff: options.tariff.tariff,
      meter: { meterId: meter.meterId, signingKey: meter.signingKey },
    };
  });
  const openerKey = needsOpener(options)
    ? await createFirstOpenerKey(layout, options.clock, options.contractStart)
    : undefined;
  const state = await createRegistryState({
    parties,
    openerKey,
    ...registeredKey,
    policy: options.policy,
    tariffs: [await signDocument("smarter-metering/tariff", options.tariff, tariffSigner)],
    prices: await Promise.all(
      (options.prices ?? []).map((each) =>
        signDocument("smarter-metering/prices", each, tariffSigner),
      ),
    ),
    neighbourhoods: options.neighbourhoods,
    servicePoints,
    firstBlock: options.contractStart,
  });
  await saveState(layout.folder("registry"), state);
  const { signer: root } = await createKeysFile(layout.keys("registry"), false);
  const registryRootKey = toHex(root.publicKey);
  await writeTokens(layout, listed);
  const isLive = options.clock === "system";
  if (isLive) await createAuthorityFolder(layout, holders, Date.now());
  await writeFirstConfigs(layout, {
    ...options,
    registryRootKey,
    hasOpener: needsOpener(options),
    hasTls: isLive,
  });
  if (planned) await applyPlan(layout, planned);
  const labels = options.households.map(({ label }) => label);
  const { letters, meters: provisioning } = await lettersOf(state, labels, root.publicKey);
  await writeMeters(layout, {
    ...(state.openerKeys && {
      opener: { registryRootKey, keys: await signOpenerKeys(state.openerKeys, root) },
    }),
    paillierKey,
    meters,
    provisioning,
  });
  // Written last: a deployment without this file was not finished and is not served.
  const { clock, policy, quorum } = options;
  const opener = needsOpener(options);
  await writeDeployment(layout, { clock, policyId: policy.id, opener, quorum });
  return letters;
}

async function createParties(layout: Layout, listed: readonly Listed[]): Promise<Party[]> {
  const parties: Party[] = [];
  for (const { role, folder, receives, trusteeIndex } of listed) {
    const { signer, spki } = await createKeysFile(layout.keys(folder), receives);
    const number = trusteeIndex === undefined ? {} : { trusteeIndex };
    const party = { role, signingKey: toHex(signer.publicKey), ...number };
    parties.push(spki === undefined ? party : { ...party, encryptionKey: toBase64Url(spki) });
  }
  return parties;
}

/** The tariff signer's key stays with the registry until the tariff department has its own. */
async function createTariffSigner(layout: Layout, parties: Party[]): Promise<Signer> {
  const path = join(layout.folder("registry"), "tariff-signer-keys.json");
  const { signer } = await createKeysFile(path, false);
  parties.push({ role: "tariff-signer", signingKey: toHex(signer.publicKey) });
  return signer;
}

/** A meter's own keys, made where it is installed. */
export async function createMeter(): Promise<MeterSecrets> {
  const seed = primitives.randomBytes(32);
  const { publicKey } = await signerFromSeed(seed);
  return {
    meterId: toHex(primitives.randomBytes(16)),
    signingKey: toHex(publicKey),
    signingSeed: toHex(seed),
  };
}

/** One bearer token for each party, known to it, the registry and the bus; one for the administrator; one between aggregator and MDMS. */
async function writeTokens(layout: Layout, listed: readonly Listed[]): Promise<void> {
  const token = (): string => toHex(primitives.randomBytes(32));
  const parties: Record<string, string> = {};
  for (const { folder } of listed) {
    parties[folder] = token();
    await writeSecretFile(layout.token(folder), parties[folder]);
  }
  const registryTokens = JSON.stringify({ admin: token(), parties });
  await writeSecretFile(join(layout.folder("registry"), "tokens.json"), registryTokens);
  await writeSecretFile(join(layout.folder("bus"), "tokens.json"), JSON.stringify(parties));
  const ledger = token();
  for (const folder of ["aggregator", "mdms"] as const) {
    await writeSecretFile(join(layout.folder(folder), LEDGER_TOKEN), ledger);
  }
}
