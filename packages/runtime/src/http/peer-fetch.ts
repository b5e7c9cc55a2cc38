/**
 * `fetch` to one other party, over TLS 1.3 with certificates on both sides (docs/decisions/0028-transport-security.md): it shows the
 * caller's own, and speaks to nobody but the named peer, wherever the address leads.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { Agent, fetch as undiciFetch, type RequestInit as UndiciInit } from "undici";
import { peerNameOf } from "./peer.ts";
import type { TlsIdentity, TlsMaterial } from "./tls-identity.ts";

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface PeerFetchOptions {
  /** The caller's. */
  readonly identity: TlsIdentity;
  /** Who has to answer, such as `party/registry`. */
  readonly peer: string;
}

export interface PeerFetch {
  /** As the global one; connections are kept alive. Rejects with a TypeError whose `cause` says what is wrong with the certificate. */
  readonly fetch: Fetch;
  /** Waits for running answers. */
  close(): Promise<void>;
}

const connectMsMax = 10_000;
/** Each consumer of a stream holds one while it waits for messages. */
const connectionsMax = 256;

/** New connections use the identity of the moment; running requests end as they began. */
export function peerFetch({ identity, peer }: PeerFetchOptions): PeerFetch {
  let agent = agentOf(identity.current(), peer);
  const stopRenewing = identity.onChange((material) => {
    void agent.close();
    agent = agentOf(material, peer);
  });
  return {
    async fetch(url, init) {
      const request = { ...init, dispatcher: agent } as UndiciInit; // of the DOM's type, which it implements
      return (await undiciFetch(url, request)) as unknown as Response; // the same
    },
    async close() {
      stopRenewing();
      await agent.close();
    },
  };
}

function agentOf(material: TlsMaterial, peer: string): Agent {
  return new Agent({
    connections: connectionsMax,
    connect: {
      ...material,
      minVersion: "TLSv1.3",
      timeout: connectMsMax,
      // A resumed session would go on with the certificates of before.
      maxCachedSessions: 0,
      checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
        const wrongHost = checkServerIdentity(host, certificate);
        if (wrongHost !== undefined) return wrongHost;
        const name = peerNameOf(certificate);
        return name === peer
          ? undefined
          : new Error(`${host} shows the certificate of ${name}, not of ${peer}`);
      },
    },
  });
}
