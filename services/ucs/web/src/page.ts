/** The one page: what it shows, and the line that says how things stand. */
import { CustomerError } from "@smarter-metering/customer";
import { ProtocolError } from "@smarter-metering/protocol";

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found;
}

/** Replaces the page's content and moves the focus there, for keyboards and screen readers. */
export function show(...content: readonly (Node | string)[]): void {
  const page = byId("page");
  page.replaceChildren(...content);
  page.querySelector("input")?.focus();
}

export function say(text: string, isAlarm = false): void {
  const status = byId("status");
  status.textContent = text;
  status.classList.toggle("alarm", isAlarm);
}

/** Runs what a click asked for and says what went wrong, for a person. */
export async function attempt(doing: string, work: () => Promise<void>): Promise<void> {
  say(`${doing} …`);
  try {
    await work();
  } catch (error) {
    say(explanation(error), true);
  }
}

const PORTAL: Readonly<Record<string, string>> = {
  UCS_LOGIN_LOCKED: "Too many attempts for this login. Try again in 15 minutes.",
  UCS_LOGIN_TAKEN: "This login is taken. Choose another.",
  UCS_OFFER_UNKNOWN:
    "No meter offers enrolment under this number. Check it, or wait a few minutes.",
  UCS_OFFER_STALE: "The meter's offer is used up. Wait a minute and try again.",
  UCS_ENROLMENT_PENDING: "An earlier enrolment still waits for the meter. Try again later.",
  UCS_ENROLMENT_LIMIT: "Too many enrolments of this account today. Try again tomorrow.",
  UCS_VAULT_CONFLICT: "The vault was changed elsewhere. Log in again.",
  UCS_SESSION_REQUIRED: "The session has ended. Log in again.",
  REQUEST_INVALID: "Something typed does not have the right form. A login is lower case.",
};

const DEVICE: Readonly<Record<string, string>> = {
  CUSTOMER_UNLOCK_FAILED: "Login and password, or recovery key, do not fit.",
  CUSTOMER_RECOVERY_KEY_INVALID: "This is not a recovery key: check for a slip of one character.",
  CUSTOMER_ENROLMENT_FAILED: "The meter refused, or did not prove that it knows the code.",
  CUSTOMER_ENROLMENT_PENDING: "The meter has not answered yet. Try again in a few minutes.",
  CUSTOMER_PORTAL_UNREACHABLE: "The portal cannot be reached. Try again later.",
  ENROLMENT_CODE_INVALID: "This is not an enrolment code: 27 characters; check for a slip of one.",
};

function explanation(error: unknown): string {
  if (error instanceof CustomerError && error.problem !== undefined) {
    return PORTAL[error.problem.code] ?? `The portal refused (${error.problem.code}).`;
  }
  if (error instanceof CustomerError || error instanceof ProtocolError) {
    return DEVICE[error.code] ?? `That did not work (${error.code}).`;
  }
  return "That did not work. Reload the page and try again.";
}
