/**
 * Whether the contributions of a BILL request bear out its terms (docs/protocol.md §6.1, §7.3, §8.2). A raw register is never decrypted: a
 * request has two contributions for each meter of the window, and where the bill has a cost two more, or all steps of its prices; the
 * products of the quotients, and of the weighted steps, are what is opened. Run by the trustee.
 */
import type { Engine } from "@smarter-metering/paillier";
import {
  billPacking,
  encodeContributionHeader,
  equalBytes,
  installedAt,
  instantOf,
  isBorder,
  servedUntil,
  toHex,
  type Contribution,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart, stepSecondsOf } from "@smarter-metering/tariff";
import {
  differencesOf,
  states,
  weightedSumOf,
  type Aggregate,
  type Segment,
  type WeightedSteps,
} from "./aggregate.ts";
import { stepsFault, weighted } from "./bill-steps.ts";
import type { BillTerms } from "./bill-terms.ts";
import { contributionsFault } from "./contribution-check.ts";
import { fault, firstFault, type Fault, type Faulty } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";

export interface BillToVerify {
  readonly bill: BillTerms;
  readonly contributions: readonly Contribution[];
}

/** Meters that one window may have had, one after the other. */
const SEGMENTS_MAX = 8;

/** A bill whose borders are right, and are signed. */
interface Bordered {
  readonly bill: BillTerms;
  readonly segments: readonly Segment[];
  /** Of a bill that has a cost: the same borders' contributions to COST, or the steps between them. */
  readonly costs: readonly Segment[] | WeightedSteps | undefined;
}

const areSegments = (costs: Bordered["costs"]): costs is readonly Segment[] => Array.isArray(costs);

/** What is opened of one bill. */
export interface BillAggregates {
  readonly aggregate: Aggregate;
  readonly cost?: Aggregate;
}

/** One result for each, in order; all differences are computed with one call of the engine, weighted sums one by one. */
export async function verifyBills(
  bills: readonly BillToVerify[],
  context: RegistryContext,
  engine: Engine,
): Promise<(BillAggregates | Faulty)[]> {
  const checked = await Promise.all(bills.map((bill) => checkBorders(bill, context)));
  const sound = checked.flatMap((one) => ("fault" in one ? [] : [one]));
  const parts = sound.flatMap(({ segments, costs }) =>
    areSegments(costs) ? [segments, costs] : [segments],
  );
  const differences = await differencesOf(engine, context.publicKey, parts);
  const computed = new Map<NonNullable<Bordered["costs"]>, Aggregate | undefined>(
    parts.map((part, index) => [part, differences[index]]),
  );
  for (const { costs } of sound) {
    if (costs === undefined || areSegments(costs)) continue;
    computed.set(costs, await weightedSumOf(engine, context.publicKey, costs));
  }
  return checked.map((one) => {
    if ("fault" in one) return one;
    const { segments, costs, bill } = one;
    const { product, costProduct } = bill.terms;
    const aggregate = computed.get(segments);
    const cost = costs && computed.get(costs);
    const isStated =
      aggregate !== undefined &&
      states(product, aggregate) &&
      (costs === undefined || (cost !== undefined && states(costProduct, cost)));
    if (isStated) return { aggregate, ...(cost && { cost }) };
    const reason = "a product is not what the contributions make";
    return { fault: fault("REQUEST_WRONG_PRODUCT", reason) };
  });
}

async function checkBorders(
  { bill, contributions }: BillToVerify,
  context: RegistryContext,
): Promise<Bordered | Faulty> {
  const { point, terms } = bill;
  const hasCost = terms.costProduct.length > 0;
  const calendar = context.calendars.get(toHex(terms.registerBank));
  if (hasCost && calendar && stepSecondsOf(calendar) !== undefined) {
    return checkSteps({ bill, contributions }, context);
  }
  const half = contributions.length / 2;
  const borders = hasCost ? contributions.slice(0, half) : contributions;
  const costBorders = hasCost ? contributions.slice(half) : [];
  const segments = segmentsOf(borders);
  const costs = hasCost ? segmentsOf(costBorders) : undefined;
  if (segments === undefined || (hasCost && costs?.length !== segments.length)) {
    return { fault: fault("REQUEST_MALFORMED", "a bill has two borders for each of its meters") };
  }
  const wrong =
    firstFault(borders, (border) => borderFault(border, bill, context)) ??
    spanFault(segments, bill) ??
    firstFault(borders, (border, index) => costFault(border, costBorders[index])) ??
    (await contributionsFault(contributions, point.profile, context));
  return wrong === undefined ? { bill, segments, costs } : { fault: wrong };
}

