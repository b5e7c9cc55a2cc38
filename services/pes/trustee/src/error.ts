/** The one error class of the trustee: reasons not to start, or to stop. A refused request is no error (fault.ts). */

export type TrusteeErrorCode =
  /** There is no ledger; without it blocks could be released twice. */
  | "TRUSTEE_LEDGER_MISSING"
  /** The ledger has fewer or other records than its head says. */
  | "TRUSTEE_LEDGER_TRUNCATED"
  /** The trustee has published what its ledger does not know: it was restored from a copy. */
  | "TRUSTEE_LEDGER_STALE"
  /** A record is not what this version writes: the rules cannot know what it released. */
  | "TRUSTEE_LEDGER_VERSION"
  /** A write failed; what the disk holds is known again after a restart. */
  | "TRUSTEE_LEDGER_FAILED"
  /** The registry's policy is not the one this trustee is pinned to, or is UNSAFE and it is pinned to none. */
  | "TRUSTEE_POLICY_REFUSED"
  /** The registry's policy is looser than the one before, and was not announced for the notice period. */
  | "TRUSTEE_POLICY_LOOSENED"
  /** The registry names another Paillier key than the one this trustee holds. */
  | "TRUSTEE_WRONG_KEY"
  /** The registry's view lacks what a release needs. */
  | "TRUSTEE_REGISTRY_INCOMPLETE";

export class TrusteeError extends Error {
  override readonly name = "TrusteeError";
  readonly code: TrusteeErrorCode;

  constructor(code: TrusteeErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
