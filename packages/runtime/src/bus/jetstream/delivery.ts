/** A message as NATS has it, as the bus hands it over. */
import type { StoredMsg } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/nats-core";
import type { Delivery } from "../bus.ts";
import { HEADERS, addressOf, unescape } from "./names.ts";
import type { Taken } from "./taken.ts";

/** Of a message taken by a consumer; `attempt` is how often the server has sent it. */
export function deliveryOf({ sequence, attempt, message }: Taken): Delivery {
  const { subject } = addressOf(message.subject);
  const body = new Uint8Array(message.data);
  return { sequence, id: idOf(message.headers), subject, body, attempt };
}

/** Of a message read from a stream. */
export function readingOf({ seq, subject: natsSubject, header, data }: StoredMsg): Delivery {
  const { subject } = addressOf(natsSubject);
  return {
    sequence: BigInt(seq),
    id: idOf(header),
    subject,
    body: new Uint8Array(data),
    attempt: 1,
  };
}

function idOf(headers: MsgHdrs | undefined): string {
  const own = headers?.get(HEADERS.id) ?? "";
  return unescape(own === "" ? (headers?.get(HEADERS.messageId) ?? "") : own);
}
