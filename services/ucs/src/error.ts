/** The one error class of this package and the list of its codes, each with its HTTP status and what a person reads. */

const REFUSALS = {
  /** Wrong login and wrong password or recovery key are one answer. */
  UCS_LOGIN_REFUSED: [401, "login and password, or recovery key, do not fit"],
  /** After five failures, whether or not the login exists. */
  UCS_LOGIN_LOCKED: [429, "too many attempts for this login; try again in 15 minutes"],
  UCS_LOGIN_TAKEN: [409, "this login is taken; choose another"],
  UCS_ACCOUNTS_FULL: [503, "the portal takes no more accounts now; ask its operator"],
  UCS_BUSY: [503, "too many logins at once; try again in a few seconds"],
  UCS_KEY_WEAK: [400, "the public key is not an RSA key of 3072 bits or more"],
  UCS_SESSION_REQUIRED: [401, "there is no session, or it has expired; log in"],
  UCS_CSRF: [403, "the request does not come from the portal's own page; log in again"],
  UCS_VAULT_CONFLICT: [
    409,
    "the vault was changed elsewhere, or more than the one part is changed",
  ],
  UCS_OFFER_UNKNOWN: [
    404,
    "no meter offers enrolment under this number; check it, or wait a few minutes",
  ],
  UCS_OFFER_STALE: [409, "the meter's offer is used up; wait a minute and try again"],
  UCS_ENROLMENT_INVALID: [400, "the enrolment request is malformed, or for another account or key"],
  UCS_ENROLMENT_PENDING: [409, "an enrolment of this account still waits for its meter"],
  UCS_ENROLMENT_LIMIT: [429, "too many enrolments of this account today; try again tomorrow"],
  UCS_NOT_ENROLLED: [
    403,
    "this account is not enrolled for a service point with a current contract",
  ],
  /** Wrong, used, withdrawn, expired or opened by somebody else: one answer. */
  UCS_INVITATION_REFUSED: [
    404,
    "this invitation is wrong, used, withdrawn or too old; ask for another",
  ],
  /** After five failures of one account. */
  UCS_INVITATION_LOCKED: [429, "too many wrong invitations; try again in 15 minutes"],
  UCS_HOUSEHOLD_FULL: [409, "a household has four persons at most, open invitations included"],
  UCS_HOUSEHOLD_FIRST: [403, "only the first person of the household may do this"],
  UCS_HOUSEHOLD_ELSEWHERE: [
    409,
    "this account reads another meter already; make one of its own for this household",
  ],
  UCS_PERSON_UNKNOWN: [404, "nobody of this name was invited to the household"],
  UCS_OPERATOR_TOKEN: [401, "this is not the operator's token of the running portal"],
  UCS_SERVICE_POINT_UNKNOWN: [404, "the registry knows no such service point"],
  UCS_CONTRACT_RUNNING: [
    409,
    "the contract is running: only the account can be erased, or all of it once the contract has ended",
  ],
  UCS_EVIDENCE_UNAVAILABLE: [
    503,
    "what this is checked by cannot be fetched now: the aggregator or the registry does not answer",
  ],
  UCS_LIVE_FULL: [503, "too many live streams are open; close one and try again"],
} as const;

export type UcsErrorCode = keyof typeof REFUSALS;

/** A refusal on its way to the client, thrown by the HTTP layer alone. Carries no value. */
export class UcsError extends Error {
  override readonly name = "UcsError";
  readonly code: UcsErrorCode;
  readonly status: (typeof REFUSALS)[UcsErrorCode][0];

  constructor(code: UcsErrorCode, cause?: unknown) {
    super(REFUSALS[code][1], cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = REFUSALS[code][0];
  }
}
