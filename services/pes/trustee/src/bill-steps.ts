/**
 * Whether the STEPS contributions of a BILL request cover its window (docs/protocol.md §6.6, §8.2), and what each step counts with: the
 * prices are those that the registry epoch named by the request has, and no others. Run by the trustee.
 */
import {
  billPacking,
  ciphertextsIn,
  equalBytes,
  instantOf,
  toHex,
  valuedSlots,
  type Contribution,
} from "@smarter-metering/protocol";
import { addLocalDays, countedPrices, localDayStart, TariffError } from "@smarter-metering/tariff";
import type { Segment, WeightedSteps } from "./aggregate.ts";
import type { BillTerms } from "./bill-terms.ts";
import { fault, firstFault, type Fault } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";

/** Every step between the borders once, in the order of time, of the meter that served then, and none without its readings. */
export function stepsFault(
  contributions: readonly Contribution[],
  segments: readonly Segment[],
  bill: BillTerms,
  context: RegistryContext,
): Fault | undefined {
  const { fromBorder, toBorder } = bill.terms;
  let reached = fromBorder;
  const found = firstFault(contributions, (steps) => {
    const { header } = steps;
    const start = header.blockStart + header.firstSlot * header.intervalSeconds;
    const wrong = headerFault(steps, bill, context);
    if (wrong !== undefined) return wrong;
    if (start !== reached) return fault("REQUEST_WRONG_BLOCK", "steps leave a gap, or come twice");
    reached = instantOf(header);
    const isServed = segments.some(
      ({ from, to }) =>
        equalBytes(header.meterId, from.header.meterId) &&
        instantOf(from.header) <= start &&
        reached <= instantOf(to.header),
    );
    return isServed
      ? undefined
      : fault("REQUEST_BORDERS_DIFFER", "steps are of another meter than the borders around them");
  });
  if (found !== undefined || reached === toBorder) return found;
  return fault("REQUEST_WRONG_BLOCK", "steps end before the window does, or after it");
}

function headerFault(
  { header, ciphertext }: Contribution,
  { terms, point }: BillTerms,
  { publicKey, calendars }: RegistryContext,
): Fault | undefined {
  const { blockStart, count } = header;
  if (header.stream !== "STEPS") {
    return fault("REQUEST_WRONG_STREAM", `a step's energy of stream ${header.stream}`);
  }
  if (toHex(header.networkPseudonym) !== point.network) {
    return fault("REQUEST_FOREIGN_CONTRIBUTION", "steps of another service point");
  }
  if (!equalBytes(header.registerBank, terms.registerBank)) {
    return fault("REQUEST_BORDERS_DIFFER", "steps are of another register bank than stated");
  }
  const { valueBits, slotBits } = billPacking(publicKey.bits);
  const isPacked = header.valueBits === valueBits && header.slotBits === slotBits;
  if (!isPacked || ciphertext.length !== ciphertextsIn(header) * (publicKey.bits / 4)) {
    return fault("REQUEST_WRONG_PACKING", "steps are not packed as registered");
  }
  const cost = calendars.get(toHex(terms.registerBank))?.cost;
  const isOfDay =
    header.intervalSeconds === cost?.stepSeconds &&
    count > 0 &&
    localDayStart(blockStart, point.zone) === blockStart &&
    instantOf(header) <= addLocalDays(blockStart, 1, point.zone);
  if (!isOfDay) return fault("REQUEST_WRONG_BLOCK", "steps are not those of a local day");
  return valuedSlots(header) === count
    ? undefined
    : fault("REQUEST_WRONG_MEMBERS", "a step without all of its readings has no cost");
}

/** The ciphertexts of steps that cover the window, and their weights; undefined where the epoch has not all of the prices. */
export function weighted(
  contributions: readonly Contribution[],
  { terms }: BillTerms,
  { prices, publicKey }: RegistryContext,
): WeightedSteps | undefined {
  const bytes = publicKey.bits / 4;
  const ciphertexts = contributions.flatMap(({ header, ciphertext }) =>
    Array.from({ length: ciphertextsIn(header) }, (_, step) =>
      ciphertext.subarray(step * bytes, (step + 1) * bytes),
    ),
  );
  const span = { fromSeconds: terms.fromBorder, toSeconds: terms.toBorder };
  try {
    const documents = prices.get(toHex(terms.registerBank)) ?? [];
    return { ciphertexts, weights: countedPrices(documents, span) };
  } catch (error) {
    if (error instanceof TariffError) return undefined;
    throw error;
  }
}
