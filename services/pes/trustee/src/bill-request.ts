/**
 * BILL requests (docs/protocol.md §6.1, §8.1-8.3): one service point's registers over a billing window, as the difference of its two
 * borders. A raw register is never decrypted: a request has exactly two contributions, and their quotient is what is opened.
 */
import type { Engine } from "@smarter-metering/paillier";
import { bandSeconds, fuseWatts, type BandFacts, type BillFacts } from "@smarter-metering/policy";
import {
  billPacking,
  equalBytes,
  instantOf,
  toHex,
  type BillAggregateTerms,
  type BillRequest,
  type Contribution,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { differencesOf, states, type Aggregate } from "./aggregate.ts";
import { contributionsFault } from "./contribution-check.ts";
import { fault, type Fault, type Faulty } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";
import type { BillClaim, Spent } from "./spent.ts";

export interface BillToVerify {
  readonly kind: "BILL";
  readonly terms: BillRequest;
  readonly contributions: readonly Contribution[];
}

/** A bill whose borders are right, and are signed. */
interface Bordered {
  readonly kind: "BILL";
  readonly terms: BillRequest;
  readonly point: ServicePoint;
  readonly from: Contribution;
  readonly to: Contribution;
}
export interface VerifiedBill extends Bordered {
  readonly aggregate: Aggregate;
}

/** One result for each, in order; all differences are computed with one call of the engine. */
export async function verifyBills(
  bills: readonly BillToVerify[],
  context: RegistryContext,
  engine: Engine,
): Promise<(VerifiedBill | Faulty)[]> {
  const checked = await Promise.all(bills.map((bill) => checkBorders(bill, context)));
  const sound = checked.flatMap((one) => ("fault" in one ? [] : [one]));
  const differences = await differencesOf(engine, context.publicKey, sound);
  const differenceOf = new Map(sound.map((bill, index) => [bill, differences[index]]));
  return checked.map((one) => {
    if ("fault" in one) return one;
    const aggregate = differenceOf.get(one);
    if (aggregate === undefined || !states(one.terms.product, aggregate)) {
      const reason = "the product is not the difference of the borders";
      return { fault: fault("REQUEST_WRONG_PRODUCT", reason) };
    }
    return { ...one, aggregate };
  });
}

async function checkBorders(
  { kind, terms, contributions }: BillToVerify,
  context: RegistryContext,
): Promise<Bordered | Faulty> {
  const [from, to, ...more] = contributions;
  if (from === undefined || to === undefined || more.length > 0) {
    return { fault: fault("REQUEST_MALFORMED", "a bill has exactly two borders") };
  }
  const point = context.view.servicePoint(toHex(terms.networkPseudonym));
  if (point === undefined) {
    return { fault: fault("REQUEST_FOREIGN_CONTRIBUTION", "no such service point") };
  }
  const wrong =
    borderFault(from, point, context) ??
    borderFault(to, point, context) ??
    differFault(from, to) ??
    (await contributionsFault([from, to], point.profile, context));
  return wrong === undefined ? { kind, terms, point, from, to } : { fault: wrong };
}

function borderFault(
  { header }: Contribution,
  point: ServicePoint,
  { publicKey }: RegistryContext,
): Fault | undefined {
  if (header.stream !== "BILL") {
    return fault("REQUEST_WRONG_STREAM", `a border of stream ${header.stream}`);
  }
  if (toHex(header.networkPseudonym) !== point.network) {
    return fault("REQUEST_FOREIGN_CONTRIBUTION", "a border of another service point");
  }
  const packing = billPacking(publicKey.bits);
  if (header.valueBits !== packing.valueBits || header.slotBits !== packing.slotBits) {
    return fault("REQUEST_WRONG_PACKING", "a border is not packed as registered");
  }
  const { blockStart } = header;
  const isDay = localDayStart(blockStart, point.zone) === blockStart;
  if (!isDay || instantOf(header) !== addLocalDays(blockStart, 1, point.zone)) {
    return fault("REQUEST_WRONG_BLOCK", "a border is not the end of a local day");
  }
  return undefined;
}

/** Registers of two meters or two banks have nothing to do with each other. */
function differFault(
  { header: from }: Contribution,
  { header: to }: Contribution,
): Fault | undefined {
  const same =
    equalBytes(from.meterId, to.meterId) && equalBytes(from.registerBank, to.registerBank);
  if (same) return undefined;
  return fault("REQUEST_BORDERS_DIFFER", "the borders are of two meters or two register banks");
}

/** What the rules of the policy are asked about. */
export function billFacts(
  { terms, point, from, to }: VerifiedBill,
  spent: Spent,
  nowSeconds: number,
): BillFacts {
  const { header } = from;
  return {
    servicePoint: point.network,
    zone: point.zone,
    contractStartSeconds: point.contractStart,
    fromIsInstallation: header.count === 0 && instantOf(header) === point.contractStart,
    fromGridSeconds: terms.fromGrid,
    toGridSeconds: terms.toGrid,
    fromBorderSeconds: instantOf(header),
    toBorderSeconds: instantOf(to.header),
    recordedWindows: spent.windows(point.network),
    registerCount: point.bandCount + 1,
    complete: true,
    nowSeconds,
  };
}

/** A fuse lets that much more than its rating pass for long. */
const FUSE_TOLERANCE = 1.25;

/**
 * What the rules about bands are asked: the registers of the bank between the borders, import by bands and export in one. No bands when
 * the registry has no calendar for the bank, which no rule grants. Throws TariffError ZONE_UNKNOWN.
 */
export function bandFacts({ point, from, to }: VerifiedBill, context: RegistryContext): BandFacts {
  const calendar = context.calendars.get(toHex(to.header.registerBank));
  const [start, end] = [instantOf(from.header), instantOf(to.header)];
  return {
    bandSeconds: calendar ? [...bandSeconds(calendar, start, end, point.zone), end - start] : [],
    intervalSeconds: point.intervalSeconds,
    powerMaxWatts: fuseWatts(point.fuse) * FUSE_TOLERANCE,
  };
}

/** What the release spends. */
export function billClaim({ terms, point, from, to }: VerifiedBill): BillClaim {
  return {
    kind: "BILL",
    servicePoint: point.network,
    fromGridSeconds: terms.fromGrid,
    toGridSeconds: terms.toGrid,
    fromBorderSeconds: instantOf(from.header),
    toBorderSeconds: instantOf(to.header),
    registerBank: toHex(to.header.registerBank),
    hasCost: false,
  };
}

/** What is said about the consumption before it is known. */
export function billTerms(
  { terms, point, from, to }: VerifiedBill,
  { policy, epoch, publicKey }: RegistryContext,
  requestDigest: string,
): BillAggregateTerms {
  return {
    kind: "BILL",
    servicePointToken: point.mdmsToken,
    fromGrid: terms.fromGrid,
    toGrid: terms.toGrid,
    fromBorder: instantOf(from.header),
    toBorder: instantOf(to.header),
    registerBank: toHex(to.header.registerBank),
    policyId: policy.id,
    registryEpoch: epoch,
    paillierKeyId: publicKey.id,
    requestDigest,
  };
}
