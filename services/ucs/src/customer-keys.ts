/**
 * Consumes the stream `customer-keys` (docs/protocol.md §3, §10.1): customers' key envelopes, meters' offers and their answers. The UCS
 * carries them between meter and customer; it has no key that opens an envelope and no code that makes an answer.
 */
import {
  decodeEnrolmentAnswer,
  decodeEnvelope,
  decodeOffer,
  decodeUplinkItem,
  verifyEnrolmentAnswer,
  verifyEnvelope,
  verifyOffer,
  type RegistryFeed,
  type UcsView,
} from "@smarter-metering/protocol";
import type { Clock, Delivery, Handler, Metrics, Verdict } from "@smarter-metering/runtime";
import type { EnrolmentStore } from "./enrolment-store.ts";
import type { EnvelopeStore } from "./envelope-store.ts";
import type { LiveHub } from "./live-hub.ts";
import { senderOf, servicePointsOf, type ServicePoints } from "./service-points.ts";
import { deadReason, settleForeign } from "./settle.ts";

export interface CustomerKeysPorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly registry: RegistryFeed<UcsView>;
  readonly envelopes: EnvelopeStore;
  readonly enrolments: EnrolmentStore;
  readonly hub: LiveHub;
}

const ACK: Verdict = { ack: true };

export function customerKeysHandler(ports: CustomerKeysPorts): Handler {
  const total = ports.metrics.counter(
    "ucs_customer_keys_total",
    "Envelopes, offers and answers by what became of them",
    ["kind", "outcome"],
  );
  return async (batch) => {
    const points = servicePointsOf(ports.registry.current().view);
    const verdicts: Verdict[] = [];
    for (const delivery of batch) {
      const { kind, verdict } = await take(ports, points, delivery);
      const outcome = "dead" in verdict ? verdict.dead : "ack" in verdict ? "taken" : "retry";
      total.add(1, { kind, outcome });
      verdicts.push(verdict);
    }
    return verdicts;
  };
}

async function take(
  ports: CustomerKeysPorts,
  points: ServicePoints,
  delivery: Delivery,
): Promise<{ kind: string; verdict: Verdict }> {
  let kind = "unknown";
  try {
    const item = decodeUplinkItem(delivery.body);
    kind = item.kind;
    switch (item.kind) {
      case "ENVELOPE":
        return { kind, verdict: await takeEnvelope(ports, points, delivery, item.message) };
      case "ENROLMENT_OFFER":
        return { kind, verdict: await takeOffer(ports, points, delivery, item.message) };
      case "ENROLMENT_ANSWER":
        return { kind, verdict: await takeAnswer(ports, points, delivery, item.message) };
      default:
        return { kind, verdict: { dead: "MISPLACED" } };
    }
  } catch (error) {
    return { kind, verdict: deadReason(error) };
  }
}

async function takeEnvelope(
  { envelopes }: CustomerKeysPorts,
  points: ServicePoints,
  delivery: Delivery,
  message: Uint8Array,
): Promise<Verdict> {
  const envelope = decodeEnvelope(message);
  if (envelope.recipient !== "customer") return { dead: "MISPLACED" };
  const sender = senderOf(points, envelope);
  if (sender === undefined) return settleForeign(delivery);
  await verifyEnvelope(envelope, sender.meterKey);
  await envelopes.put(envelope, sender, message);
  return ACK;
}

async function takeOffer(
  { enrolments }: CustomerKeysPorts,
  points: ServicePoints,
  delivery: Delivery,
  message: Uint8Array,
): Promise<Verdict> {
  const offer = decodeOffer(message);
  const sender = senderOf(points, offer);
  if (sender === undefined) return settleForeign(delivery);
  await verifyOffer(offer, sender.meterKey);
  await enrolments.putOffer(offer, sender, message, delivery.sequence);
  return ACK;
}

async function takeAnswer(
  { clock, enrolments, hub }: CustomerKeysPorts,
  points: ServicePoints,
  delivery: Delivery,
  message: Uint8Array,
): Promise<Verdict> {
  const answer = decodeEnrolmentAnswer(message);
  const sender = senderOf(points, answer);
  if (sender === undefined) return settleForeign(delivery);
  await verifyEnrolmentAnswer(answer, sender.meterKey);
  const nowSeconds = Math.floor(clock.nowMs() / 1000);
  const answered = await enrolments.answer(answer, sender, message, nowSeconds);
  if (answered.outcome === "unknown") return { dead: "UNKNOWN_NONCE" };
  if (answered.outcome === "accepted") hub.end(sender.servicePoint);
  return ACK;
}
