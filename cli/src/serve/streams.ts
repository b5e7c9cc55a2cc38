/** The streams between the roles, their limits, and who may publish and consume what (docs/operating.md). */
import type { BusToken, ConsumerName, StreamOptions } from "@smarter-metering/runtime";

/** A full stream pushes back: the publisher keeps its messages, in the end the meters keep their frames. */
const MESSAGES_MAX = 100_000;
const DAY_SECONDS = 86_400;

export const streams: readonly StreamOptions[] = [
  { name: "frames", consumers: ["opener"], messagesMax: MESSAGES_MAX },
  { name: "sealed", consumers: ["ucs"], messagesMax: MESSAGES_MAX },
  { name: "customer-keys", consumers: ["ucs"], messagesMax: MESSAGES_MAX },
  { name: "downlink", consumers: ["concentrator"], messagesMax: 10_000 },
  { name: "contributions", consumers: ["aggregator"], messagesMax: MESSAGES_MAX },
  { name: "release-requests", consumers: ["trustee"], messagesMax: 10_000 },
  {
    name: "releases",
    consumers: ["mdms", "aggregator"],
    messagesMax: 10_000,
    // The trustee reads its own newest release at start: a ledger behind it was rolled back.
    retainAcked: { seconds: 40 * DAY_SECONDS },
  },
  { name: "refusals", consumers: ["aggregator"], messagesMax: 10_000 },
];

const consumer = (stream: string, name: string): ConsumerName => ({ stream, consumer: name });

/** What each role's token opens at the bus: nothing beside its own hops. */
const GRANTS: Readonly<Record<string, Omit<BusToken, "token">>> = {
  concentrator: {
    publish: ["frames", "sealed", "customer-keys"],
    consume: [consumer("downlink", "concentrator")],
  },
  opener: { publish: ["contributions"], consume: [consumer("frames", "opener")] },
  aggregator: {
    publish: ["release-requests"],
    consume: [
      consumer("contributions", "aggregator"),
      consumer("releases", "aggregator"),
      consumer("refusals", "aggregator"),
    ],
  },
  trustee: {
    publish: ["releases", "refusals"],
    consume: [
      consumer("release-requests", "trustee"),
      // To read its own newest release; it settles nothing under this name.
      consumer("releases", "trustee"),
    ],
  },
  mdms: { publish: [], consume: [consumer("releases", "mdms")] },
  ucs: {
    publish: ["downlink"],
    consume: [consumer("sealed", "ucs"), consumer("customer-keys", "ucs")],
  },
};

/** Grants for the tokens of `bus/tokens.json`, a map from role to token. */
export function busTokens(tokens: Readonly<Record<string, string>>): BusToken[] {
  return Object.entries(tokens).flatMap(([role, token]) => {
    const grant = GRANTS[role];
    return grant === undefined ? [] : [{ token, ...grant }];
  });
}