/** Borders, and behind them every step between: of a bill whose prices were known afterwards. */
async function checkSteps(
  { bill, contributions }: BillToVerify,
  context: RegistryContext,
): Promise<Bordered | Faulty> {
  const behind = contributions.findIndex(({ header }) => header.stream !== "BILL");
  const borders = behind < 0 ? contributions : contributions.slice(0, behind);
  const steps = contributions.slice(borders.length);
  const segments = segmentsOf(borders);
  if (segments === undefined || steps.length === 0) {
    const reason = "a bill has two borders for each of its meters, and the steps between them";
    return { fault: fault("REQUEST_MALFORMED", reason) };
  }
  const wrong =
    firstFault(borders, (border) => borderFault(border, bill, context)) ??
    spanFault(segments, bill) ??
    stepsFault(steps, segments, bill, context) ??
    (await contributionsFault(contributions, bill.point.profile, context));
  if (wrong !== undefined) return { fault: wrong };
  const costs = weighted(steps, bill, context);
  if (costs !== undefined) return { bill, segments, costs };
  return { fault: fault("REQUEST_WRONG_PRODUCT", "not every step of the window has a price") };
}

/** A cost is counted by the meter whose energy is billed, in the same frame: but for the stream, both say the same. */
function costFault(
  { header: border }: Contribution,
  cost: Contribution | undefined,
): Fault | undefined {
  if (cost === undefined) return undefined; // A bill without one.
  if (cost.header.stream !== "COST") {
    return fault("REQUEST_WRONG_STREAM", `a cost of stream ${cost.header.stream}`);
  }
  const expected = encodeContributionHeader({ ...border, stream: "COST" });
  return equalBytes(cost.headerBytes, expected)
    ? undefined
    : fault("REQUEST_BORDERS_DIFFER", "a cost is of another frame than its border");
}

/** In the order of time: from and to of the first meter, of the second, … */
function segmentsOf(contributions: readonly Contribution[]): Segment[] | undefined {
  const segments: Segment[] = [];
  for (let at = 0; at < contributions.length; at += 2) {
    const [from, to] = [contributions[at], contributions[at + 1]];
    if (from === undefined || to === undefined) return undefined;
    segments.push({ from, to });
  }
  return segments.length >= 1 && segments.length <= SEGMENTS_MAX ? segments : undefined;
}

function borderFault(
  { header }: Contribution,
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
  if (!isDay || !isBorder(point, header, addLocalDays(blockStart, 1, point.zone))) {
    const reason = "a border is neither the end of its local day nor of its meter's service";
    return fault("REQUEST_WRONG_BLOCK", reason);
  }
  if (!equalBytes(header.registerBank, terms.registerBank)) {
    return fault("REQUEST_BORDERS_DIFFER", "a border is of another register bank than stated");
  }
  return undefined;
}

/**
 * From the first border to the last without a gap: registers of two meters have nothing to do with each other, so each counts from its
 * own installation, at which the one before was taken away.
 */
function spanFault(segments: readonly Segment[], { terms, point }: BillTerms): Fault | undefined {
  let reached = terms.fromBorder;
  const meters = new Set<string>();
  for (const [index, { from, to }] of segments.entries()) {
    const meterId = toHex(from.header.meterId);
    if (!equalBytes(from.header.meterId, to.header.meterId) || meters.has(meterId)) {
      return fault("REQUEST_BORDERS_DIFFER", "the borders are of two meters");
    }
    meters.add(meterId);
    const begins = instantOf(from.header);
    const ends = instantOf(to.header);
    if (begins !== reached || ends <= begins) {
      return fault("REQUEST_WRONG_BLOCK", "a border is not at the instant that the terms name");
    }
    const isInstallation = from.header.count === 0;
    const isInstalled = begins === installedAt(point, meterId);
    const mustEnd = index < segments.length - 1;
    if (
      isInstallation !== isInstalled ||
      (index > 0 && !isInstalled) ||
      (mustEnd && ends !== servedUntil(point, meterId))
    ) {
      return fault(
        "REQUEST_WRONG_BLOCK",
        "a border is not where its meter's service begins or ends",
      );
    }
    reached = ends;
  }
  if (reached === terms.toBorder) return undefined;
  return fault("REQUEST_WRONG_BLOCK", "a border is not at the instant that the terms name");
}
