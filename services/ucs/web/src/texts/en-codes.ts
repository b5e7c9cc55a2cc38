/** English words for every code that may reach a customer: what went wrong with what he did, and what an alarm means. */
import type { CustomerErrorCode, LinkName } from "@smarter-metering/customer";
import type { FindingCode } from "../device/messages.ts";

/** What the device's own packages report. */
const device: Readonly<Record<CustomerErrorCode, string>> = {
  CUSTOMER_WEAK_ITERATIONS:
    "The portal asks for a weaker protection of your password than is safe, so nothing was sent. Do not log in; tell your energy supplier.",
  CUSTOMER_UNLOCK_FAILED: "Name and password, or recovery key, do not fit together.",
  CUSTOMER_RECOVERY_KEY_INVALID:
    "This is not a complete recovery key. It begins with RK- and has 27 more characters; check for a slip.",
  CUSTOMER_INVITATION_INVALID:
    "This is not a complete invitation. It begins with IV- and has 27 more characters; check for a slip.",
  CUSTOMER_INVITATION_REFUSED:
    "This invitation is wrong, used, withdrawn or too old. Ask for another one.",
  CUSTOMER_METER_UNPROVEN:
    "Your meter is not confirmed on this account yet. Enter the code of your letter first.",
  CUSTOMER_ENROLMENT_FAILED:
    "The meter refused, or did not prove that it knows the code. Check number and code; if they are right, tell your energy supplier.",
  CUSTOMER_ENROLMENT_PENDING:
    "The meter has not answered yet. That can take a while; try again in a few minutes.",
  CUSTOMER_PORTAL_REFUSED: "The portal refused this. Try again, or log in anew.",
  CUSTOMER_PORTAL_MALFORMED:
    "The portal gave an answer that makes no sense, so it was not used. Try again later; if it stays so, tell your energy supplier.",
  CUSTOMER_PORTAL_UNREACHABLE: "The portal cannot be reached. Check your connection and try again.",
  CUSTOMER_EXPORT_EMPTY: "Nothing was measured in this time, so there is nothing to take along.",
  CUSTOMER_EXPORT_UNSUPPORTED:
    "This format has no words for your time zone or your currency. Take the table instead.",
  CUSTOMER_SHARE_KEY_PRIVATE:
    "This is a private key. Do not pass it on: ask the other for the public one, and tell him what he sent you.",
  CUSTOMER_SHARE_KEY_SHORT: "This key is too short to be safe. Ask the other for a longer one.",
  CUSTOMER_SHARE_KEY_UNUSABLE:
    "This is no public key that a file can be sealed to. Ask the other for an RSA key of 3072 bits, or one on P-256 or X25519.",
  CUSTOMER_SHARE_TOO_LARGE:
    "These are too many readings, or too long a purpose. Choose fewer days.",
  CUSTOMER_SHARE_UNOPENABLE: "This file was made for another key, or was changed.",
  CUSTOMER_SHARE_MALFORMED: "This file was not made by this software.",
};

