/** The one error class of the registry. Messages carry labels of neighbourhoods and epoch numbers, never pseudonyms or codes. */

export type RegistryErrorCode =
  /** A file of the registry is missing, changed or not signed by the root: it does not start. */
  | "REGISTRY_DAMAGED"
  /** The state to begin with, or a request, contradicts itself or what is known. */
  | "REGISTRY_INVALID_CHANGE"
  /** A label, pseudonym or meter that another service point has. */
  | "REGISTRY_TAKEN"
  /** A service point, neighbourhood or tariff that is not known. */
  | "REGISTRY_UNKNOWN"
  /** A day of the cohort has more LOAD slots than one ciphertext holds. */
  | "REGISTRY_COHORT_TOO_FINE"
  /** A profile may move towards `meter-encrypts` only. */
  | "REGISTRY_PROFILE_DOWNGRADE"
  /** An epoch would change what earlier epochs said of the past. */
  | "REGISTRY_REWRITES_PAST"
  /** A release policy that loosens the one in force and was not announced for 30 days. */
  | "REGISTRY_POLICY_NOTICE"
  /** A tariff that is not signed by a tariff signer, or not well-formed. */
  | "REGISTRY_TARIFF_INVALID"
  /** Prices that are not a tariff signer's, or are no tariff's, or do not follow those before them. */
  | "REGISTRY_PRICES_INVALID"
  /** An epoch, a view or a part of one that was never issued. */
  | "REGISTRY_NO_SUCH_EPOCH"
  /** A proposal that is not open any more. */
  | "REGISTRY_PROPOSAL_DECIDED"
  /** As many proposals as a desk takes: some have to be decided first. */
  | "REGISTRY_PROPOSALS_FULL";

export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: RegistryErrorCode;

  constructor(code: RegistryErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export function damaged(what: string, cause?: unknown): RegistryError {
  const message = `${what}; restore the registry's folder from a copy`;
  return new RegistryError("REGISTRY_DAMAGED", message, cause);
}
