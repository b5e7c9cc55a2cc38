/** The configuration files that `init` writes: where each role listens, how it reaches the others, where its files are (docs/operating.md). */
import type { Quorum } from "@smarter-metering/paillier";
import type { ReleasePolicy } from "@smarter-metering/policy";
import { writeFileAtomic } from "@smarter-metering/runtime";
import {
  IDENTITY_FILE,
  TRUSTED_FILE,
  trusteeFolders,
  type Layout,
  type PartyFolder,
} from "./layout.ts";
import { OPENER_KEY_FOLDER } from "./opener-keys.ts";
import { SECRET_KEY_FILE, SHARE_FILE, TRANSCRIPT_FILE } from "./paillier-keys.ts";

export interface FirstConfigs {
  readonly registryRootKey: string;
  readonly policy: ReleasePolicy;
  readonly quorum?: Quorum | undefined;
  readonly openerPlaintextReadingsMax: number;
  readonly hasOpener: boolean;
  readonly basePort: number;
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  /** Whether the parties have certificates. */
  readonly hasTls: boolean;
}

/** The token of the aggregator's door for the MDMS, in the folders of both. */
export const LEDGER_TOKEN = "ledger-token";
/** Behind those of sixteen trustees. */
const LEDGER_PORT = 25;
const LOOPBACK = "127.0.0.1";
const EVERYWHERE = "0.0.0.0";

/** A party with hosts listens to other machines and is reached at its first; others stay on the loopback. */
function addressesOf({ basePort, hosts = {}, hasTls }: FirstConfigs) {
  const port = (offset: number): number => (basePort === 0 ? 0 : basePort + offset);
  const scheme = hasTls ? "https" : "http";
  return {
    listen: (party: PartyFolder, offset: number) => ({
      host: hosts[party] === undefined ? LOOPBACK : EVERYWHERE,
      port: port(offset),
    }),
    url: (party: PartyFolder, offset: number): string => {
      const [host = LOOPBACK] = hosts[party] ?? [];
      return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port(offset)}`;
    },
    tls: hasTls
      ? { tls: { certFile: IDENTITY_FILE, keyFile: IDENTITY_FILE, caFile: TRUSTED_FILE } }
      : {},
  };
}

export async function writeFirstConfigs(layout: Layout, options: FirstConfigs): Promise<void> {
  const { openerPlaintextReadingsMax, quorum, registryRootKey } = options;
  const { listen, url, tls } = addressesOf(options);
  const peers = (party: PartyFolder, offset: number) => ({
    registryUrl: url("registry", 0),
    registryRootKey,
    registryPinFile: "registry-pin.json",
    busUrl: url("bus", 1),
    tokenFile: "token",
    keysFile: "keys.json",
    listen: listen(party, offset),
    ...tls,
  });
  const store = { store: { folder: "store" } };
  const tokensFile = "tokens.json";
  const configs: Partial<Record<PartyFolder, object>> = {
    registry: {
      folder: ".",
      keysFile: "keys.json",
      tokensFile,
      listen: listen("registry", 0),
      ...tls,
    },
    bus: {
      ...store,
      tokensFile,
      shareHolders: quorum?.trustees ?? 0,
      listen: listen("bus", 1),
      ...tls,
    },
    concentrator: {
      ...peers("concentrator", 2),
      ...store,
      // The embedded broker has no TLS: it serves this machine alone.
      mqttListen: { ...listen("concentrator", 8), host: LOOPBACK },
    },
    ...(options.hasOpener && {
      opener: { ...peers("opener", 3), keyFolder: OPENER_KEY_FOLDER, openerPlaintextReadingsMax },
    }),
    aggregator: {
      ...peers("aggregator", 4),
      ...store,
      ledger: { listen: listen("aggregator", LEDGER_PORT), tokenFile: LEDGER_TOKEN },
    },
    ...trusteeConfigs(options, peers),
    mdms: {
      ...peers("mdms", 6),
      ...store,
      ledger: { url: url("aggregator", LEDGER_PORT), tokenFile: LEDGER_TOKEN },
      reportsFolder: "reports",
    },
    ucs: { ...peers("ucs", 7), ...store, aggregatorUrl: url("aggregator", 4) },
  };
  for (const [party, config] of Object.entries(configs) as [PartyFolder, object][]) {
    const role = party.replace(/-\d+$/, "");
    const text = `${JSON.stringify({ role, ...config }, null, 2)}\n`;
    await writeFileAtomic(layout.config(party), text);
  }
}

/** The first trustee keeps the port that it has alone; the others follow those of the other roles. */
function trusteeConfigs(
  { policy, quorum }: FirstConfigs,
  peers: (party: PartyFolder, offset: number) => object,
): Partial<Record<PartyFolder, object>> {
  const own = { ledgerFolder: ".", policyId: policy.id };
  if (quorum === undefined) {
    return { trustee: { ...peers("trustee", 5), paillierKeyFile: SECRET_KEY_FILE, ...own } };
  }
  const share = { shareFile: SHARE_FILE, transcriptFile: TRANSCRIPT_FILE };
  const configs = trusteeFolders(quorum).map((folder, index) => {
    return [folder, { ...peers(folder, index === 0 ? 5 : 8 + index), share, ...own }] as const;
  });
  return Object.fromEntries(configs);
}
