/**
 * The only place where the Paillier secret, or a share of it, is used (docs/protocol.md §8.2). What it opens is an `Aggregate`, made
 * here alone, by multiplying verified contributions; there is no way to hand in a ciphertext from a message.
 */
import {
  decryptBatch,
  partialDecrypt,
  product,
  subtract,
  validateCiphertexts,
  weightedSums,
  type Ciphertext,
  type Engine,
  type PublicKey,
  type SecretKey,
  type SecretShare,
  type Weighted,
} from "@smarter-metering/paillier";
import { ADDITIONS_MAX, equalBytes, type Contribution } from "@smarter-metering/protocol";

declare const computed: unique symbol;

/** A product that this trustee computed itself. */
export type Aggregate = { readonly [computed]: true; readonly ciphertext: Ciphertext };

/** Ciphertexts in one set: parts of a day of every member. Slots are bounded by contributors, not by these (§5). */
const FACTORS_MAX = 8 * ADDITIONS_MAX;

/** LOAD: Π c_i. Undefined when one is no ciphertext of this key. */
export async function sumOf(
  engine: Engine,
  key: PublicKey,
  contributions: readonly Contribution[],
): Promise<Aggregate | undefined> {
  const valid = await validated(engine, key, contributions);
  const factors = valid.filter((factor) => factor !== undefined);
  if (factors.length === 0 || factors.length < valid.length) return undefined;
  return aggregateOf(await product(engine, key, factors));
}

/** The two borders of one meter's service inside a billing window. */
export interface Segment {
  readonly from: Contribution;
  readonly to: Contribution;
}

/** BILL: Π c_to · (Π c_from)⁻¹ over the segments of each bill, in order. Undefined where one is no ciphertext of this key. */
export async function differencesOf(
  engine: Engine,
  key: PublicKey,
  bills: readonly (readonly Segment[])[],
): Promise<(Aggregate | undefined)[]> {
  const borders = bills.flatMap((segments) => segments.flatMap(({ from, to }) => [from, to]));
  if (borders.length === 0) return [];
  const valid = new Map<Contribution, Ciphertext | undefined>();
  const verdicts = await validated(engine, key, borders);
  for (const [index, border] of borders.entries()) valid.set(border, verdicts[index]);
  const multiplied = async (contributions: readonly Contribution[]) => {
    const factors = contributions.flatMap((each) => valid.get(each) ?? []);
    const [only] = factors;
    if (only === undefined || factors.length < contributions.length) return undefined;
    return factors.length === 1 ? only : product(engine, key, factors);
  };
  const whole: { segments: readonly Segment[]; earlier: Ciphertext; later: Ciphertext }[] = [];
  for (const segments of bills) {
    const earlier = await multiplied(segments.map(({ from }) => from));
    const later = await multiplied(segments.map(({ to }) => to));
    if (earlier !== undefined && later !== undefined) whole.push({ segments, earlier, later });
  }
  const laters = whole.map(({ later }) => later);
  const earliers = whole.map(({ earlier }) => earlier);
  const differences = whole.length > 0 ? await subtract(engine, key, laters, earliers) : [];
  const found = new Map(whole.map(({ segments }, index) => [segments, differences[index]]));
  return bills.map((segments) => {
    const difference = found.get(segments);
    return difference && aggregateOf(difference);
  });
}

/** Ciphertexts by themselves, each of one step's energy, and what each counts with, from 1 on. */
export interface WeightedSteps {
  readonly ciphertexts: readonly Uint8Array[];
  readonly weights: readonly number[];
}

/** Room for every weight that R9 lets pass; what they make of energies is bounded after decryption (§8.5). */
const WEIGHTS_MAX = 2 ** 32 - 1;

/** Π c_t^(w_t), the energies of steps each at its price. Undefined where one is no ciphertext of this key, or weighs too much. */
export async function weightedSumOf(
  engine: Engine,
  key: PublicKey,
  { ciphertexts, weights }: WeightedSteps,
): Promise<Aggregate | undefined> {
  if (weights.reduce((sum, weight) => sum + weight, 0) > WEIGHTS_MAX) return undefined;
  const headroom = { weightMax: WEIGHTS_MAX };
  const verdicts = await validateCiphertexts(engine, key, ciphertexts, headroom);
  const terms = verdicts.flatMap((verdict, index): Weighted[] => {
    const factor = weights[index];
    return verdict.ok && factor !== undefined ? [{ ciphertext: verdict.ciphertext, factor }] : [];
  });
  if (terms.length === 0 || terms.length < Math.max(weights.length, verdicts.length))
    return undefined;
  const [sum] = await weightedSums(engine, key, [terms]);
  return sum && aggregateOf(sum);
}

/** Whether the request states this very product. */
export const states = (stated: Uint8Array, { ciphertext }: Aggregate): boolean =>
  equalBytes(stated, ciphertext.bytes);

/** The packed plaintexts of aggregates, each in [0, n), in order; with one call of the engine. */
export async function openAggregates(
  engine: Engine,
  secretKey: SecretKey,
  aggregates: readonly Aggregate[],
): Promise<bigint[]> {
  if (aggregates.length === 0) return [];
  return decryptBatch(
    engine,
    secretKey,
    aggregates.map(({ ciphertext }) => ciphertext),
  );
}

/** A share holder's part in opening each request's aggregates, with one proof for them, in order; each in a context of its own. */
export function openPartially(
  engine: Engine,
  share: SecretShare,
  requests: readonly {
    readonly aggregates: readonly Aggregate[];
    readonly context: Uint8Array;
  }[],
): Promise<Uint8Array[]> {
  return Promise.all(
    requests.map(({ aggregates, context }) => {
      const ciphertexts = aggregates.map(({ ciphertext }) => ciphertext);
      return partialDecrypt(engine, share, ciphertexts, context);
    }),
  );
}

/** Undefined for what is no ciphertext of this key. */
async function validated(
  engine: Engine,
  key: PublicKey,
  contributions: readonly Contribution[],
): Promise<(Ciphertext | undefined)[]> {
  const candidates = contributions.map(({ ciphertext }) => ciphertext);
  const verdicts = await validateCiphertexts(engine, key, candidates, { weightMax: FACTORS_MAX });
  return verdicts.map((verdict) => (verdict.ok ? verdict.ciphertext : undefined));
}

const aggregateOf = (ciphertext: Ciphertext): Aggregate => ({ ciphertext }) as Aggregate; // The brand exists in types only; this is its one mint.
