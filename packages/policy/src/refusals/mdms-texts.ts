// What the MDMS refuses: releases (docs/protocol.md §8.5), feeders, and what its own operators ask, in clear words.

import type { RefusalTexts } from "./refusal-text.ts";

const FOREIGN = "Find out who sent it: it is of no registered trustee, or for another MDMS.";
const EPOCH = "Check that the MDMS is on the newest registry epoch.";
const ROLLED_BACK =
  "Stop the trustee and find out: its ledger was rolled back, or two are running.";
const BROKEN = "Look at the machine of the trustee that is named; the others go on.";

export const mdmsTexts = {
  MDMS_MALFORMED: {
    what: "A release could not be read.",
    why: "What is not well formed is not stored.",
    todo: FOREIGN,
  },
  MDMS_BAD_SIGNATURE: {
    what: "A release is not signed by a registered trustee.",
    why: "Anybody could make a bill otherwise.",
    todo: FOREIGN,
  },
  MDMS_UNOPENABLE: {
    what: "A release is not sealed to this MDMS.",
    why: "Only the key that the registry lists opens what is released.",
    todo: FOREIGN,
  },
  MDMS_TOKEN: {
    what: "A bill does not say for which service point it is.",
    why: "The name is sealed to the MDMS by the registry, so that nobody else can read it.",
    todo: FOREIGN,
  },
  MDMS_POLICY: {
    what: "A release was made under another policy than the registry's.",
    why: "What the policy does not allow is not taken, even if a trustee gave it.",
    todo: EPOCH,
  },
  MDMS_FOREIGN: {
    what: "A release is of a neighbourhood or service point that the registry does not list.",
    why: "Nobody is billed who has no contract.",
    todo: EPOCH,
  },
  MDMS_OFF_GRID: {
    what: "A release does not lie on the grid of days or windows.",
    why: "Windows that overlap by a part bill a part twice.",
    todo: EPOCH,
  },
  MDMS_REGISTERS: {
    what: "The registers of a bill follow another calendar than its tariff.",
    why: "Energy of other hours would be priced.",
    todo: EPOCH,
  },
  MDMS_TARIFF: {
    what: "The tariff cannot price this window.",
    why: "A bill is made of a signed tariff, or not at all.",
    todo: "Publish a version that is in force in the window.",
  },
  MDMS_CONFLICT: {
    what: "A release contradicts one that is stored.",
    why: "The first one always wins; a second one shows that a ledger forgot the first.",
    todo: ROLLED_BACK,
  },
  MDMS_SEQUENCE_REUSED: {
    what: "A trustee used a number twice.",
    why: "Numbers only rise: a repeat shows that its ledger was rolled back.",
    todo: ROLLED_BACK,
  },
  MDMS_KEY_HOLDING: {
    what: "A whole release came where trustees share the key, or a share where one holds it.",
    why: "Where trustees share a key none of them can answer alone.",
    todo: "Bring everybody to the newest registry epoch.",
  },
  MDMS_SHARE_INVALID: {
    what: "A trustee's share does not prove itself.",
    why: "A wrong share would spoil the result.",
    todo: BROKEN,
  },
  MDMS_SHARE_DISAGREES: {
    what: "A trustee's share leads to another result than the others'.",
    why: "The majority decides; who disagrees is broken or corrupt.",
    todo: BROKEN,
  },
  MDMS_SHARE_FOREIGN_KEY: {
    what: "A trustee's share is of another key ceremony.",
    why: "Shares of two keys do not combine.",
    todo: "Give that trustee the share file of the present ceremony.",
  },
  MDMS_SHARE_CHANGED: {
    what: "A trustee answered the same request twice, and differently.",
    why: "The same request gets the same answer for ever.",
    todo: ROLLED_BACK,
  },
  FEEDER_IMBALANCE: {
    what: "The feeder's meter and the neighbourhood's load have differed for three days.",
    why: "What a neighbourhood draws, its meters should say.",
    todo: "Look for a meter that is missing, an unknown consumer, or a wrong feeder file.",
  },
  MDMS_FEEDER_OFF_GRID: {
    what: "The feeder's readings are not those of whole past days on the neighbourhood's grid.",
    why: "Only the same intervals can be compared.",
    todo: "Check interval, zone and days of the file.",
  },
  MDMS_LOGIN_REFUSED: {
    what: "Login, password or code is wrong, or the account is locked.",
    why: "One answer for all four tells a guesser nothing. Five wrong ones lock for fifteen minutes.",
    todo: "Try again with care, or wait for fifteen minutes.",
  },
  MDMS_LOGIN_BUSY: {
    what: "Too many people log in at this moment.",
    why: "Checking a password takes time on purpose.",
    todo: "Try again in a moment.",
  },
  MDMS_PROOF_REFUSED: {
    what: "The password or code that confirms this change is wrong.",
    why: "Whoever finds an open page must not be able to take the account over.",
    todo: "Type it again; five wrong ones lock the account for fifteen minutes.",
  },
  MDMS_TOTP_REQUIRED: {
    what: "This role has to have a second factor, and the account has none yet.",
    why: "A password alone can be stolen.",
    todo: "Set one up on the account's page.",
  },
  MDMS_TOTP_STATE: {
    what: "A second factor is on already, or there is none.",
    why: "One is set up, confirmed and removed in this order.",
    todo: "Load the account's page again.",
  },
  MDMS_CSRF: {
    what: "The form is not of this session.",
    why: "Another site must not be able to send it for you.",
    todo: "Load the page again.",
  },
  MDMS_IDEMPOTENCY_KEY: {
    what: "The key of this request is not one.",
    why: "A key names one request, so that a repeat changes nothing.",
    todo: "Send 8 to 128 printable characters.",
  },
  MDMS_IDEMPOTENCY_MISMATCH: {
    what: "The key was used for another request.",
    why: "A key names one request, so that a repeat changes nothing.",
    todo: "Load the page again and repeat what you did.",
  },
  MDMS_IDEMPOTENCY_BUSY: {
    what: "The same request is being carried out.",
    why: "It happens once.",
    todo: "Wait a moment and look whether it has happened.",
  },
  MDMS_STREAMS_FULL: {
    what: "Too many pages listen for news.",
    why: "Every connection takes room at the server.",
    todo: "Close some tabs; everything else goes on.",
  },
  MDMS_OPERATOR_EXISTS: {
    what: "There is an operator of this login.",
    why: "The audit trail names people by their logins.",
    todo: "Take another login.",
  },
  MDMS_OPERATOR_INVALID: {
    what: "An account cannot have this login, password or role.",
    why: "Short passwords are guessed.",
    todo: "The message says which rule it breaks.",
  },
  MDMS_CORRECTION_INVALID: {
    what: "This is no correction that a registered tariff signer has signed.",
    why: "Prices of the past change only under the signer's name.",
    todo: "The message says what is wrong with it.",
  },
  MDMS_CORRECTION_CONFLICT: {
    what: "A newer correction was applied, or another one of this number.",
    why: "Credit notes follow one another.",
    todo: "Sign the correction under the next number.",
  },
  MDMS_PEER_ABSENT: {
    what: "This system is not configured to ask the party that knows.",
    why: "It holds no more than it needs; the rest is asked of others.",
    todo: "Give the MDMS the other party's address and token.",
  },
  MDMS_PEER_UNREACHABLE: {
    what: "The party that knows does not answer.",
    why: "It is another party's machine.",
    todo: "Try again; if it stays so, call that party's operator.",
  },
  MDMS_NO_REPORT: {
    what: "Nobody has written this report yet.",
    why: "The MDMS may not compute it: it takes names that it must not know.",
    todo: "Let the privacy officer run the command that the message names.",
  },
} as const satisfies RefusalTexts;
