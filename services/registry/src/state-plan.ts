/** The cohort plan of a whole state, and the state with it (docs/protocol.md §9.2). Run by the registry. */
import { parsePublicKey } from "@smarter-metering/paillier";
import { primitives } from "@smarter-metering/protocol";
import { planCohorts, type CohortPlan } from "./cohort-plan.ts";
import { policyOf, type RegistryState } from "./state.ts";

export const systemRandom = (length: number): Uint8Array => primitives.randomBytes(length);

/** `firstBlock`: before epoch 0 alone, as in `planCohorts`. */
export async function planOf(
  state: RegistryState,
  nowSeconds: number,
  firstBlock?: number,
): Promise<CohortPlan> {
  const { bits: modulusBits } = await parsePublicKey(state.paillierKey);
  const options = { policy: policyOf(state), modulusBits, nowSeconds };
  return planCohorts(state, firstBlock === undefined ? options : { ...options, firstBlock });
}

export const withPlan = (state: RegistryState, plan: CohortPlan): RegistryState => ({
  ...state,
  cohortOf: { ...plan.cohortOf },
  cohorts: [...state.cohorts, ...plan.versions],
});
