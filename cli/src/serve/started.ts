/** What the started parties have in common: what they stand on, what closes them, where they say that they live. */
import { createApp, listen, systemClock, type Clock } from "@smarter-metering/runtime";
import type { RoleConfig } from "../deployment/role-config.ts";
import type { Closable } from "./opening.ts";
import type { Party, Peers } from "./party.ts";

const VERSION = "1";

/** A party with its service, for those in the same process who show what it did. */
export interface Started<Service> extends Party {
  readonly service: Service;
}

export function portsOf<View>(peers: Peers<View>, clock: Clock) {
  const { log, metrics, bus, registry } = peers;
  return { clock, log, metrics, bus, registry };
}

export function secretOf(peers: Peers<unknown>, config: { readonly keysFile: string }) {
  const { secret } = peers.keys;
  if (secret === undefined) throw new Error(`${config.keysFile} holds no RSA key`);
  return secret;
}

/** Closes the service first, then what it stands on, then its connections. */
export function partyOf<Service extends Closable>(
  role: string,
  peers: Peers<unknown>,
  service: Service,
  below: readonly Closable[],
): Omit<Started<Service>, "urls"> {
  return {
    role,
    service,
    refreshRegistry: () => peers.refreshRegistry(),
    async close() {
      await service.close();
      for (const part of below) await part.close();
      await peers.close();
    },
  };
}

/** /metrics, /healthz and /readyz of a role that has no API of its own. */
export async function listenHealth(
  title: string,
  config: { readonly listen: RoleConfig<"opener">["listen"] },
  peers: Pick<Peers<unknown>, "log" | "metrics" | "network">,
) {
  const { log, metrics, network } = peers;
  const app = createApp({ title, version: VERSION, log, clock: systemClock, metrics });
  return listen({ app, ...config.listen, ...network.forParties([]) });
}
