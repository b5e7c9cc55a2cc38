/**
 * What the terms of a BILL request say (docs/protocol.md §8.1-8.3): one service point's registers over a billing window, from one border
 * to the other. Read by the trustee from the log; the two contributions must bear them out (bill-request.ts).
 */
import {
  bandSeconds,
  fuseWatts,
  type BandFacts,
  type BillFacts,
  type CostFacts,
} from "@smarter-metering/policy";
import {
  costClassSize,
  toHex,
  type BillAggregateTerms,
  type BillRequest,
  type NetworkView,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { costFactsOf, localDayStart, stepSecondsOf } from "@smarter-metering/tariff";
import { fault, type Faulty } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";
import type { BillClaim, Spent } from "./spent.ts";

/** Terms that fit the registry. */
export interface BillTerms {
  readonly kind: "BILL";
  readonly terms: BillRequest;
  readonly point: ServicePoint;
}

export function readBill(terms: BillRequest, context: RegistryContext): BillTerms | Faulty {
  const point = context.view.servicePoint(toHex(terms.networkPseudonym));
  if (point === undefined) {
    return { fault: fault("REQUEST_FOREIGN_CONTRIBUTION", "no such service point") };
  }
  const isMidnight = (instant: number): boolean => localDayStart(instant, point.zone) === instant;
  if (!isMidnight(terms.fromBorder) || !isMidnight(terms.toBorder)) {
    return { fault: fault("REQUEST_WRONG_BLOCK", "a border is not the end of a local day") };
  }
  if (hasCost(terms) && point.prices === undefined) {
    return { fault: fault("REQUEST_WRONG_STREAM", "a cost, and registers of energy alone") };
  }
  return { kind: "BILL", terms, point };
}

const hasCost = ({ costProduct }: BillRequest): boolean => costProduct.length > 0;

/** What the rules of the policy are asked about. */
export function billFacts(
  { terms, point }: BillTerms,
  spent: Spent,
  view: NetworkView,
  nowSeconds: number,
): BillFacts {
  return {
    servicePoint: point.network,
    zone: point.zone,
    contractStartSeconds: point.contractStart,
    contractEndSeconds: point.contractEnd,
    contractBeforeEndSeconds: contractBefore(point, view),
    fromIsInstallation: terms.fromBorder === point.contractStart,
    fromGridSeconds: terms.fromGrid,
    toGridSeconds: terms.toGrid,
    fromBorderSeconds: terms.fromBorder,
    toBorderSeconds: terms.toBorder,
    recordedWindows: spent.windows(point.network),
    registerCount: point.bandCount + (hasCost(terms) ? 2 : 1),
    complete: true,
    nowSeconds,
  };
}

/** When the newest contract ended that one of the service point's meters served before. */
function contractBefore(
  { network, contractEnd, meters }: ServicePoint,
  view: NetworkView,
): number | null {
  if (contractEnd === null) return null;
  const ends = meters
    .flatMap(({ meterId }) => view.contractsOf(meterId))
    .filter((other) => other.network !== network)
    .flatMap((other) => other.contractEnd ?? []);
  const before = ends.filter((end) => end < contractEnd);
  return before.length === 0 ? null : Math.max(...before);
}

/** A fuse lets that much more than its rating pass for long. */
const FUSE_TOLERANCE = 1.25;

/**
 * What the rules about bands are asked: the registers of the bank between the borders, import by bands and export in one. No bands when
 * the registry has no calendar for the bank, which no rule grants. Throws TariffError ZONE_UNKNOWN.
 */
export function bandFacts({ point, terms }: BillTerms, context: RegistryContext): BandFacts {
  const calendar = context.calendars.get(toHex(terms.registerBank));
  const { fromBorder: start, toBorder: end } = terms;
  return {
    bandSeconds: calendar ? [...bandSeconds(calendar, start, end, point.zone), end - start] : [],
    intervalSeconds: point.intervalSeconds,
    powerMaxWatts: fuseWatts(point.fuse) * FUSE_TOLERANCE,
  };
}

/**
 * What the rule about a cost is asked, of a bill that has one: the prices of the window, and who else is billed by them. `isLogged`: the
 * epoch that names them stood in the log before the request. Throws TariffError where the registry has not all of the prices.
 */
export function costFacts(
  { point, terms }: BillTerms,
  { view, calendars, prices }: RegistryContext,
  isLogged: boolean,
): CostFacts | undefined {
  if (!hasCost(terms)) return undefined;
  const bank = toHex(terms.registerBank);
  const span = { fromSeconds: terms.fromBorder, toSeconds: terms.toBorder };
  return costFactsOf(prices.get(bank) ?? [], span, {
    isLogged,
    classSize: costClassSize(view, { prices: point.prices ?? "", ...span }),
    bandCount: calendars.get(bank)?.bands.length ?? 0,
    powerMaxWatts: fuseWatts(point.fuse) * FUSE_TOLERANCE,
  });
}

/** What a release under these terms spends, whatever the registry says. */
export function billClaim(terms: BillRequest): BillClaim {
  return {
    kind: "BILL",
    servicePoint: toHex(terms.networkPseudonym),
    fromGridSeconds: terms.fromGrid,
    toGridSeconds: terms.toGrid,
    fromBorderSeconds: terms.fromBorder,
    toBorderSeconds: terms.toBorder,
    registerBank: toHex(terms.registerBank),
    hasCost: hasCost(terms),
  };
}

/** What is said about the consumption before it is known. */
export function billAggregateTerms(
  { terms, point }: BillTerms,
  { policy, epoch, publicKey, calendars }: RegistryContext,
  requestDigest: string,
): BillAggregateTerms {
  const calendar = calendars.get(toHex(terms.registerBank));
  const isWeighted = hasCost(terms) && calendar && stepSecondsOf(calendar) !== undefined;
  return {
    kind: "BILL",
    servicePointToken: point.mdmsToken,
    fromGrid: terms.fromGrid,
    toGrid: terms.toGrid,
    fromBorder: terms.fromBorder,
    toBorder: terms.toBorder,
    registerBank: toHex(terms.registerBank),
    hasCost: hasCost(terms),
    ...(isWeighted && { isCostWeighted: true as const }),
    policyId: policy.id,
    registryEpoch: epoch,
    paillierKeyId: publicKey.id,
    requestDigest,
  };
}
