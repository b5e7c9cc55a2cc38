/**
 * How a party meets the others (docs/decisions/0028-transport-security.md): with its certificate on its listeners and in its calls. One
 * without a `tls` section speaks plain HTTP, which its configuration lets it do on the loopback alone.
 */
import {
  openTlsIdentity,
  peerFetch,
  systemClock,
  type Fetch,
  type ListenTls,
  type Logger,
  type Metrics,
  type PeerFetch,
  type TlsFiles,
  type TlsIdentity,
} from "@smarter-metering/runtime";
import { partyName } from "../deployment/certificates.ts";
import type { PartyFolder } from "../deployment/layout.ts";

export interface NetworkConfig {
  readonly tls?: Required<TlsFiles> | undefined;
  /** What the public listener shows to who asks for a name in it: browsers do not know the deployment's authority. */
  readonly publicCertificate?: TlsFiles | undefined;
}

export interface ListenOver {
  readonly tls?: ListenTls | undefined;
}

export interface PartyNetwork {
  /** What the party shows and believes; undefined without a `tls` section. */
  readonly identity: TlsIdentity | undefined;
  /** To `party` and nobody else. */
  fetchFrom(party: PartyFolder): Fetch;
  /** For a listener that these parties may call, and nobody else. */
  forParties(parties: readonly PartyFolder[]): ListenOver;
  /** For a listener that people or meters call. */
  forPublic(): ListenOver;
  close(): Promise<void>;
}

const PLAIN: PartyNetwork = {
  identity: undefined,
  fetchFrom: () => fetch,
  forParties: () => ({}),
  forPublic: () => ({}),
  close: () => Promise.resolve(),
};

/** Throws TLS_FILES, SECRET_FILE. */
export async function openNetwork(
  { tls, publicCertificate }: NetworkConfig,
  { log, metrics }: { readonly log: Logger; readonly metrics?: Metrics },
): Promise<PartyNetwork> {
  if (tls === undefined) return PLAIN;
  const identity = await openTlsIdentity(tls, { clock: systemClock, log, metrics });
  const shown = await openShown(publicCertificate, log).catch((error: unknown) => {
    identity.close();
    throw error;
  });
  const calls: PeerFetch[] = [];
  return {
    identity,
    fetchFrom(party) {
      const call = peerFetch({ identity, peer: partyName(party) });
      calls.push(call);
      return (url, init) => call.fetch(url, init);
    },
    forParties: (parties) => ({ tls: { identity, peers: parties.map(partyName) } }),
    forPublic: () => ({ tls: { identity, publicIdentity: shown } }),
    async close() {
      identity.close();
      shown?.close();
      await Promise.all(calls.map((call) => call.close()));
    },
  };
}

async function openShown(
  files: NetworkConfig["publicCertificate"],
  log: Logger,
): Promise<TlsIdentity | undefined> {
  return files && openTlsIdentity(files, { clock: systemClock, log });
}
