/**
 * The state that a registry begins with (docs/protocol.md §9). Made once, by whoever sets a deployment up, before epoch 0: nobody has
 * contributed yet, so cohorts hold from the first block on.
 */
import type { OpenerKey, Party } from "@smarter-metering/protocol";
import { checkOpener, withServicePoints, type NewServicePoint } from "./changes.ts";
import { firstOpenerKeys } from "./opener-keys.ts";
import { withPrices } from "./price-list.ts";
import type { Neighbourhood, RegistryState } from "./state.ts";
import { planOf, systemRandom, withPlan } from "./state-plan.ts";
import { withTariff } from "./tariff-list.ts";
import { checkTrustees } from "./trustees.ts";

export interface StateOptions {
  readonly parties: readonly Party[];
  /** The opener's first key, where there is an opener. */
  readonly openerKey?: OpenerKey | undefined;
  /** As serialised by packages/paillier. */
  readonly paillierKey: unknown;
  /** Where trustees hold shares of it: the transcript of the ceremony, likewise. */
  readonly verificationKey?: unknown;
  readonly policy: unknown;
  /** Typical consumption of a class in kWh a year. */
  readonly consumptionClasses?: Readonly<Record<string, number>>;
  /** JWS by a tariff signer among the parties. */
  readonly tariffs: readonly string[];
  /** What their costs count by: JWS likewise, in order of time. */
  readonly prices?: readonly string[];
  readonly neighbourhoods: readonly Neighbourhood[];
  readonly servicePoints: readonly NewServicePoint[];
  /** An instant in the first local day that cohorts hold for: nobody has contributed before epoch 0. */
  readonly firstBlock: number;
  readonly random?: (length: number) => Uint8Array;
}

/** One class is enough where the operator has no table of his own. */
const CONSUMPTION_CLASSES = { household: 4500 };

/** A state to begin with, cohorts planned; for `saveState`. Throws RegistryError. */
export async function createRegistryState(options: StateOptions): Promise<RegistryState> {
  const { parties, paillierKey, verificationKey, policy, firstBlock } = options;
  const { consumptionClasses = CONSUMPTION_CLASSES } = options;
  let state: RegistryState = {
    kind: "smarter-metering/registry-state",
    parties: [...parties],
    ...(options.openerKey && { openerKeys: await firstOpenerKeys(options.openerKey) }),
    paillierKey,
    ...(verificationKey !== undefined && { verificationKey }),
    policy,
    consumptionClasses: { ...consumptionClasses },
    tariffs: [],
    prices: [],
    neighbourhoods: [...options.neighbourhoods],
    cohortOf: {},
    cohorts: [],
    servicePoints: [],
    issued: null,
  };
  checkOpener(state);
  await checkTrustees(state);
  for (const jws of options.tariffs) state = await withTariff(state, jws);
  for (const jws of options.prices ?? []) state = await withPrices(state, jws, firstBlock);
  if (options.servicePoints.length > 0) {
    const request = { servicePoints: [...options.servicePoints] };
    state = await withServicePoints(state, request, options.random ?? systemRandom);
  }
  return withPlan(state, await planOf(state, firstBlock, firstBlock));
}
