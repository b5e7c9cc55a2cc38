/**
 * What the opener reads from one registry epoch, parsed once (docs/protocol.md §6.3, §9). Public
 * data only.
 */
import { engineKeyOf, type EngineKey } from "@smarter-metering/paillier";
import {
  contributionContext,
  paillierKeyOf,
  type ContributionContext,
  type NetworkView,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";

export interface RegistryContext {
  readonly key: EngineKey;
  /**
   * The packing context of a service point's block, or undefined when `blockStart` is no local
   * midnight.
   */
  contextOf(point: ServicePoint, blockStart: number): Promise<ContributionContext | undefined>;
}

const contexts = new WeakMap<NetworkView, Promise<RegistryContext>>();

/**
 * Parses the Paillier key of `view` at its first use. Rejects with the PaillierError of a bad key.
 */
export function registryContext(view: NetworkView): Promise<RegistryContext> {
  let context = contexts.get(view);
  if (context === undefined) {
    context = parseContext(view);
    contexts.set(view, context);
  }
  return context;
}

async function parseContext(view: NetworkView): Promise<RegistryContext> {
  const key = engineKeyOf(await paillierKeyOf(view));
  return {
    key,
    async contextOf(point, start) {
      if (localDayStart(start, point.zone) !== start) return undefined;
      const seconds = addLocalDays(start, 1, point.zone) - start;
      return contributionContext(view, point, { start, seconds });
    },
  };
}
