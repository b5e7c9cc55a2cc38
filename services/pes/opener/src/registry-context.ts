/**
 * What the opener reads from one registry epoch, parsed once (docs/protocol.md §6.3, §9). Public
 * data only.
 */
import { engineKeyOf, parsePublicKey, type EngineKey } from "@smarter-metering/paillier";
import {
  fromHex,
  type Cohort,
  type ContributionContext,
  type NetworkView,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";

export interface RegistryContext {
  readonly key: EngineKey;
  readonly keyId: Uint8Array;
  /**
   * The packing context of a service point's block, or undefined when `blockStart` is no local
   * midnight.
   */
  contextOf(
    point: ServicePoint,
    cohort: Cohort | undefined,
    blockStart: number,
  ): ContributionContext | undefined;
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
  const key = engineKeyOf(await parsePublicKey(view.document.paillierKey));
  const keyId = fromHex(key.id, 32);
  /** One entry per cohort version of this epoch's view. */
  const loads = new Map<Cohort, NonNullable<ContributionContext["load"]>>();

  function loadOf(cohort: Cohort): NonNullable<ContributionContext["load"]> {
    const known = loads.get(cohort);
    if (known !== undefined) return known;
    const { intervalSeconds, loadValueBits: valueBits, exportLoad: exportToo } = cohort;
    const load = { intervalSeconds, valueBits, exportToo };
    loads.set(cohort, load);
    return load;
  }

  return {
    key,
    keyId,
    contextOf(point, cohort, blockStart) {
      if (localDayStart(blockStart, point.zone) !== blockStart) return undefined;
      return {
        paillierKeyId: keyId,
        modulusBits: key.bits,
        blockSeconds: addLocalDays(blockStart, 1, point.zone) - blockStart,
        bandCount: point.bandCount,
        load: cohort && loadOf(cohort),
      };
    },
  };
}
