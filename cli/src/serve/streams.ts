/** The streams between the roles, their limits, and who may publish and consume what (docs/operating.md). */
import { partyName } from "../deployment/certificates.ts";
import { PARTITIONS } from "@smarter-metering/runtime";
import type { BusGrant, BusToken, ConsumerName, StreamOptions } from "@smarter-metering/runtime";

/** A full stream pushes back: the publisher keeps its messages, in the end the meters keep their frames. */
const MESSAGES_MAX = 100_000;
/** Of releases and partial releases that all have taken; others go at once, and the log never. */
export const RELEASES_KEPT_DAYS = 40;
const RELEASES_KEPT = { seconds: RELEASES_KEPT_DAYS * 86_400 };

/** Names under which trustees take requests: each share holder gets all of them. */
const trusteeNames = (shareHolders: number): string[] =>
  shareHolders === 0
    ? ["trustee"]
    : Array.from({ length: shareHolders }, (_, index) => `trustee-${index + 1}`);

export const streamsOf = (shareHolders: number): readonly StreamOptions[] => [
  { name: "frames", consumers: ["opener"], messagesMax: MESSAGES_MAX },
  { name: "sealed", consumers: ["ucs"], messagesMax: MESSAGES_MAX },
  { name: "customer-keys", consumers: ["ucs"], messagesMax: MESSAGES_MAX },
  { name: "downlink", consumers: ["concentrator"], messagesMax: 10_000 },
  {
    name: "contributions",
    consumers: ["aggregator"],
    messagesMax: MESSAGES_MAX,
    // Several aggregators share them, each cohort in one hand.
    partitions: { aggregator: PARTITIONS },
  },
  {
    name: "log",
    consumers: trusteeNames(shareHolders),
    messagesMax: MESSAGES_MAX,
    // Trustees read it again from its first entry at every start.
    retainAcked: true,
  },
  { name: "cosignatures", consumers: ["aggregator"], messagesMax: MESSAGES_MAX },
  {
    name: "release-requests",
    consumers: trusteeNames(shareHolders),
    // A share holder may be away for long while the others go on.
    messagesMax: shareHolders === 0 ? 10_000 : MESSAGES_MAX,
  },
  {
    name: "releases",
    consumers: ["mdms", "aggregator"],
    messagesMax: 10_000,
    // The trustee reads its own newest release at start: a ledger behind it was rolled back.
    retainAcked: RELEASES_KEPT,
  },
  {
    name: "partial-releases",
    consumers: ["mdms", "aggregator"],
    messagesMax: MESSAGES_MAX,
    retainAcked: RELEASES_KEPT,
  },
  { name: "refusals", consumers: ["aggregator"], messagesMax: 10_000 },
  { name: "statements", consumers: ["ucs"], messagesMax: MESSAGES_MAX },
];

const consumer = (stream: string, name: string): ConsumerName => ({ stream, consumer: name });

const trusteeGrant = (name: string, answers: string): BusGrant => ({
  publish: [answers, "refusals", "cosignatures"],
  consume: [
    consumer("log", name),
    consumer("release-requests", name),
    // To read its own newest answer; it settles nothing under this name.
    consumer(answers, name),
  ],
});

/** What each role's token opens at the bus: nothing beside its own hops. */
const GRANTS: Readonly<Record<string, BusGrant>> = {
  concentrator: {
    // Contributions: those that meters make themselves; each is signed, by opener or meter.
    publish: ["frames", "sealed", "customer-keys", "contributions"],
    consume: [consumer("downlink", "concentrator")],
  },
  opener: { publish: ["contributions"], consume: [consumer("frames", "opener")] },
  aggregator: {
    publish: ["release-requests", "log"],
    consume: [
      consumer("cosignatures", "aggregator"),
      // To read the last message that it published; it settles nothing under this name.
      consumer("log", "aggregator"),
      consumer("contributions", "aggregator"),
      consumer("releases", "aggregator"),
      consumer("partial-releases", "aggregator"),
      consumer("refusals", "aggregator"),
    ],
  },
  trustee: trusteeGrant("trustee", "releases"),
  mdms: {
    publish: ["statements"],
    consume: [consumer("releases", "mdms"), consumer("partial-releases", "mdms")],
  },
  ucs: {
    publish: ["downlink"],
    consume: [
      consumer("sealed", "ucs"),
      consumer("customer-keys", "ucs"),
      consumer("statements", "ucs"),
    ],
  },
};

/** What a party may do at the bus, by the name of its folder; undefined of one that does not use it. */
export const busGrant = (party: string): BusGrant | undefined =>
  /^trustee-\d+$/.test(party) ? trusteeGrant(party, "partial-releases") : GRANTS[party];

/** Grants for the tokens of `bus/tokens.json`, a map from role, or role and number, to token. */
export function busTokens(tokens: Readonly<Record<string, string>>): BusToken[] {
  return Object.entries(tokens).flatMap(([role, token]) => {
    const grant = busGrant(role);
    return grant === undefined ? [] : [{ token, peer: partyName(role), ...grant }];
  });
}
