/**
 * The exchange of a meter (docs/protocol.md §2.9, §7.3). Run by the registry, beforehand: the last frame of the old meter and the first of
 * the new one stand at the instant that it names, and neither is believed anywhere else.
 */
import { toHex } from "@smarter-metering/protocol";
import { localDayStart } from "@smarter-metering/tariff";
import { z } from "zod";
import { MeterUse } from "./changes.ts";
import { RegistryError } from "./error.ts";
import { label, type RegistryState } from "./state.ts";

export const exchange = z.strictObject({
  label,
  /** Epoch seconds, between two LOAD intervals of the neighbourhood. */
  at: z.number().int().nonnegative(),
  meter: z.strictObject({
    meterId: z.string().regex(/^[0-9a-f]{32}$/),
    signingKey: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
export type Exchange = z.infer<typeof exchange>;

/**
 * The state with another meter from `at` on, and a fresh enrolment code for it. The same order again changes nothing. Throws
 * REGISTRY_UNKNOWN, REGISTRY_TAKEN, REGISTRY_INVALID_CHANGE.
 */
export function withExchange(
  state: RegistryState,
  { label: wanted, at, meter }: Exchange,
  nowSeconds: number,
  random: (length: number) => Uint8Array,
): RegistryState {
  const point = state.servicePoints.find((entry) => entry.label === wanted);
  const home = state.neighbourhoods.find(({ id }) => id === point?.neighbourhood);
  const old = point?.meters.at(-1);
  if (point === undefined || home === undefined || old === undefined) {
    throw new RegistryError("REGISTRY_UNKNOWN", `no service point ${wanted}`);
  }
  if (old.meterId === meter.meterId && old.signingKey === meter.signingKey && old.from === at) {
    return state;
  }
  const { contractStart, contractEnd } = point;
  if (at < nowSeconds) {
    throw invalid(`${wanted}: an exchange is registered before it takes place`);
  }
  if (at <= Math.max(contractStart, old.from) || (contractEnd !== null && at >= contractEnd)) {
    throw invalid(`${wanted}: an exchange takes place within the contract, after the last one`);
  }
  if ((at - localDayStart(at, home.zone)) % home.intervalSeconds !== 0) {
    throw invalid(`${wanted}: not between two intervals of ${home.intervalSeconds} s`);
  }
  if (!new MeterUse(state.servicePoints).isFree(meter, at)) {
    throw new RegistryError("REGISTRY_TAKEN", `the meter of ${wanted} is another's already`);
  }
  const exchanged = {
    ...point,
    enrolmentCode: contractEnd === null ? toHex(random(16)) : null,
    meters: [...point.meters.slice(0, -1), { ...old, to: at }, { ...meter, from: at, to: null }],
  };
  return {
    ...state,
    servicePoints: state.servicePoints.map((entry) => (entry === point ? exchanged : entry)),
  };
}

const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);
