/** Starts all roles in one process, or one of them, over the same code (docs/operating.md). */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Clock } from "@smarter-metering/runtime";
import { ROLE_NAMES, type RoleName } from "../deployment/role-config.ts";
import { CliError, EXIT } from "../cli-error.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import { trusteeFolders, type Layout, type PartyFolder } from "../deployment/layout.ts";
import type { Party, Shared } from "./party.ts";
import {
  startAggregatorRole,
  startBusRole,
  startConcentratorRole,
  startMdmsRole,
  startOpenerRole,
  startRegistryRole,
  startTrusteeRole,
  startUcsRole,
} from "./start-role.ts";

const START: Readonly<Record<RoleName, (path: string, shared: Shared) => Promise<Party>>> = {
  registry: startRegistryRole,
  bus: startBusRole,
  concentrator: startConcentratorRole,
  opener: startOpenerRole,
  aggregator: startAggregatorRole,
  trustee: startTrusteeRole,
  mdms: startMdmsRole,
  ucs: startUcsRole,
};

export interface ServeOptions {
  readonly clock: Clock;
  /** Takes warnings and errors, one JSON line each. */
  readonly logLine: (line: string) => void;
}

/** One role from its own configuration file; registry and bus over loopback HTTP. */
export function serveRole(role: RoleName, config: string, options: ServeOptions): Promise<Party> {
  if (role === "opener" && !existsSync(config)) throw noOpener(config);
  return START[role](resolve(config), { ...options, bus: undefined, registry: undefined });
}

function noOpener(config: string): CliError {
  const message = `${config} does not exist; where every meter encrypts for itself there is no opener to serve`;
  return new CliError("NO_OPENER", message, EXIT.refused);
}

const noParty = Promise.resolve(undefined);

export { ROLE_NAMES };

/** Every role of a deployment in this process. */
export async function serveAll(layout: Layout, options: ServeOptions) {
  const started: Party[] = [];
  const keep = async <P extends Party>(starting: Promise<P>): Promise<P> => {
    const party = await starting;
    started.push(party);
    return party;
  };
  const { opener: hasOpener, quorum } = loadDeployment(layout);
  const startTrustees = async (folders: readonly PartyFolder[], shared: Shared) => {
    const configs = folders.map((folder) => layout.config(folder));
    const starting = configs.map((config) => keep(startTrusteeRole(config, shared)));
    await Promise.allSettled(starting);
    return Promise.all(starting);
  };
  const alone = { ...options, bus: undefined, registry: undefined };
  try {
    const registry = await keep(startRegistryRole(layout.config("registry"), alone));
    const bus = await keep(startBusRole(layout.config("bus"), alone));
    const shared: Shared = {
      ...options,
      bus: bus.service,
      registry: registry.service.transport(),
    };
    // The portal passes its customers' questions on to it.
    const startingAggregator = keep(startAggregatorRole(layout.config("aggregator"), shared));
    const starting = [
      keep(startConcentratorRole(layout.config("concentrator"), shared)),
      hasOpener ? keep(startOpenerRole(layout.config("opener"), shared)) : noParty,
      startingAggregator,
      startTrustees(trusteeFolders(quorum), shared),
      startingAggregator.then(({ urls }) =>
        keep(
          startMdmsRole(layout.config("mdms"), { ...shared, urls: { ...registry.urls, ...urls } }),
        ),
      ),
      startingAggregator.then(({ urls }) =>
        keep(startUcsRole(layout.config("ucs"), { ...shared, aggregatorUrl: urls["aggregator"] })),
      ),
    ] as const;
    // When one refuses, the others have to be there before they can be closed.
    await Promise.allSettled(starting);
    const [concentrator, opener, aggregator, trustees, mdms, ucs] = await Promise.all(starting);
    return {
      registry,
      bus,
      concentrator,
      opener,
      aggregator,
      trustees,
      mdms,
      ucs,
      urls: Object.assign({}, ...started.map(({ urls }) => urls)) as Record<string, string>,
      async refreshRegistry() {
        for (const party of started) await party.refreshRegistry();
      },
      close: () => closeAll(started),
    };
  } catch (error) {
    await closeAll(started);
    throw error;
  }
}

export type Everything = Awaited<ReturnType<typeof serveAll>>;

/** In reverse order of their start: takers before givers. */
async function closeAll(parties: readonly Party[]): Promise<void> {
  for (const party of parties.toReversed()) await party.close();
}