const others = {
  ENROLMENT_CODE_INVALID:
    "This is not a complete code. The code of the letter has 27 characters; check for a slip.",
  NETWORK_NUMBER_INVALID: "The number of the letter has 32 characters, 0 to 9 and a to f.",
  DRILL_DIFFERS: "This is a recovery key, but not the one that was shown. Look at your note again.",
  PASSWORDS_DIFFER: "The two passwords differ.",
  WORD_DIFFERS: "That is not the word that was asked for.",
  LOAD_STOPPED: "You stopped it. What was opened so far stays in memory.",
  RANGE_ORDER: "The first day has to be before the last one.",
  BILL_UNKNOWN: "There is no bill for this period.",
  RANGE_EMPTY: "There are no readings in this period.",
  TARIFF_UNKNOWN: "Your tariff is not known yet: it comes with your first bill.",
  DEVICE_CLOSED: "You are not logged in any more. Log in again.",
  DEVICE_LOCKED: "Your readings are locked. Unlock them with your password.",
  DEVICE_FAULT: "Something went wrong on this device. Load the page again.",
  DEVICE_PART_REFUSED:
    "A part of this page could not be loaded, or is not what was built. Load the page again; if it stays so, tell your supplier.",
  REQUEST_INVALID: "Something typed does not have the right form. A name is in lower case.",
  REQUEST_REFUSED: "The portal refused this. Try again later.",
  UCS_LOGIN_REFUSED: "Name and password, or recovery key, do not fit together.",
  UCS_LOGIN_LOCKED: "Too many attempts with this name. Wait 15 minutes and try again.",
  UCS_LOGIN_TAKEN: "This name is taken. Choose another one.",
  UCS_ACCOUNTS_FULL: "The portal takes no more accounts at the moment. Ask its operator.",
  UCS_BUSY: "Many people are logging in right now. Try again in a few seconds.",
  UCS_KEY_WEAK: "The portal did not accept the new key. Load the page and try again.",
  UCS_SESSION_REQUIRED: "Your session has ended. Log in again.",
  UCS_CSRF: "The portal did not recognise this page. Log in again.",
  UCS_VAULT_CONFLICT: "Your account was changed on another device. Log in again.",
  UCS_OFFER_UNKNOWN:
    "No meter is waiting under this number. Check the number, or try again in a few minutes.",
  UCS_OFFER_STALE: "The meter's offer has been used. Wait a minute and try again.",
  UCS_ENROLMENT_INVALID: "The portal did not accept the enrolment. Try again.",
  UCS_ENROLMENT_PENDING: "An earlier enrolment still waits for the meter. Try again later.",
  UCS_ENROLMENT_LIMIT: "Too many enrolments of this account today. Try again tomorrow.",
  UCS_NOT_ENROLLED: "This account has no meter with a running contract.",
  UCS_INVITATION_REFUSED:
    "This invitation is wrong, used, withdrawn or too old. Ask for another one.",
  UCS_INVITATION_LOCKED: "Too many wrong invitations. Wait 15 minutes and try again.",
  UCS_HOUSEHOLD_FULL: "A household has four people at most, open invitations included.",
  UCS_HOUSEHOLD_FIRST: "Only the first person of the household can do this.",
  UCS_HOUSEHOLD_ELSEWHERE:
    "This account reads another meter already. Make another account for this household.",
  UCS_PERSON_UNKNOWN: "Nobody of this name was invited to the household.",
  UCS_LIVE_FULL: "Too many pages are showing live readings. Close one and try again.",
  UCS_EVIDENCE_UNAVAILABLE: "The proofs cannot be fetched at the moment. Try again later.",
} as const;

