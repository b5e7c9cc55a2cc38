// Refusals of trustees before any rule is asked (docs/protocol.md §8.2), and of answers to them, in clear words.

import type { RefusalTexts } from "./refusal-text.ts";

const BUG =
  "Report it to the aggregator's operator and keep the trustee's log: a bug or an attack.";
const EPOCHS = "Compare the registry's epoch at aggregator and trustee.";
const ANSWERS = "Look at the trustee that is named; the aggregator goes on without this answer.";

export const requestTexts = {
  REQUEST_MALFORMED: {
    what: "A trustee could not read the request.",
    why: "What is not well formed is not judged.",
    todo: BUG,
  },
  REQUEST_FUTURE_EPOCH: {
    what: "The request rests on a registry epoch that the trustee does not have yet.",
    why: "A trustee judges by the registry that it has verified itself.",
    todo: "Check that the trustee reaches the registry; this block or window is spent.",
  },
  REQUEST_OLD_EPOCH: {
    what: "The request rests on a registry epoch that is too old.",
    why: "Whoever chooses an old epoch chooses who is a member.",
    todo: "Find out why the log was slow; this block or window is spent.",
  },
  REQUEST_BAD_SIGNATURE: {
    what: "The request is not signed by the registered aggregator.",
    why: "Nobody else may ask.",
    todo: BUG,
  },
  REQUEST_WRONG_KEY: {
    what: "The contributions are encrypted under another key.",
    why: "A sum under a key that is not the trustees' could be read by its owner.",
    todo: EPOCHS,
  },
  REQUEST_WRONG_COHORT: {
    what: "The registry has no such neighbourhood or version at that time.",
    why: "Members are those of the registry, not those of the request.",
    todo: EPOCHS,
  },
  REQUEST_WRONG_STREAM: {
    what: "Contributions of one kind were asked for as another.",
    why: "A customer's load summed over a day would be his profile.",
    todo: BUG,
  },
  REQUEST_WRONG_BLOCK: {
    what: "A contribution is not of the block or window that is asked for.",
    why: "Mixed times make sums that no rule has judged.",
    todo: BUG,
  },
  REQUEST_WRONG_PACKING: {
    what: "The values are packed in another way than the registry says.",
    why: "Values that overlap would spill into each other.",
    todo: EPOCHS,
  },
  REQUEST_MIXED_PROFILES: {
    what: "Members with and without an opener are in one sum.",
    why: "What can be promised differs between them.",
    todo: EPOCHS,
  },
  REQUEST_FOREIGN_CONTRIBUTION: {
    what: "A contribution is of no member, or not signed by whom the registry lists.",
    why: "Made-up members around one home would show it.",
    todo: BUG,
  },
  REQUEST_DUPLICATE_MEMBER: {
    what: "A member contributes twice to one sum.",
    why: "A sum in which one home counts twice differs from the next by that home.",
    todo: BUG,
  },
  REQUEST_WRONG_MEMBERS: {
    what: "The members that are named are not those who contributed.",
    why: "Rules judge the members that are named.",
    todo: BUG,
  },
  REQUEST_BORDERS_DIFFER: {
    what: "The registers of a bill are not those of its borders.",
    why: "Registers of other instants would bill other days.",
    todo: BUG,
  },
  REQUEST_WRONG_PRODUCT: {
    what: "The sum is not that of its contributions.",
    why: "Any other number could be somebody's reading.",
    todo: BUG,
  },
  REQUEST_NOT_LOGGED: {
    what: "The request does not stand in the public log.",
    why: "What is not in the log could be asked for twice without anybody seeing it.",
    todo: BUG,
  },
  REQUEST_TOO_LARGE: {
    what: "The request does not fit one message.",
    why: "Every message has a limit.",
    todo: "Make the neighbourhood smaller, or its meters' interval longer.",
  },
  REQUEST_FORGOTTEN: {
    what: "The contributions to this release are deleted.",
    why: "What a household has contributed to a load is kept for 40 days after it was added up.",
    todo: "Nothing: the release and its place in the log stay.",
  },
  REGISTRY_NOT_ACCEPTED: {
    what: "The registry's policy or key is not the one this trustee was installed for.",
    why: "The registry alone cannot loosen the rules: a person at the trustee has to agree.",
    todo: "Let the trustee's operator compare the policy, and agree to it or not.",
  },
  RELEASE_CORRUPT: {
    what: "What was decrypted is no sum of so many contributions.",
    why: "Values out of range show that a contribution is wrong.",
    todo: "A load: look at the opener. A bill: a register ran backwards, look at that meter.",
  },
  ANSWER_MALFORMED: {
    what: "An answer could not be read.",
    why: "What is not well formed is not believed.",
    todo: ANSWERS,
  },
  ANSWER_BAD_SIGNATURE: {
    what: "An answer is not signed by a registered trustee.",
    why: "Anybody could answer otherwise.",
    todo: ANSWERS,
  },
  ANSWER_UNKNOWN: {
    what: "An answer belongs to no request of this aggregator.",
    why: "Answers to what was not asked show that a ledger is not the newest.",
    todo: "Was the aggregator restored from a copy? Otherwise look at the trustee.",
  },
  ANSWER_KEY_HOLDING: {
    what: "Whole releases and shares of a key were mixed.",
    why: "Where trustees share a key none of them can answer alone.",
    todo: "Bring everybody to the newest registry epoch.",
  },
  COSIGNATURE_FOREIGN: {
    what: "A cosignature of the log is of no registered trustee.",
    why: "Only trustees vouch for the log.",
    todo: "Compare the registry's epoch at aggregator and trustee.",
  },
} as const satisfies RefusalTexts;
