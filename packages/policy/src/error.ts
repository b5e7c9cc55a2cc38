// The one error class of this package: a policy document that cannot be used.
// A refused release is no error: it is a value (see rule.ts).

export type PolicyErrorCode = "POLICY_MALFORMED" | "POLICY_BELOW_FLOOR";

/** `field` names the key of the policy that is wrong; empty when the document itself is. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
  readonly code: PolicyErrorCode;
  readonly field: string;

  constructor(code: PolicyErrorCode, message: string, field = "") {
    super(field === "" ? message : `policy ${field}: ${message}`);
    this.code = code;
    this.field = field;
  }
}
