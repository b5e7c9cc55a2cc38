/**
 * What a trustee takes from its pinned registry (docs/protocol.md §8.2), checked once per epoch: the policy it agreed to, the Paillier
 * key it holds, the calendars that registers follow, and the MDMS it seals to.
 */
import {
  parsePublicKey,
  serializeVerificationKey,
  type PublicKey,
} from "@smarter-metering/paillier";
import {
  isUnsafe,
  parsePolicy,
  type CostPrices,
  type ReleasePolicy,
} from "@smarter-metering/policy";
import {
  fromBase64Url,
  recipientFromSpki,
  registerBankOf,
  toHex,
  unverifiedDocument,
  type NetworkView,
  type Recipient,
  type RegistrySnapshot,
} from "@smarter-metering/protocol";
import {
  parseCalendar,
  priceAt,
  pricesBySeries,
  sameCostTerms,
  type Calendar,
  type DynamicPrices,
} from "@smarter-metering/tariff";
import { TrusteeError } from "./error.ts";
import { isShare, publicKeyOf, type HeldKey } from "./held-key.ts";

export interface RegistryContext {
  readonly epoch: number;
  /** SHA-256 of the epoch's JWS, hex: under this name it stands in the log. */
  readonly hash: string;
  readonly view: NetworkView;
  readonly policy: ReleasePolicy;
  readonly publicKey: PublicKey;
  readonly mdms: Recipient;
  /** By register bank. The objects of an epoch are the same for its life: what is known of a calendar is kept beside it. */
  readonly calendars: ReadonlyMap<string, Calendar>;
  /** By register bank, of those with a cost: the prices that it counts by, as far as they are known, and each alone. */
  readonly prices: ReadonlyMap<string, readonly DynamicPrices[]>;
  readonly costs: ReadonlyMap<string, CostPrices>;
}

export interface Pins {
  readonly heldKey: HeldKey;
  /** Undefined: any policy that keeps the hard floors. */
  readonly policyId: string | undefined;
  /** The one that is to follow, once the trustee's operator has agreed to it. */
  readonly nextPolicyId?: string | undefined;
}

/** Throws TRUSTEE_POLICY_REFUSED, TRUSTEE_WRONG_KEY, TRUSTEE_REGISTRY_INCOMPLETE, and what the parsers throw. */
export async function registryContext(
  { epoch, hash, view }: RegistrySnapshot<NetworkView>,
  pins: Pins,
): Promise<RegistryContext> {
  const policy = parsePolicy(view.document.policy);
  const { policyId, nextPolicyId } = pins;
  const accepted =
    policyId === undefined ? !isUnsafe(policy) : [policyId, nextPolicyId].includes(policy.id);
  if (!accepted) {
    const pinned = policyId ?? "any policy above the floors";
    const message = `registry epoch ${epoch} has policy ${policy.id}, this trustee accepts ${pinned}`;
    throw new TrusteeError("TRUSTEE_POLICY_REFUSED", message);
  }
  const publicKey = await parsePublicKey(view.document.paillierKey);
  if (publicKey.id !== publicKeyOf(pins.heldKey).id || !isSameCeremony(view, pins.heldKey)) {
    const message = `registry epoch ${epoch} names Paillier key ${publicKey.id}, not this trustee's`;
    throw new TrusteeError("TRUSTEE_WRONG_KEY", message);
  }
  const key = view.parties("mdms")[0]?.encryptionKey;
  if (key === undefined) {
    const message = `registry epoch ${epoch} has no MDMS with an encryption key`;
    throw new TrusteeError("TRUSTEE_REGISTRY_INCOMPLETE", message);
  }
  const mdms = await recipientFromSpki(fromBase64Url(key));
  const calendars = await calendarsOf(view, epoch);
  const prices = pricesOf(view, calendars);
  const costs = new Map(
    [...prices].map(([bank, documents]) => {
      const cost: CostPrices = { priceAt: (seconds) => priceAt(documents, seconds) };
      return [bank, cost] as const;
    }),
  );
  return { epoch, hash, view, policy, publicKey, mdms, calendars, prices, costs };
}

function pricesOf(
  { document }: NetworkView,
  calendars: ReadonlyMap<string, Calendar>,
): ReadonlyMap<string, readonly DynamicPrices[]> {
  const { prices: signed = [] } = document;
  const bySeries = pricesBySeries(
    signed.map((jws) => unverifiedDocument("smarter-metering/prices", jws)),
  );
  const byBank = [...calendars].flatMap(([bank, { cost }]) => {
    if (cost === undefined) return [];
    const series = bySeries.get(cost.prices) ?? [];
    return [[bank, series.filter((each) => sameCostTerms(each, cost))] as const];
  });
  return new Map(byBank);
}

/** A bank is the hash of its calendar: none but the one that the meters follow may be read for it. */
async function calendarsOf({ document }: NetworkView, epoch: number) {
  const calendars = new Map<string, Calendar>();
  for (const [bank, value] of Object.entries(document.calendars)) {
    const calendar = parseCalendar(value);
    if (toHex(await registerBankOf(calendar)) !== bank) {
      const message = `registry epoch ${epoch} has another calendar under register bank ${bank}`;
      throw new TrusteeError("TRUSTEE_REGISTRY_INCOMPLETE", message);
    }
    calendars.set(bank, calendar);
  }
  return calendars;
}

/** A holder of the whole key serves where no shares are registered; a share holder where its own ceremony's are. */
function isSameCeremony({ document }: NetworkView, held: HeldKey): boolean {
  const own = isShare(held) ? serializeVerificationKey(held.key) : undefined;
  return JSON.stringify(own) === JSON.stringify(document.verificationKey);
}
