/**
 * Changes of the release policy (docs/protocol.md §9.4). Run by the registry. A policy that only tightens holds at once; any other is
 * announced first, in every view's epoch, and holds 30 days later at the earliest. Trustees keep the same rule by their own clocks.
 */
import {
  comparePolicies,
  isSamePolicy,
  isUnsafe,
  needsNotice,
  parsePolicy,
  POLICY_NOTICE_SECONDS,
  type ReleasePolicy,
} from "@smarter-metering/policy";
import { RegistryError } from "./error.ts";
import { policyOf, type RegistryState } from "./state.ts";

/** The announced policy of a state, if there is one. */
export function noticeOf(
  state: Pick<RegistryState, "policyNotice">,
): { readonly policy: ReleasePolicy; readonly inForceFrom: number } | undefined {
  const { policyNotice } = state;
  return (
    policyNotice && {
      policy: policyOf(policyNotice),
      inForceFrom: policyNotice.inForceFrom,
    }
  );
}

/**
 * The state with an announced policy. The same again does not begin anew; another one takes its place and begins; the policy in force
 * takes the notice back. Throws REGISTRY_INVALID_CHANGE.
 */
export function withPolicyNotice(
  state: RegistryState,
  document: unknown,
  nowSeconds: number,
): RegistryState {
  const policy = nextPolicy(state, document);
  const { policyNotice: known, ...rest } = state;
  if (isSamePolicy(policy, policyOf(state))) return known === undefined ? state : rest;
  if (known !== undefined && isSamePolicy(policy, policyOf(known))) return state;
  const policyNotice = { policy, inForceFrom: nowSeconds + POLICY_NOTICE_SECONDS };
  return { ...rest, policyNotice };
}

/**
 * The state with another policy in force. Throws REGISTRY_INVALID_CHANGE, and REGISTRY_POLICY_NOTICE for one that does not only tighten
 * and was not announced for the whole period.
 */
export function withPolicy(
  state: RegistryState,
  document: unknown,
  nowSeconds: number,
): RegistryState {
  const policy = nextPolicy(state, document);
  const current = policyOf(state);
  if (isSamePolicy(policy, current)) return state;
  const notice = noticeOf(state);
  const isAnnounced = notice !== undefined && isSamePolicy(policy, notice.policy);
  const changes = comparePolicies(current, policy);
  if (needsNotice(changes) && !(isAnnounced && notice.inForceFrom <= nowSeconds)) {
    const from = isAnnounced
      ? `is announced and holds from ${new Date(1000 * notice.inForceFrom).toISOString()}`
      : "has to be announced 30 days before: policy announce";
    const fields = changes.map(({ field, direction }) => `${field} ${direction}`).join(", ");
    throw new RegistryError("REGISTRY_POLICY_NOTICE", `policy ${policy.id} (${fields}) ${from}`);
  }
  const { policyNotice: _, ...rest } = state;
  return isAnnounced ? { ...rest, policy } : { ...state, policy };
}

function nextPolicy(state: RegistryState, document: unknown): ReleasePolicy {
  const current = policyOf(state);
  let policy: ReleasePolicy;
  try {
    policy = parsePolicy(document);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "it cannot be read";
    throw new RegistryError("REGISTRY_INVALID_CHANGE", `not a policy: ${reason}`, cause);
  }
  if (isUnsafe(policy) && !isUnsafe(current)) {
    throw invalid(`policy ${policy.id}: no deployment goes below the hard floors afterwards`);
  }
  // The id is signed into every release: it has to say which numbers were meant.
  if (policy.id === current.id && !isSamePolicy(policy, current)) {
    throw invalid(`policy ${policy.id} has other numbers now; give the new one another id`);
  }
  return policy;
}

const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);
