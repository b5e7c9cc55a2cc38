/**
 * What a registry view says about the contributions of a frame (docs/protocol.md §6.3, §9): public data only. Asked by whoever checks
 * what meters contribute; a meter has the same from its provisioning.
 */
import { parsePublicKey, type PublicKey } from "@smarter-metering/paillier";
import { fromHex, toHex } from "./bytes.ts";
import type { ContributionContext } from "./contribute.ts";
import type { FrameHeader } from "./frame.ts";
import { servedUntil } from "./meter-service.ts";
import type { Cohort, NetworkView, ServicePoint } from "./network-view.ts";

const keys = new WeakMap<NetworkView, Promise<PublicKey>>();

/** The Paillier key of a view, parsed at its first use. Rejects with the PaillierError of a bad key. */
export function paillierKeyOf(view: NetworkView): Promise<PublicKey> {
  let key = keys.get(view);
  if (key === undefined) {
    key = parsePublicKey(view.document.paillierKey);
    keys.set(view, key);
  }
  return key;
}

function loadTermsOf(cohort: Cohort | undefined): ContributionContext["load"] {
  if (cohort === undefined) return undefined;
  const { intervalSeconds, loadValueBits: valueBits, exportLoad: exportToo } = cohort;
  return { intervalSeconds, valueBits, exportToo };
}

/** The context of a frame of a service point; `blockSeconds` is the length of its block, a local day. */
export async function contributionContext(
  view: NetworkView,
  point: ServicePoint,
  { blockStart, meterId }: Pick<FrameHeader, "blockStart" | "meterId">,
  blockSeconds: number,
): Promise<ContributionContext> {
  const { id, bits } = await paillierKeyOf(view);
  const end = servedUntil(point, toHex(meterId));
  return {
    paillierKeyId: fromHex(id, 32),
    modulusBits: bits,
    blockSeconds,
    ...(end !== undefined && { servedUntil: end }),
    bandCount: point.bandCount,
    hasCost: point.prices !== undefined && point.stepSeconds === undefined,
    ...(point.stepSeconds !== undefined && { stepSeconds: point.stepSeconds }),
    load: loadTermsOf(view.cohortOf(point.network, blockStart)),
  };
}
