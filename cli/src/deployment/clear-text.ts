/** What a role's configuration may not say: tokens and frames in clear on a network (SECURITY.md, "The network between the roles"). */
import { isIP } from "node:net";
import { CliError, EXIT } from "../cli-error.ts";

interface Address {
  readonly host: string;
}

/** The parts of every role's configuration that lead to a network; a role has some of them. */
export interface Addresses {
  readonly tls?: object | undefined;
  readonly listen: Address;
  readonly mqttListen?: Address | null;
  readonly mqttBrokerUrl?: string | undefined;
  readonly registryUrl?: string;
  readonly busUrl?: string | undefined;
  readonly nats?: { readonly servers: readonly string[] } | undefined;
  readonly aggregatorUrl?: string | undefined;
  readonly ledger?: { readonly listen?: Address; readonly url?: string } | undefined;
}

/** Throws CLEAR_TEXT for a listener without TLS that other machines reach, and for a plain http address of another machine. */
export function refuseClearText(path: string, config: Addresses): void {
  const { tls, listen, ledger, mqttListen, registryUrl, busUrl, aggregatorUrl } = config;
  if (tls === undefined && config.mqttBrokerUrl !== undefined) {
    throw refusal(`${path}: mqttBrokerUrl is mqtts, and there is no tls section`);
  }
  const listeners = Object.entries({ listen, "ledger.listen": ledger?.listen });
  const open = listeners.find(([, at]) => at !== undefined && !isLoopback(at.host));
  if (tls === undefined && open !== undefined) {
    throw refusal(`${path}: ${open[0]} is open to other machines, and there is no tls section`);
  }
  if (mqttListen && !isLoopback(mqttListen.host)) {
    throw refusal(
      `${path}: mqttListen is open to other machines, and the embedded broker has no TLS: use Mosquitto`,
    );
  }
  const isFar = (address: string): boolean => !isLoopback(hostOf(address));
  if (tls === undefined && config.nats?.servers.some(isFar)) {
    throw refusal(`${path}: nats leads to another machine, and there is no tls section`);
  }
  const addresses = { registryUrl, busUrl, aggregatorUrl, "ledger.url": ledger?.url };
  for (const [name, address] of Object.entries(addresses)) {
    if (address === undefined) continue;
    const { protocol } = new URL(address);
    if (protocol === "http:" && isFar(address))
      throw refusal(`${path}: ${name} leads to another machine over plain http`);
    if (protocol === "https:" && tls === undefined) {
      throw refusal(`${path}: ${name} is https, and there is no tls section`);
    }
  }
}

const hostOf = (address: string): string => new URL(address).hostname.replace(/^\[(.*)\]$/, "$1");

const refusal = (what: string): CliError =>
  new CliError("CLEAR_TEXT", `${what} (docs/operating.md, "Certificates")`, EXIT.refused);

/** True for addresses that only this machine reaches. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
