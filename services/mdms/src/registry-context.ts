/** What the MDMS reads from one registry epoch, parsed and verified once (docs/protocol.md §9). Public data only. */
import { parseVerificationKey, type VerificationKey } from "@smarter-metering/paillier";
import { parsePolicy, type ReleasePolicy } from "@smarter-metering/policy";
import {
  fromHex,
  ProtocolError,
  registerBankOf,
  toHex,
  unverifiedDocument,
  verifyDocument,
  type MdmsView,
  type RegistryFeed,
  type RegistrySnapshot,
} from "@smarter-metering/protocol";
import {
  parseDynamicPrices,
  parseTariff,
  TariffError,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";

export type MdmsCohort = MdmsView["cohorts"][number];
export type MdmsServicePoint = MdmsView["servicePoints"][number];

export interface RegisteredTariff {
  readonly tariff: Tariff;
  /** Hex: names the calendar that a meter's registers follow. */
  readonly registerBank: string;
}

export interface SignedPrices {
  readonly document: DynamicPrices;
  /** By the registry's root. */
  readonly jws: string;
}

export interface PolicyNotice {
  readonly policy: ReleasePolicy;
  readonly inForceFrom: number;
}

export interface RegistryContext {
  readonly epoch: number;
  /** SHA-256 of the signed epoch, hex. */
  readonly hash: string;
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly parties: MdmsView["parties"];
  readonly policy: ReleasePolicy;
  /** One that is announced, and when it may be in force. */
  readonly policyNotice: PolicyNotice | undefined;
  /**
   * Whether this was the policy of that epoch or is the present one's: answers made before a policy changed may come after. Undefined while
   * the registry cannot be read.
   */
  hadPolicy(policyId: string, epoch: number): Promise<boolean | undefined>;
  readonly trusteeKeys: readonly Uint8Array[];
  /** Present where trustees hold shares of the Paillier key; then the MDMS combines their answers. */
  readonly verificationKey: VerificationKey | undefined;
  /** The signing key of the trustee with this number in the key ceremony. */
  shareHolder(index: number): Uint8Array | undefined;
  readonly tariffSignerKeys: readonly Uint8Array[];
  /** Those signed by a registered tariff signer, by id; others are left out. */
  readonly tariffs: ReadonlyMap<string, RegisteredTariff>;
  /** The same as they were signed, JWS. */
  readonly signedTariffs: ReadonlyMap<string, string>;
  /** By series, then start (§6.6): those of 400 days and of the days to come. */
  readonly prices: readonly SignedPrices[];
  /** By MDMS pseudonym, in the order of the pseudonyms. */
  readonly servicePoints: ReadonlyMap<string, MdmsServicePoint>;
  /** The newest version of each cohort, by id. */
  readonly cohorts: ReadonlyMap<string, MdmsCohort>;
  /** Every version there ever was, of every cohort, the oldest first. */
  readonly cohortVersions: readonly MdmsCohort[];
  /** The version of a cohort in force for a block. */
  cohortAt(id: string, blockStart: number): MdmsCohort | undefined;
}

const contexts = new WeakMap<MdmsView, Promise<RegistryContext>>();

/** Parses the newest snapshot at its first use. Rejects with PolicyError or PaillierError for a bad one. */
export function registryContext(registry: RegistryFeed<MdmsView>): Promise<RegistryContext> {
  const snapshot = registry.current();
  let context = contexts.get(snapshot.view);
  if (context === undefined) {
    context = parseContext(snapshot, registry);
    contexts.set(snapshot.view, context);
  }
  return context;
}

async function parseContext(
  { epoch, hash, issuedAt, view }: RegistrySnapshot<MdmsView>,
  registry: RegistryFeed<MdmsView>,
): Promise<RegistryContext> {
  const policy = parsePolicy(view.policy);
  /** By epoch, as far as anybody asked: answers are late by hours, so these are few. */
  const earlierPolicies = new Map<number, unknown>();
  const keysOf = (role: string): Uint8Array[] =>
    view.parties
      .filter((party) => party.role === role)
      .map(({ signingKey }) => fromHex(signingKey, 32));
  const tariffs = new Map<string, RegisteredTariff>();
  const signedTariffs = new Map<string, string>();
  for (const jws of view.tariffs) {
    const tariff = await verifiedTariff(jws, keysOf("tariff-signer"));
    if (tariff === undefined) continue;
    const registerBank = toHex(await registerBankOf(tariff.calendar));
    tariffs.set(tariff.tariff, { tariff, registerBank });
    signedTariffs.set(tariff.tariff, jws);
  }
  const versions = view.cohorts.toSorted((a, b) => a.version - b.version);
  const points = view.servicePoints.toSorted((a, b) => (a.servicePoint < b.servicePoint ? -1 : 1));
  const { parties, policyNotice: notice } = view;
  return {
    epoch,
    hash,
    issuedAt,
    parties,
    policy,
    policyNotice: notice && { ...notice, policy: parsePolicy(notice.policy) },
    async hadPolicy(policyId, earlier) {
      if (policyId === policy.id) return true;
      try {
        const known = earlierPolicies.get(earlier) ?? (await registry.at(earlier))?.view.policy;
        if (known === undefined) return false;
        earlierPolicies.set(earlier, known);
        return parsePolicy(known).id === policyId;
      } catch {
        return undefined; // The message waits; the registry's own trouble is logged where it is refreshed.
      }
    },
    trusteeKeys: keysOf("trustee"),
    verificationKey:
      view.verificationKey === undefined
        ? undefined
        : await parseVerificationKey(view.verificationKey),
    shareHolder(index) {
      const holder = view.parties.find(
        ({ role, trusteeIndex }) => role === "trustee" && trusteeIndex === index,
      );
      return holder && fromHex(holder.signingKey, 32);
    },
    tariffSignerKeys: keysOf("tariff-signer"),
    tariffs,
    signedTariffs,
    prices: (view.prices ?? []).flatMap(readPrices),
    servicePoints: new Map(points.map((point) => [point.servicePoint, point])),
    cohorts: new Map(versions.map((cohort) => [cohort.id, cohort])),
    cohortVersions: versions,
    cohortAt: (id, blockStart) =>
      versions.findLast((cohort) => cohort.id === id && cohort.fromBlock <= blockStart),
  };
}

/** None of one that says no prices: bills do not rest on it, only their customers' own sums do. */
function readPrices(jws: string): SignedPrices[] {
  try {
    const document = unverifiedDocument("smarter-metering/prices", jws);
    return [{ document: parseDynamicPrices(document), jws }];
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof TariffError)) throw error;
    return [];
  }
}

async function verifiedTariff(
  jws: string,
  signers: readonly Uint8Array[],
): Promise<Tariff | undefined> {
  for (const key of signers) {
    try {
      return parseTariff(await verifyDocument("smarter-metering/tariff", jws, key));
    } catch (error) {
      // Perhaps another signer's; a bill by a tariff that no signer vouches for is refused.
      if (!(error instanceof ProtocolError || error instanceof TariffError)) throw error;
    }
  }
  return undefined;
}
