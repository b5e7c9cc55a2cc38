/**
 * What each party may know of a state (docs/protocol.md §9.1), entry by entry. Run by the registry. A view names service points by one
 * pseudonym; the other pseudonym, the label and the enrolment code never enter it. Pure.
 */
import { comparePolicies } from "@smarter-metering/policy";
import {
  registerBankOf,
  toHex,
  type MdmsView,
  type NetworkViewDocument,
  type PublicView,
  type UcsView,
} from "@smarter-metering/protocol";
import { stepSecondsOf, type Tariff } from "@smarter-metering/tariff";
import { noticeOf } from "./policy-change.ts";
import {
  policyOf,
  type CohortVersion,
  type Neighbourhood,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";

/** What the root has signed of a state beside its epoch, for those who hold no view. */
export interface SignedDocuments {
  readonly openerKeys: string | undefined;
  readonly prices: readonly string[];
}

/** What a tariff's calendar says of its meters' registers. */
export type Bank = Pick<
  NetworkViewDocument["servicePoints"][number],
  "registerBank" | "bandCount" | "prices" | "stepSeconds"
>;

export async function banksOf(tariffs: ReadonlyMap<string, Tariff>) {
  const banks = new Map<string, Bank>();
  const calendars: NetworkViewDocument["calendars"] = {};
  for (const [id, { calendar }] of tariffs) {
    const registerBank = toHex(await registerBankOf(calendar));
    const { bands, cost } = calendar;
    const series = cost && { prices: cost.prices };
    const stepSeconds = stepSecondsOf(calendar);
    const steps = stepSeconds !== undefined && { stepSeconds };
    banks.set(id, { registerBank, bandCount: bands.length, ...series, ...steps });
    calendars[registerBank] = calendar;
  }
  return { banks, calendars };
}

type InParts = "prices" | "cohorts" | "servicePoints";

interface Heads {
  readonly network: Omit<NetworkViewDocument, InParts>;
  readonly mdms: Omit<MdmsView, InParts>;
  readonly ucs: Omit<UcsView, InParts>;
  readonly public: Omit<PublicView, InParts>;
}

export function headsOf(
  state: RegistryState,
  calendars: NetworkViewDocument["calendars"],
  { openerKeys }: SignedDocuments,
): Heads {
  const { parties, paillierKey, policy, policyNotice, consumptionClasses, tariffs } = state;
  const { verificationKey } = state;
  const shared = verificationKey !== undefined && { verificationKey };
  const everybodys = {
    parties,
    ...(openerKeys !== undefined && { openerKeys }),
    paillierKey,
    ...shared,
    policy,
    ...(policyNotice && { policyNotice }),
    calendars,
  };
  return {
    network: { kind: "smarter-metering/network-view", ...everybodys, consumptionClasses },
    mdms: {
      kind: "smarter-metering/mdms-view",
      parties,
      policy,
      ...(policyNotice && { policyNotice }),
      ...shared,
      tariffs,
    },
    ucs: { kind: "smarter-metering/ucs-view", parties, ...noticeForCustomers(state) },
    public: { kind: "smarter-metering/public-view", ...everybodys, tariffs },
  };
}

/** In words: the portal knows neither policies nor rules. */
function noticeForCustomers(state: RegistryState): Pick<UcsView, "policyNotice"> {
  const notice = noticeOf(state);
  if (notice === undefined) return {};
  const { policy, inForceFrom } = notice;
  const changes = comparePolicies(policyOf(state), policy).map(({ text }) => text);
  return { policyNotice: { policyId: policy.id, inForceFrom, changes } };
}

export function networkPoint(
  point: ServicePointRecord,
  { zone, profile }: Neighbourhood,
  bank: Bank,
): NetworkViewDocument["servicePoints"][number] {
  const { network, fuse, consumptionClass, intervalSeconds, contractStart, contractEnd } = point;
  const { mdmsToken, meters } = point;
  const contract = { intervalSeconds, contractStart, contractEnd };
  return {
    network,
    zone,
    fuse,
    consumptionClass,
    profile,
    ...contract,
    ...bank,
    mdmsToken,
    meters,
  };
}

export const mdmsPoint = (
  { mdms, tariff, contractStart, contractEnd, statements }: ServicePointRecord,
  { zone }: Neighbourhood,
): MdmsView["servicePoints"][number] => ({
  servicePoint: mdms,
  zone,
  tariff,
  contractStart,
  contractEnd,
  statements,
});

export const ucsPoint = ({
  network,
  contractStart,
  contractEnd,
  meters,
}: ServicePointRecord): UcsView["servicePoints"][number] => ({
  network,
  contractStart,
  contractEnd,
  meters: meters.map(({ meterId, signingKey }) => ({ meterId, signingKey })),
});

export const mdmsCohort = ({
  id,
  version,
  fromBlock,
  zone,
  intervalSeconds,
  members,
}: CohortVersion): MdmsView["cohorts"][number] => ({
  id,
  version,
  fromBlock,
  zone,
  intervalSeconds,
  members: members.length,
});

export const publicCohort = (cohort: CohortVersion): PublicView["cohorts"][number] => ({
  ...cohort,
  members: cohort.members.length,
});
