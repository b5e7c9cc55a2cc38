/**
 * A new deployment: every party's keys, the first registry epoch, a configuration for each role (docs/operating.md). Each party's
 * secrets are written into that party's folder alone; nothing is written over.
 */
import { mkdir } from "node:fs/promises";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  generateKeyPair,
  serializePublicKey,
  serializeSecretKey,
} from "@smarter-metering/paillier";
import { initialiseLedger } from "@smarter-metering/trustee";
import type { ReleasePolicy } from "@smarter-metering/policy";
import {
  primitives,
  signDocument,
  signerFromSeed,
  toBase64Url,
  toHex,
  type Party,
  type Role,
} from "@smarter-metering/protocol";
import {
  createRegistryState,
  lettersOf,
  saveState,
  statePath,
  type Letter,
  type Neighbourhood,
  type NewServicePoint,
} from "@smarter-metering/registry";
import { writeFileAtomic, writeSecretFile } from "@smarter-metering/runtime";
import type { Tariff } from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";
import { writeDeployment, type ClockKind } from "./deployment-file.ts";
import { createKeysFile } from "./keys-file.ts";
import { layoutOf, PARTY_FOLDERS, type Layout, type PartyFolder } from "./layout.ts";
import { writeMeters, type MeterSecrets } from "./meters-file.ts";

export interface NewHousehold {
  readonly label: string;
  readonly neighbourhood: string;
  readonly intervalSeconds: number;
  readonly fuse: { readonly amps: number; readonly phases: number };
}

export interface InitOptions {
  readonly root: string;
  readonly clock: ClockKind;
  readonly policy: ReleasePolicy;
  readonly tariff: Tariff;
  readonly keyBits: number;
  readonly neighbourhoods: readonly Neighbourhood[];
  readonly households: readonly NewHousehold[];
  /** Contracts begin here: a local midnight, epoch seconds. */
  readonly contractStart: number;
  /** First TCP port of the roles' listeners; 0 gives each a free one at every start. */
  readonly basePort: number;
  readonly openerPlaintextReadingsMax: number;
}

/** Parties that the registry lists, and whether they receive sealed messages. */
const LISTED: readonly { readonly role: Role & PartyFolder; readonly receives: boolean }[] = [
  { role: "concentrator", receives: false },
  { role: "opener", receives: true },
  { role: "aggregator", receives: false },
  { role: "trustee", receives: false },
  { role: "mdms", receives: true },
  { role: "ucs", receives: false },
];

/** Throws DEPLOYMENT_EXISTS when `root` holds anything. Returns each household's letter. */
export async function initDeployment(options: InitOptions): Promise<readonly Letter[]> {
  const layout = layoutOf(options.root);
  if (existsSync(options.root) && readdirSync(options.root).length > 0) {
    const message = `${options.root} is not empty; choose another folder, or remove it yourself`;
    throw new CliError("DEPLOYMENT_EXISTS", message);
  }
  for (const party of PARTY_FOLDERS) {
    await mkdir(layout.folder(party), { recursive: true, mode: 0o700 });
  }
  const { parties, openerSpki } = await createParties(layout);
  const tariffJws = await createTariffSigner(layout, parties, options.tariff);
  const paillierKey = await createPaillierKey(layout, options.keyBits);
  await initialiseLedger(layout.folder("trustee"), layout.folder("trustee"));
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
  const state = await createRegistryState({
    parties,
    paillierKey,
    policy: options.policy,
    tariffs: [tariffJws],
    neighbourhoods: options.neighbourhoods,
    servicePoints,
    firstBlock: options.contractStart,
  });
  await saveState(statePath(layout.folder("registry")), state);
  const rootKey = (await createKeysFile(layout.keys("registry"), false)).signer.publicKey;
  await writeTokens(layout);
  await writeConfigs(layout, toHex(rootKey), options);
  const labels = options.households.map(({ label }) => label);
  const { letters, meters: provisioning } = await lettersOf(state, labels);
  await writeMeters(layout, { openerKey: toBase64Url(openerSpki), meters, provisioning });
  // Written last: a deployment without this file was not finished and is not served.
  await writeDeployment(layout, { clock: options.clock, policyId: options.policy.id });
  return letters;
}