/** What an honest portal, meter, supplier and registry never show: what it is, in one sentence. */
const findings: Readonly<Record<FindingCode, string>> = {
  FRAMES_MALFORMED: "The portal delivered something that is no reading of a meter.",
  FRAMES_FOREIGN: "The portal delivered readings of a meter that is not yours.",
  FRAMES_UNSIGNED: "Readings were changed on their way: your meter did not sign them.",
  FRAMES_CONTRADICT: "Your meter has signed readings that contradict each other.",
  FRAMES_UNLINKED: "Readings do not follow from those before them.",
  FRAMES_UNOPENABLE: "Some readings cannot be opened: their key has not come from the meter.",
  ENVELOPES_INVALID: "The portal delivered a key that your meter did not make for you.",
  REGISTRY_INVALID: "The register of all parties is not signed as it must be.",
  REGISTRY_ROLLBACK: "The register of all parties takes back what it showed you before.",
  REGISTRY_VIEW: "The portal shows another register of parties than the one that is signed.",
  REGISTRY_OTHER_ROOT:
    "The portal shows another register of parties than the one that your bills came with.",
  METER_UNREGISTERED: "The registry does not know your meter at your address at that time.",
  TARIFF_UNSIGNED: "Nobody who may do so has signed this tariff.",
  TARIFF_OTHER: "The bill was made with another tariff, or another version of it.",
  STATEMENT_UNSIGNED: "The bill is not signed by the supplier's billing system.",
  STATEMENT_FOREIGN: "The bill was made for another household.",
  STATEMENT_WINDOW: "The bill is for another period than the one asked for.",
  STATEMENT_UNOPENABLE: "A bill was changed on its way, or was not sealed for you.",
  STATEMENT_MISSING: "The portal does not show a bill that there is.",
  STATEMENT_ROLLBACK: "The portal shows an older version of a bill than there is.",
  PRICES_INVALID: "The hourly prices are not signed, or not those of your tariff.",
  PRICES_MISSING: "Prices are missing for a part of the period.",
  ENVELOPE_INVALID: "A key is not from your meter, not for you, or does not open.",
  ENVELOPE_MISSING: "The key of some readings is missing.",
  FRAME_MALFORMED: "Something was delivered that is no reading.",
  FRAME_FOREIGN: "Readings are of a meter that is not yours.",
  FRAME_UNSIGNED: "Your meter did not sign some of the readings.",
  FRAME_UNOPENABLE: "Your meter signed readings that its own key does not open.",
  CHAIN_FORKED: "Your meter has signed readings that contradict each other.",
  CHAIN_UNLINKED: "Some readings do not follow from those before them.",
  WINDOW_GAP: "Readings are missing inside the period.",
  WINDOW_BORDER: "The reading at the start of the period is missing.",
  REGISTERS_BANK: "Your meter counts by other tariff times than the bill.",
  REGISTERS_DISAGREE: "The counters of your meter are not the sum of its readings.",
  REGISTERS_DIFFER: "The bill has another consumption than your meter.",
  COST_DISAGREES: "The cost that your meter counted is not what its readings cost.",
  COST_DIFFERS: "The bill has another cost than your meter.",
  PRICE_DIFFERS: "The amount does not follow from consumption and tariff.",
  NOTE_INVALID: "A credit note is not signed, or not the next one of this bill.",
  NOTE_UNFOUNDED: "Nobody who may do so has signed the prices of a credit note.",
  NOTE_DIFFERS: "The amount of a credit note does not follow from the corrected prices.",
  CONTRIBUTION_MALFORMED: "Something was shown as your part of a sum that is none.",
  CONTRIBUTION_UNSIGNED: "Your part of a sum was not signed by who must have encrypted it.",
  CONTRIBUTION_FOREIGN: "A part of a sum was shown that is not from your household.",
  CONTRIBUTION_DIFFERS: "Your part of a sum is not what your readings give.",
  CONTRIBUTION_MISSING: "Some of your readings went into no sum.",
  RELEASE_MALFORMED: "Something was shown as a release that is none.",
  RELEASE_UNSIGNED: "No trustee has signed the release.",
  RELEASE_OTHER: "The trustees answered another question than the one of your bill.",
  RELEASE_MISSING: "Fewer trustees answered than it takes to open a sum.",
  RELEASE_WINDOW: "What was released is of another household or another period.",
  RELEASE_DIFFERS: "What was released does not come from your meter's counters.",
  RELEASE_COST: "A cost was billed that was not released, or the other way round.",
  REQUEST_UNSIGNED: "Something was shown as a request for a sum that nobody has signed.",
  REQUEST_FOREIGN: "A sum was shown as one with your part in it, and your part is not in it.",
  LOG_ENTRY_INVALID: "The public log has another entry than the one of your bill.",
  LOG_HEAD_INVALID: "The public log is not signed as it must be.",
  LOG_RECEIPT_INVALID: "The proof that this is in the public log does not hold.",
  LOG_RECEIPT_MISSING: "There is no proof that this is in the public log.",
  PACKET_MALFORMED: "This is no proof of single readings.",
  SLOT_UNCOMMITTED: "The meter did not vouch for this value at this time.",
};

/** What each link of a checked bill says when it holds. */
const links: Readonly<Record<LinkName, string>> = {
  registry: "The register of all parties is signed, complete and the newest you have seen.",
  tariff: "Your tariff is signed by your supplier's tariff office.",
  statement: "The bill is signed by your supplier's billing system and made for you.",
  prices: "The hourly prices are signed and those of your tariff.",
  envelope: "The keys of your readings come from your own meter.",
  frame: "Every reading is signed by your own meter and opens with your key.",
  chain: "The readings follow one another without a contradiction.",
  window: "Your readings cover the whole period.",
  registers: "The consumption on the bill is the sum of your own readings.",
  price: "The amount follows from consumption and tariff.",
  note: "The credit notes are signed and reckoned correctly.",
  contribution: "What went into sums is what your readings give.",
  release: "The trustees released exactly this period, and nothing finer.",
  log: "All of it is written in the public log.",
  slot: "Single readings were vouched for by the meter.",
};

export const enCodes = {
  problems: { ...device, ...others } as Readonly<Record<string, string>>,
  findings,
  links,
};
