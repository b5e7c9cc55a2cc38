/** The streams of the simulation's bus, as docs/operating.md has them, small in some histories so that they fill. */
import { PARTITIONS } from "@smarter-metering/runtime";
import type { Plan } from "./plan.ts";

export interface StreamPlan {
  readonly name: string;
  readonly consumers: readonly string[];
  readonly messagesMax: number;
  readonly retainAcked?: true;
  /** Their number, by consumer. */
  readonly partitions?: Readonly<Record<string, number>>;
}

const LARGE = 10_000;
/** Larger than any batch and all dead letters, smaller than two days' messages. */
const SMALL = 28;

export function streamsOf({ streamsAreSmall, trustees }: Plan): readonly StreamPlan[] {
  const messagesMax = streamsAreSmall ? SMALL : LARGE;
  return [
    { name: "frames", consumers: ["opener"], messagesMax },
    { name: "sealed", consumers: [], messagesMax: LARGE, retainAcked: true },
    { name: "customer-keys", consumers: [], messagesMax: LARGE, retainAcked: true },
    { name: "downlink", consumers: ["concentrator"], messagesMax },
    {
      name: "contributions",
      consumers: ["aggregator"],
      messagesMax,
      partitions: { aggregator: PARTITIONS },
    },
    { name: "log", consumers: trustees, messagesMax: LARGE, retainAcked: true },
    { name: "cosignatures", consumers: ["aggregator"], messagesMax },
    { name: "release-requests", consumers: trustees, messagesMax, retainAcked: true },
    { name: "releases", consumers: ["mdms", "aggregator"], messagesMax, retainAcked: true },
    { name: "partial-releases", consumers: ["mdms", "aggregator"], messagesMax, retainAcked: true },
    { name: "refusals", consumers: ["aggregator"], messagesMax },
  ];
}
