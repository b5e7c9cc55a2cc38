/**
 * What each party may know of a state (docs/protocol.md §9.1). Run by the registry. A view names service points by one pseudonym and
 * orders them by it; the other pseudonym, the label and the enrolment code never enter it. Pure, so that an epoch can be made again.
 */
import { comparePolicies } from "@smarter-metering/policy";
import {
  registerBankOf,
  toHex,
  type MdmsView,
  type NetworkViewDocument,
  type PublicView,
  type UcsView,
  type ViewName,
} from "@smarter-metering/protocol";
import { stepSecondsOf, type Tariff } from "@smarter-metering/tariff";
import { RegistryError } from "./error.ts";
import { noticeOf } from "./policy-change.ts";
import {
  policyOf,
  type Neighbourhood,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";

export interface Views {
  readonly network: NetworkViewDocument;
  readonly mdms: MdmsView;
  readonly ucs: UcsView;
  readonly public: PublicView;
}

/** What the root has signed of a state beside its epoch, for those who hold no view. */
export interface SignedDocuments {
  readonly openerKeys?: string | undefined;
  readonly prices?: readonly string[];
}

/** What a tariff's calendar says of its meters' registers. */
type Bank = Pick<
  NetworkViewDocument["servicePoints"][number],
  "registerBank" | "bandCount" | "prices" | "stepSeconds"
>;

/** `tariffs` are the parsed documents of `state.tariffs`, by id. */
export async function viewsOf(
  state: RegistryState,
  tariffs: ReadonlyMap<string, Tariff>,
  { openerKeys, prices = [] }: SignedDocuments = {},
): Promise<Views> {
  const neighbourhoods = new Map(state.neighbourhoods.map((entry) => [entry.id, entry]));
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
  const { parties, paillierKey, policy, consumptionClasses, cohorts } = state;
  const shared = state.verificationKey !== undefined && {
    verificationKey: state.verificationKey,
  };
  const priced = prices.length > 0 && { prices: [...prices] };
  const { policyNotice } = state;
  const everybodys = {
    parties,
    ...(openerKeys !== undefined && { openerKeys }),
    paillierKey,
    ...shared,
    policy,
    ...(policyNotice && { policyNotice }),
    calendars,
    ...priced,
  };
  const byNetwork = state.servicePoints.toSorted((a, b) => (a.network < b.network ? -1 : 1));
  const byMdms = state.servicePoints.toSorted((a, b) => (a.mdms < b.mdms ? -1 : 1));
  return {
    network: {
      kind: "smarter-metering/network-view",
      ...everybodys,
      consumptionClasses,
      cohorts,
      servicePoints: byNetwork.map((point) =>
        networkPoint(
          point,
          known(neighbourhoods.get(point.neighbourhood)),
          known(banks.get(point.tariff)),
        ),
      ),
    },
    mdms: {
      kind: "smarter-metering/mdms-view",
      parties,
      policy,
      ...(policyNotice && { policyNotice }),
      ...shared,
      tariffs: state.tariffs,
      ...priced,
      cohorts: cohorts.map(({ id, version, fromBlock, zone, intervalSeconds, members }) => ({
        id,
        version,
        fromBlock,
        zone,
        intervalSeconds,
        members: members.length,
      })),
      servicePoints: byMdms.map(({ mdms, neighbourhood, tariff, ...point }) => ({
        servicePoint: mdms,
        zone: known(neighbourhoods.get(neighbourhood)).zone,
        tariff,
        contractStart: point.contractStart,
        contractEnd: point.contractEnd,
        statements: point.statements,
      })),
    },
    ucs: {
      kind: "smarter-metering/ucs-view",
      parties,
      ...noticeForCustomers(state),
      servicePoints: byNetwork.map(({ network, contractStart, contractEnd, meters }) => ({
        network,
        contractStart,
        contractEnd,
        meters: meters.map(({ meterId, signingKey }) => ({ meterId, signingKey })),
      })),
    },
    public: {
      kind: "smarter-metering/public-view",
      ...everybodys,
      tariffs: state.tariffs,
      cohorts: cohorts.map((cohort) => ({ ...cohort, members: cohort.members.length })),
    },
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

function networkPoint(
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

function known<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  const message = "a service point names a neighbourhood or a tariff that the state does not hold";
  throw new RegistryError("REGISTRY_DAMAGED", message);
}

/** The bytes that are hashed into the epoch and served. */
export function viewTexts(views: Views): Record<ViewName, string> {
  return {
    network: JSON.stringify(views.network),
    mdms: JSON.stringify(views.mdms),
    ucs: JSON.stringify(views.ucs),
    public: JSON.stringify(views.public),
  };
}
