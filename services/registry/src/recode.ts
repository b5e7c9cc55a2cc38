/**
 * A new enrolment code within a contract (docs/protocol.md §10.1), for a customer who has lost password and recovery key, or a letter that
 * was lost. Run by the registry, which has made sure who asks: whoever holds the code gets the contract's readings.
 */
import { z } from "zod";
import { codeFields } from "./changes.ts";
import { RegistryError } from "./error.ts";
import { label, type RegistryState } from "./state.ts";

export const recode = z.strictObject({ label });
export type Recode = z.infer<typeof recode>;

/**
 * The state with a fresh code and the number of the codes before it, by which a meter knows which of two is the newer. The code before is
 * void, and bills go to a mailbox of the new one. Each order makes a new one: an answer that was lost is asked for again. Throws REGISTRY_UNKNOWN, REGISTRY_INVALID_CHANGE once the
 * end of the contract is registered.
 */
export async function withRecode(
  state: RegistryState,
  { label: wanted }: Recode,
  random: (length: number) => Uint8Array,
): Promise<RegistryState> {
  const point = state.servicePoints.find((entry) => entry.label === wanted);
  if (point === undefined) {
    throw new RegistryError("REGISTRY_UNKNOWN", `no service point ${wanted}`);
  }
  if (point.contractEnd !== null) {
    const message = `${wanted}: a contract whose end is registered gets no new code`;
    throw new RegistryError("REGISTRY_INVALID_CHANGE", message);
  }
  const recoded = { ...point, ...(await codeFields(random(16))), recodes: point.recodes + 1 };
  return {
    ...state,
    servicePoints: state.servicePoints.map((entry) => (entry === point ? recoded : entry)),
  };
}
