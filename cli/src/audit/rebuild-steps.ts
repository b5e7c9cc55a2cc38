/**
 * The product of a bill's cost, made again from the STEPS contributions between its borders and the prices that the registry names
 * (docs/protocol.md §6.6, §8.2): prices that were known only afterwards. Ciphertexts and public prices alone.
 */
import {
  validateCiphertexts,
  weightedSums,
  type Engine,
  type PublicKey,
  type Weighted,
} from "@smarter-metering/paillier";
import {
  ciphertextsIn,
  instantOf,
  toHex,
  unverifiedDocument,
  valuedSlots,
  type Contribution,
  type NetworkView,
} from "@smarter-metering/protocol";
import {
  countedPrices,
  parseCalendar,
  pricesBySeries,
  sameCostTerms,
  TariffError,
  type PricedSpan,
} from "@smarter-metering/tariff";
import { BrokenLink } from "./broken-link.ts";

/** Room for every weight that R9 lets pass. */
const WEIGHTS_MAX = 2 ** 32 - 1;

export interface StepsBill {
  readonly network: string;
  /** Hex. */
  readonly registerBank: string;
  readonly span: PricedSpan;
}

/** Π c_t^(w_t). Throws BrokenLink at `members` or `product`. */
export async function weightedProductOf(
  steps: readonly Contribution[],
  bill: StepsBill,
  view: NetworkView,
  engine: Engine,
  key: PublicKey,
): Promise<Uint8Array> {
  refuseGaps(steps, bill);
  const bytes = key.bits / 4;
  const candidates = steps.flatMap(({ header, ciphertext }) =>
    Array.from({ length: ciphertextsIn(header) }, (_, step) =>
      ciphertext.subarray(step * bytes, (step + 1) * bytes),
    ),
  );
  const weights = weightsOf(bill, view);
  const verdicts = await validateCiphertexts(engine, key, candidates, { weightMax: WEIGHTS_MAX });
  const terms = verdicts.map((verdict, index): Weighted => {
    const factor = weights[index];
    if (verdict.ok && factor !== undefined) return { ciphertext: verdict.ciphertext, factor };
    const message = `step ${index + 1} of the window holds no ciphertext of the registered key`;
    throw new BrokenLink("product", "CONTRIBUTION_CIPHERTEXT", message);
  });
  const [sum] = await weightedSums(engine, key, [terms]);
  if (sum === undefined) throw new RangeError("one sum of one bill");
  return sum.bytes;
}

/** Every step of the window once, in the order of time, and none without its readings. */
function refuseGaps(steps: readonly Contribution[], { network, registerBank, span }: StepsBill) {
  let reached = span.fromSeconds;
  for (const [position, { header }] of steps.entries()) {
    const fits =
      header.stream === "STEPS" &&
      toHex(header.networkPseudonym) === network &&
      toHex(header.registerBank) === registerBank &&
      header.blockStart + header.firstSlot * header.intervalSeconds === reached &&
      valuedSlots(header) === header.count;
    if (!fits) throw foreign(`contribution ${position + 1} of the cost is not of the next steps`);
    reached = instantOf(header);
  }
  if (reached !== span.toSeconds) throw foreign("the steps do not end where the window does");
}

/** What each step counts with, by the prices that the epoch has. */
function weightsOf({ registerBank, span }: StepsBill, { document }: NetworkView): number[] {
  const calendar = document.calendars[registerBank];
  const cost = calendar === undefined ? undefined : parseCalendar(calendar).cost;
  if (cost?.known === undefined) throw foreign("steps, and no prices that are known afterwards");
  const signed = document.prices ?? [];
  const series = pricesBySeries(
    signed.map((jws) => unverifiedDocument("smarter-metering/prices", jws)),
  );
  const documents = series.get(cost.prices) ?? [];
  try {
    return countedPrices(
      documents.filter((each) => sameCostTerms(each, cost)),
      span,
    );
  } catch (error) {
    if (!(error instanceof TariffError)) throw error;
    throw new BrokenLink("product", error.code, error.message, error);
  }
}

const foreign = (message: string): BrokenLink =>
  new BrokenLink("members", "CONTRIBUTION_FOREIGN", message);
