/**
 * What the opener reads from one registry epoch, parsed once (docs/protocol.md §6.3, §9). Public
 * data only.
 */
import { engineKeyOf, type EngineKey } from "@smarter-metering/paillier";
import {
  contributionContext,
  paillierKeyOf,
  parseOpenerKeys,
  unverifiedDocument,
  type ContributionContext,
  type FrameHeader,
  type NetworkView,
  type OpenerKey,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { idOf } from "./key-folder.ts";

export interface RegistryContext {
  readonly key: EngineKey;
  /** By id, hex: the keys that openers are to have, whether this one does or not. */
  readonly openerKeys: ReadonlyMap<string, OpenerKey>;
  /**
   * The packing context of a service point's frame, or undefined when its block starts at no local
   * midnight.
   */
  contextOf(point: ServicePoint, frame: FrameHeader): Promise<ContributionContext | undefined>;
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
    openerKeys: await openerKeysOf(view),
    async contextOf(point, frame) {
      const { blockStart } = frame;
      if (localDayStart(blockStart, point.zone) !== blockStart) return undefined;
      const seconds = addLocalDays(blockStart, 1, point.zone) - blockStart;
      return contributionContext(view, point, frame, seconds);
    },
  };
}

/** The view was verified with all that it says. */
async function openerKeysOf({ document }: NetworkView): Promise<ReadonlyMap<string, OpenerKey>> {
  if (document.openerKeys === undefined) return new Map();
  const list = unverifiedDocument("smarter-metering/opener-keys", document.openerKeys);
  const { keys } = parseOpenerKeys(list);
  return new Map(await Promise.all(keys.map(async (key) => [await idOf(key), key] as const)));
}
