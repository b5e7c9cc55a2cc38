/**
 * The STEPS contributions of a billing window (docs/protocol.md §6.6, §7.3): the energy of each step
 * of prices that are known afterwards, as the ledger has it, and the product that makes a cost of
 * them. Ciphertexts alone.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import { concatBytes, decodeContribution, type ServicePoint } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import type { PricedSpan } from "@smarter-metering/tariff";
import type { RegistryContext } from "./registry-context.ts";

/** Longer than any local day, so that the block of whatever ends in a span is found by the key. */
const BLOCK_SECONDS_MAX = 26 * 3600;

/** Contributions in the order of time, and what each of their ciphertexts counts with. */
export interface WeightedSteps {
  readonly contributions: readonly Uint8Array[];
  readonly weights: readonly number[];
}

const inSpan = `service_point = $1 and stream = 'STEPS' and not excluded
  and block > $2 - ${BLOCK_SECONDS_MAX} and block < $3 and instant > $2 and instant <= $3`;

/** Whether the ledger has every step of the span, once, and none without a value. */
export async function areStepsThere(
  sql: Sql,
  { network }: ServicePoint,
  { fromSeconds, toSeconds }: PricedSpan,
  stepSeconds: number,
): Promise<boolean> {
  const rows = await sql.query<{ slots: number; valued: number; instant: bigint }>(
    `select slots, valued, instant from contribution where ${inSpan} order by instant`,
    [network, fromSeconds, toSeconds],
  );
  let reached = fromSeconds;
  for (const { slots, valued, instant } of rows) {
    const end = Number(instant);
    if (end - slots * stepSeconds !== reached || valued < slots) return false;
    reached = end;
  }
  return reached === toSeconds;
}

/** The contributions of a span, encoded, in the order of time. */
export async function loadSteps(
  sql: Sql,
  { network }: ServicePoint,
  { fromSeconds, toSeconds }: PricedSpan,
): Promise<readonly Uint8Array[]> {
  const rows = await sql.query<{ encoded: Uint8Array }>(
    `select encoded from contribution where ${inSpan} order by instant`,
    [network, fromSeconds, toSeconds],
  );
  return rows.map(({ encoded }) => encoded);
}

/** Π c_t^(w_t) of each window: Σ weight · energy. */
export async function weightedProducts(
  windows: readonly WeightedSteps[],
  { key }: RegistryContext,
  engine: Engine,
): Promise<Uint8Array[]> {
  const products: Uint8Array[] = [];
  // One by one: a window's steps are half a megabyte.
  for (const { contributions, weights } of windows) {
    const ciphertexts = contributions.map((each) => decodeContribution(each).ciphertext);
    const flat = concatBytes(...ciphertexts);
    assert.equal(flat.length, weights.length * (key.bits / 4), "a weight for each step");
    const scalars = new DataView(new ArrayBuffer(4 * weights.length));
    for (const [index, weight] of weights.entries()) scalars.setUint32(4 * index, weight);
    const scalarBytes = new Uint8Array(scalars.buffer);
    products.push(await engine.weightedProduct(key, flat, scalarBytes, [weights.length]));
  }
  return products;
}
