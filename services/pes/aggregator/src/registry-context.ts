/**
 * What the aggregator reads from one registry epoch, parsed once (docs/protocol.md §9). Public data
 * only.
 */
import { engineKeyOf, parsePublicKey, type EngineKey } from "@smarter-metering/paillier";
import { registeredQuorum, type Quorum as LogQuorum } from "@smarter-metering/log";
import { parsePolicy, type ReleasePolicy } from "@smarter-metering/policy";
import {
  fromHex,
  unverifiedDocument,
  type Cohort,
  type NetworkView,
  type RegistrySnapshot,
} from "@smarter-metering/protocol";
import {
  addLocalDays,
  parseCalendar,
  pricesBySeries,
  sameCostTerms,
  type Calendar,
  type DynamicPrices,
} from "@smarter-metering/tariff";
import { quorumOf, type Quorum } from "./quorum.ts";

export interface RegistryContext {
  readonly epoch: number;
  /** SHA-256 of the epoch's JWS: commits to policy, tariffs, calendars, keys and all epochs before. */
  readonly hash: Uint8Array;
  readonly view: NetworkView;
  readonly key: EngineKey;
  readonly keyId: Uint8Array;
  readonly policy: ReleasePolicy;
  /** By register bank. */
  readonly calendars: ReadonlyMap<string, Calendar>;
  /** By register bank, of those with a cost: the prices that it counts by, as far as they are known. */
  readonly prices: ReadonlyMap<string, readonly DynamicPrices[]>;
  readonly quorum: Quorum;
  /** Whose cosignatures a head needs (§13.4); its trustees are in the order of `quorum.trustees`. */
  readonly logQuorum: LogQuorum;
}

const contexts = new WeakMap<NetworkView, Promise<RegistryContext>>();

/**
 * Parses key and policy of a snapshot at its first use. Rejects with PaillierError, PolicyError, TariffError or LogError.
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
  hash,
  view,
}: RegistrySnapshot<NetworkView>): Promise<RegistryContext> {
  const key = engineKeyOf(await parsePublicKey(view.document.paillierKey));
  const policy = parsePolicy(view.document.policy);
  const quorum = await quorumOf(view);
  const logQuorum = await registeredQuorum(view, quorum.threshold);
  const keyId = fromHex(key.id, 32);
  const { calendars, prices = [] } = view.document;
  const banks = Object.entries(calendars).map(
    ([bank, value]) => [bank, parseCalendar(value)] as const,
  );
  const bySeries = pricesBySeries(
    prices.map((jws) => unverifiedDocument("smarter-metering/prices", jws)),
  );
  const pricesOf = ({ cost }: Calendar) =>
    cost === undefined
      ? []
      : (bySeries.get(cost.prices) ?? []).filter((each) => sameCostTerms(each, cost));
  return {
    epoch,
    hash: fromHex(hash, 32),
    view,
    key,
    keyId,
    policy,
    calendars: new Map(banks),
    prices: new Map(banks.map(([bank, calendar]) => [bank, pricesOf(calendar)])),
    quorum,
    logQuorum,
  };
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
