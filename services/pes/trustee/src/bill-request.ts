/**
 * Whether the two contributions of a BILL request bear out its terms (docs/protocol.md §6.1, §8.2). A raw register is never decrypted: a
 * request has exactly two contributions, and their quotient is what is opened. Run by the trustee.
 */
import type { Engine } from "@smarter-metering/paillier";
import {
  billPacking,
  equalBytes,
  instantOf,
  toHex,
  type Contribution,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { differencesOf, states, type Aggregate } from "./aggregate.ts";
import type { BillTerms } from "./bill-terms.ts";
import { contributionsFault } from "./contribution-check.ts";
import { fault, type Fault, type Faulty } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";

export interface BillToVerify {
  readonly bill: BillTerms;
  readonly contributions: readonly Contribution[];
}

/** A bill whose borders are right, and are signed. */
interface Bordered {
  readonly bill: BillTerms;
  readonly from: Contribution;
  readonly to: Contribution;
}

/** One result for each, in order; all differences are computed with one call of the engine. */
export async function verifyBills(
  bills: readonly BillToVerify[],
  context: RegistryContext,
  engine: Engine,
): Promise<(Aggregate | Faulty)[]> {
  const checked = await Promise.all(bills.map((bill) => checkBorders(bill, context)));
  const sound = checked.flatMap((one) => ("fault" in one ? [] : [one]));
  const differences = await differencesOf(engine, context.publicKey, sound);
  const differenceOf = new Map(sound.map((bill, index) => [bill, differences[index]]));
  return checked.map((one) => {
    if ("fault" in one) return one;
    const aggregate = differenceOf.get(one);
    if (aggregate !== undefined && states(one.bill.terms.product, aggregate)) return aggregate;
    const reason = "the product is not the difference of the borders";
    return { fault: fault("REQUEST_WRONG_PRODUCT", reason) };
  });
}

async function checkBorders(
  { bill, contributions }: BillToVerify,
  context: RegistryContext,
): Promise<Bordered | Faulty> {
  const [from, to, ...more] = contributions;
  if (from === undefined || to === undefined || more.length > 0) {
    return { fault: fault("REQUEST_MALFORMED", "a bill has exactly two borders") };
  }
  const { terms, point } = bill;
  const wrong =
    borderFault(from, terms.fromBorder, bill, context) ??
    borderFault(to, terms.toBorder, bill, context) ??
    differFault(from, to) ??
    (await contributionsFault([from, to], point.profile, context));
  return wrong === undefined ? { bill, from, to } : { fault: wrong };
}

function borderFault(
  { header }: Contribution,
  instant: number,
  { terms, point }: BillTerms,
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
  const isEnd = instantOf(header) === addLocalDays(blockStart, 1, point.zone);
  if (!isDay || !isEnd || instantOf(header) !== instant) {
    return fault("REQUEST_WRONG_BLOCK", "a border is not the end of its local day");
  }
  if (instant === point.contractStart && header.count > 0) {
    return fault("REQUEST_WRONG_BLOCK", "the first border is not the installation's");
  }
  if (!equalBytes(header.registerBank, terms.registerBank)) {
    return fault("REQUEST_BORDERS_DIFFER", "a border is of another register bank than stated");
  }
  return undefined;
}

/** Registers of two meters have nothing to do with each other. */
function differFault(
  { header: from }: Contribution,
  { header: to }: Contribution,
): Fault | undefined {
  if (equalBytes(from.meterId, to.meterId)) return undefined;
  return fault("REQUEST_BORDERS_DIFFER", "the borders are of two meters");
}
