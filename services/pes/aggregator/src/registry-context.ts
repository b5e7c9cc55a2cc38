/**
 * What the aggregator reads from one registry epoch, parsed once (docs/protocol.md §9). Public data
 * only.
 */
import { engineKeyOf, parsePublicKey, type EngineKey } from "@smarter-metering/paillier";
import { parsePolicy, type ReleasePolicy } from "@smarter-metering/policy";
import {
  fromHex,
  type Cohort,
  type NetworkView,
  type RegistrySnapshot,
} from "@smarter-metering/protocol";
import { addLocalDays } from "@smarter-metering/tariff";
import { quorumOf, type Quorum } from "./quorum.ts";

export interface RegistryContext {
  readonly epoch: number;
  readonly view: NetworkView;
  readonly key: EngineKey;
  readonly keyId: Uint8Array;
  readonly policy: ReleasePolicy;
  readonly quorum: Quorum;
}

const contexts = new WeakMap<NetworkView, Promise<RegistryContext>>();

/**
 * Parses key and policy of a snapshot at its first use. Rejects with PaillierError or PolicyError.
 */
export function registryContext(snapshot: RegistrySnapshot<NetworkView>): Promise<RegistryContext> {
  let context = contexts.get(snapshot.view);
  if (context === undefined) {
    context = parseContext(snapshot);
    contexts.set(snapshot.view, context);
  }
  return context;
}

async function parseContext({
  epoch,
  view,
}: RegistrySnapshot<NetworkView>): Promise<RegistryContext> {
  const key = engineKeyOf(await parsePublicKey(view.document.paillierKey));
  const policy = parsePolicy(view.document.policy);
  const quorum = await quorumOf(view);
  return { epoch, view, key, keyId: fromHex(key.id, 32), policy, quorum };
}

/**
 * The block of `cohort` that starts at `blockStart`: its end and its number of LOAD slots (92, 96,
 * 100 at 900 s).
 */
export function blockOf(
  cohort: Cohort,
  blockStart: number,
): { readonly endSeconds: number; readonly slots: number } {
  const endSeconds = addLocalDays(blockStart, 1, cohort.zone);
  return { endSeconds, slots: Math.floor((endSeconds - blockStart) / cohort.intervalSeconds) };
}
