/** Where a deployment keeps what: one folder per party, so that a copy of one party's folder is that party and no other. */
import { join } from "node:path";

/** Who follows the registry, and pins the newest epoch he has seen. */
export const EPOCH_READERS = [
  "concentrator",
  "opener",
  "aggregator",
  "trustee",
  "mdms",
  "ucs",
] as const;
export const PARTY_FOLDERS = ["registry", "bus", "meters", ...EPOCH_READERS] as const;
/** Trustees that hold shares have a folder each. */
export type PartyFolder = (typeof PARTY_FOLDERS)[number] | `trustee-${number}`;

const FOLDER_NAMES: ReadonlySet<string> = new Set(PARTY_FOLDERS);

export const isPartyFolder = (name: string): name is PartyFolder =>
  FOLDER_NAMES.has(name) || /^trustee-\d+$/.test(name);

/** The trustees' folders, in the order of their numbers; without a quorum there is one. */
export function trusteeFolders(quorum: { readonly trustees: number } | undefined): PartyFolder[] {
  if (quorum === undefined) return ["trustee"];
  return Array.from({ length: quorum.trustees }, (_, i): PartyFolder => `trustee-${i + 1}`);
}

export interface Layout {
  readonly root: string;
  folder(party: PartyFolder): string;
  /** `deployment.json`: what kind of deployment this is. */
  readonly deployment: string;
  /** `run.json`: process id and addresses, while `serve` runs. */
  readonly run: string;
  /** Demonstrations alone: the replay clock and who is who. */
  readonly clock: string;
  readonly demo: string;
  readonly households: string;
  config(party: PartyFolder): string;
  keys(party: PartyFolder): string;
  /** The party's bearer token for registry and bus. */
  token(party: PartyFolder): string;
  /** The newest registry epoch this party has seen. */
  pin(party: PartyFolder): string;
  /** The deployment's authority: who has its key can pass for every party. */
  readonly authority: string;
  tls(holder: string): TlsPaths;
}

/** What a party or a server has for TLS. */
export interface TlsPaths {
  readonly folder: string;
  /** Private key and certificate in one file, so that renewing them is one rename. */
  readonly identity: string;
  /** The authorities that its holder believes. */
  readonly trusted: string;
}

/** Within the folder of a party or a server. */
export const IDENTITY_FILE = join("tls", "identity.pem");
export const TRUSTED_FILE = join("tls", "trusted.pem");

export function layoutOf(root: string): Layout {
  const folder = (party: PartyFolder): string => join(root, party);
  return {
    root,
    folder,
    deployment: join(root, "deployment.json"),
    run: join(root, "run.json"),
    clock: join(root, "clock.json"),
    demo: join(root, "demo.json"),
    households: join(root, "households.json"),
    config: (party) => join(folder(party), "config.json"),
    keys: (party) => join(folder(party), "keys.json"),
    token: (party) => join(folder(party), "token"),
    pin: (party) => join(folder(party), "registry-pin.json"),
    authority: join(root, "authority"),
    tls: (holder) => ({
      folder: join(root, holder, "tls"),
      identity: join(root, holder, IDENTITY_FILE),
      trusted: join(root, holder, TRUSTED_FILE),
    }),
  };
}
