// What the registry refuses of proposals and tariffs that the MDMS passes on (docs/protocol.md §9), in clear words.

import type { RefusalTexts } from "./refusal-text.ts";

export const registryTexts = {
  REGISTRY_INVALID_CHANGE: {
    what: "The registry cannot do this.",
    why: "A change must not contradict what is registered, or make a bill of a few days.",
    todo: "The message says what is wrong, and from when on it would be possible.",
  },
  REGISTRY_TAKEN: {
    what: "This name, meter or number is another's.",
    why: "Two customers at one meter would see each other's readings.",
    todo: "Check the number; the registry's clerk can say whose it is.",
  },
  REGISTRY_UNKNOWN: {
    what: "The registry does not know this service point, tariff or proposal.",
    why: "Only what is registered can be changed.",
    todo: "Load the page again: it may show an older epoch.",
  },
  REGISTRY_COHORT_TOO_FINE: {
    what: "A day of this neighbourhood has more intervals than one ciphertext holds.",
    why: "A day is summed as one.",
    todo: "Take a longer interval, or a longer key at the next ceremony.",
  },
  REGISTRY_PROFILE_DOWNGRADE: {
    what: "A neighbourhood whose meters encrypt cannot go back to an opener.",
    why: "What was promised to households is not taken back.",
    todo: "Nothing.",
  },
  REGISTRY_REWRITES_PAST: {
    what: "The change would rewrite what earlier epochs said.",
    why: "Everybody has verified those.",
    todo: "Let the change begin in the future.",
  },
  REGISTRY_POLICY_NOTICE: {
    what: "A policy that loosens was not announced for thirty days.",
    why: "Customers and trustees hear of it first.",
    todo: "Announce it, or wait for the notice to end.",
  },
  REGISTRY_TARIFF_INVALID: {
    what: "The registry does not take this tariff.",
    why: "Bills are made of it: it must be signed, in order, and fair to windows that run.",
    todo: "The message says what is wrong; preview the tariff before it is signed.",
  },
  REGISTRY_PRICES_INVALID: {
    what: "The registry does not take these prices.",
    why: "Costs are counted by them: they must be signed, follow one another, and be some tariff's.",
    todo: "The message says what is wrong.",
  },
  REGISTRY_NO_SUCH_EPOCH: {
    what: "There is no such epoch.",
    why: "Epochs are counted without gaps.",
    todo: "Load the page again.",
  },
  REGISTRY_PROPOSAL_DECIDED: {
    what: "This proposal is not open any more.",
    why: "It is decided once.",
    todo: "See what became of it in the list; file another one if it is still wanted.",
  },
  REGISTRY_PROPOSALS_FULL: {
    what: "As many proposals as the registry takes are open, or were filed within a day.",
    why: "Each shows what a move would do to a neighbourhood: nobody should try them all.",
    todo: "Wait until the clerk has decided some, or until tomorrow.",
  },
} as const satisfies RefusalTexts;
