/**
 * BILL requests (docs/protocol.md §6.1, §8.1-8.3): one service point's registers over a billing window, as the difference of its two
 * borders. A raw register is never decrypted: a request has exactly two contributions, and their quotient is what is opened.
 */
import { unpack, type Engine } from "@smarter-metering/paillier";
import type { BillFacts } from "@smarter-metering/policy";
import {
  billPacking,
  equalBytes,
  instantOf,
  REGISTERS,
  toHex,
  type BillRelease,
  type BillRequest,
  type Contribution,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { differenceOf, states, type Aggregate } from "./aggregate.ts";
import { contributionFault } from "./contribution-check.ts";
import { fault, firstFault, type Fault } from "./fault.ts";
import type { Ledger } from "./ledger.ts";
import type { RegistryContext } from "./registry-context.ts";

export interface VerifiedBill {
  readonly terms: BillRequest;
  readonly point: ServicePoint;
  readonly from: Contribution;
  readonly to: Contribution;
  readonly aggregate: Aggregate;
}

export async function verifyBill(
  terms: BillRequest,
  contributions: readonly Contribution[],
  context: RegistryContext,
  engine: Engine,
): Promise<VerifiedBill | { readonly fault: Fault }> {
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
    (await firstFault([from, to], (border) => contributionFault(border, point.profile, context)));
  if (wrong !== undefined) return { fault: wrong };
  const aggregate = await differenceOf(engine, context.publicKey, from, to);
  if (aggregate === undefined || !states(terms.product, aggregate)) {
    const reason = "the product is not the difference of the borders";
    return { fault: fault("REQUEST_WRONG_PRODUCT", reason) };
  }
  return { terms, point, from, to, aggregate };
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
  ledger: Ledger,
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
    recordedWindows: ledger.spentWindows(point.network),
    registerCount: point.bandCount + 1,
    complete: true,
    nowSeconds,
  };
}

/** Consumption per register; undefined when a register ran backwards or above its width (§5). */
export function billContent(
  { terms, point, from, to }: VerifiedBill,
  plaintext: bigint,
  { policy, epoch, publicKey }: RegistryContext,
  requestDigest: string,
): BillRelease | undefined {
  const packing = billPacking(publicKey.bits);
  const unpacked = unpack(packing, plaintext, { slots: REGISTERS, count: 1 });
  if (!unpacked.ok) return undefined;
  return {
    kind: "BILL",
    servicePointToken: point.mdmsToken,
    fromGrid: terms.fromGrid,
    toGrid: terms.toGrid,
    fromBorder: instantOf(from.header),
    toBorder: instantOf(to.header),
    registerBank: toHex(to.header.registerBank),
    registers_mWh: unpacked.values.map(String),
    policyId: policy.id,
    registryEpoch: epoch,
    paillierKeyId: publicKey.id,
    requestDigest,
  };
}
