/**
 * The only place where the Paillier secret is used (docs/protocol.md §8.2). What it opens is an `Aggregate`, and an aggregate is made
 * here alone, by multiplying verified contributions; there is no way to hand in a ciphertext from a message.
 */
import {
  decryptBatch,
  product,
  subtract,
  validateCiphertexts,
  type Ciphertext,
  type Engine,
  type PublicKey,
  type SecretKey,
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
  const factors = await validated(engine, key, contributions);
  if (factors === undefined || factors.length === 0) return undefined;
  return aggregateOf(await product(engine, key, factors));
}

/** BILL: c_to · c_from⁻¹. */
export async function differenceOf(
  engine: Engine,
  key: PublicKey,
  from: Contribution,
  to: Contribution,
): Promise<Aggregate | undefined> {
  const [earlier, later] = (await validated(engine, key, [from, to])) ?? [];
  if (earlier === undefined || later === undefined) return undefined;
  const [difference] = await subtract(engine, key, [later], [earlier]);
  return difference && aggregateOf(difference);
}

/** Whether the request states this very product. */
export const states = (stated: Uint8Array, { ciphertext }: Aggregate): boolean =>
  equalBytes(stated, ciphertext.bytes);

/** The packed plaintext of an aggregate, in [0, n). */
export async function openAggregate(
  engine: Engine,
  secretKey: SecretKey,
  { ciphertext }: Aggregate,
): Promise<bigint> {
  const [plaintext = -1n] = await decryptBatch(engine, secretKey, [ciphertext]);
  return plaintext;
}

async function validated(
  engine: Engine,
  key: PublicKey,
  contributions: readonly Contribution[],
): Promise<Ciphertext[] | undefined> {
  const candidates = contributions.map(({ ciphertext }) => ciphertext);
  const verdicts = await validateCiphertexts(engine, key, candidates, { weightMax: FACTORS_MAX });
  const valid = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.ciphertext] : []));
  return valid.length === candidates.length ? valid : undefined;
}

const aggregateOf = (ciphertext: Ciphertext): Aggregate => ({ ciphertext }) as Aggregate; // The brand exists in types only; this is its one mint.