async function createParties(
  layout: Layout,
): Promise<{ parties: Party[]; openerSpki: Uint8Array }> {
  const parties: Party[] = [];
  let openerSpki = new Uint8Array(0);
  for (const { role, receives } of LISTED) {
    const { signer, spki } = await createKeysFile(layout.keys(role), receives);
    const party = { role, signingKey: toHex(signer.publicKey) };
    parties.push(spki === undefined ? party : { ...party, encryptionKey: toBase64Url(spki) });
    if (role === "opener" && spki !== undefined) openerSpki = spki.slice();
  }
  return { parties, openerSpki };
}

/** The tariff signer's key stays with the registry until the tariff department has its own. */
async function createTariffSigner(
  layout: Layout,
  parties: Party[],
  tariff: Tariff,
): Promise<string> {
  const path = join(layout.folder("registry"), "tariff-signer-keys.json");
  const { signer } = await createKeysFile(path, false);
  parties.push({ role: "tariff-signer", signingKey: toHex(signer.publicKey) });
  return signDocument("smarter-metering/tariff", tariff, signer);
}

/** The Paillier secret goes into the trustee's folder and nowhere else; returns the public key. */
async function createPaillierKey(layout: Layout, bits: number): Promise<unknown> {
  const { publicKey, secretKey } = await generateKeyPair({ bits });
  const path = join(layout.folder("trustee"), "paillier-secret.json");
  await writeSecretFile(path, JSON.stringify(serializeSecretKey(secretKey)));
  return serializePublicKey(publicKey);
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

/** One bearer token for each party, known to it, the registry and the bus; one for the administrator. */
async function writeTokens(layout: Layout): Promise<void> {
  const token = (): string => toHex(primitives.randomBytes(32));
  const parties: Record<string, string> = {};
  for (const { role } of LISTED) {
    parties[role] = token();
    await writeSecretFile(layout.token(role), parties[role]);
  }
  const registryTokens = JSON.stringify({ admin: token(), parties });
  await writeSecretFile(join(layout.folder("registry"), "tokens.json"), registryTokens);
  await writeSecretFile(join(layout.folder("bus"), "tokens.json"), JSON.stringify(parties));
}

async function writeConfigs(
  layout: Layout,
  registryRootKey: string,
  options: InitOptions,
): Promise<void> {
  const { basePort, policy, openerPlaintextReadingsMax } = options;
  const port = (offset: number): number => (basePort === 0 ? 0 : basePort + offset);
  const listen = (offset: number) => ({ host: "127.0.0.1", port: port(offset) });
  const url = (offset: number): string => `http://127.0.0.1:${port(offset)}`;
  const peers = (offset: number) => ({
    registryUrl: url(0),
    registryRootKey,
    registryPinFile: "registry-pin.json",
    busUrl: url(1),
    tokenFile: "token",
    keysFile: "keys.json",
    listen: listen(offset),
  });
  const store = { storeFolder: "store" };
  const tokensFile = "tokens.json";
  const configs: Partial<Record<PartyFolder, object>> = {
    registry: { folder: ".", keysFile: "keys.json", tokensFile, listen: listen(0) },
    bus: { ...store, tokensFile, listen: listen(1) },
    concentrator: { ...peers(2), ...store, mqttListen: listen(8) },
    opener: { ...peers(3), openerPlaintextReadingsMax },
    aggregator: { ...peers(4), ...store },
    trustee: {
      ...peers(5),
      paillierKeyFile: "paillier-secret.json",
      ledgerFolder: ".",
      policyId: policy.id,
    },
    mdms: { ...peers(6), ...store },
    ucs: { ...peers(7), ...store },
  };
  for (const party of PARTY_FOLDERS) {
    const config = configs[party];
    if (config === undefined) continue;
    const text = `${JSON.stringify({ role: party, ...config }, null, 2)}\n`;
    await writeFileAtomic(layout.config(party), text);
  }
}
